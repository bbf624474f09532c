// Documents of browsing as JSON texts with compare-and-set, which each store has an adapter for.
import { setTimeout as delay } from 'node:timers/promises';
import { pairs } from '../../domain/kernel/collections.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import type {
  BrowsingStore,
  SessionDocument,
  ViewedProductDocument,
} from '../../projections/recommendation/browsing.js';

/** A document expires after this time without a change. */
export const BROWSING_TTL_MS = 30 * 24 * 60 * 60_000;

/** Attempts to change a document that others change at the same time. */
const MAX_ATTEMPTS = 20;
const LONGEST_PAUSE_MS = 50;

export interface ExpiringTexts {
  engine: string;
  /** Undefined for a missing or expired text. Texts have the order of the keys. */
  load(keys: readonly string[]): Promise<(string | undefined)[]>;
  /** False if the text is not `before` any more. Undefined: there must be none. The text expires after `BROWSING_TTL_MS`. */
  swap(key: string, before: string | undefined, after: string): Promise<boolean>;
  delete(key: string): Promise<void>;
}

const sessionKey = (id: string) => `s:${id}`;
const productKey = (id: string) => `p:${id}`;

/** All calls reject with `Unavailable` while the store does not answer. */
export function createBrowsingStore(texts: ExpiringTexts): BrowsingStore {
  async function load<T>(ids: readonly string[], keyOf: (id: string) => string): Promise<Map<string, T>> {
    if (ids.length === 0) return new Map();
    const found = await texts.load(ids.map(keyOf));
    return new Map(
      pairs(ids, found).flatMap(([id, text]) => (text === undefined ? [] : [[id, JSON.parse(text) as T]])),
    );
  }

  async function change<T>(key: string, evolve: (before: T | undefined) => T | undefined): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const [before] = await texts.load([key]);
      const after = evolve(before === undefined ? undefined : (JSON.parse(before) as T));
      if (after === undefined || (await texts.swap(key, before, JSON.stringify(after)))) return;
      await delay(Math.random() * LONGEST_PAUSE_MS);
    }
    throw new Unavailable(texts.engine, `others have changed a document of browsing ${MAX_ATTEMPTS} times meanwhile`);
  }

  return {
    sessions: (ids) => load<SessionDocument>(ids, sessionKey),
    products: (ids) => load<ViewedProductDocument>(ids, productKey),
    changeSession: (id, evolve) => change(sessionKey(id), evolve),
    changeProduct: (id, evolve) => change(productKey(id), evolve),
    deleteSession: (id) => texts.delete(sessionKey(id)),
  };
}
