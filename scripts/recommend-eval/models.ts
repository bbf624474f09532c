// The models that are compared: the one that serves, with its documents in memory, and two plain ones that count everything.
import { basketOf, boughtTogether } from '../../projections/recommendation/baskets.js';
import {
  type BrowsingStore,
  MAX_SESSION_VIEWS,
  nextProducts,
  recordViews,
  type SessionDocument,
  type View,
  type ViewedProductDocument,
} from '../../projections/recommendation/browsing.js';
import { addScore, ranked, type Scores, type Weighted } from '../../projections/recommendation/scores.js';

export interface Model {
  learn(items: readonly string[]): Promise<void> | void;
  /** At most `limit` items for what was seen before, the best first. Called only after everything is learnt. */
  recommend(seen: readonly string[], limit: number): Promise<string[]> | string[];
}

/** The items that occur most. */
export function popular(): Model {
  const counts: Scores = new Map();
  let best: string[] | undefined;
  return {
    learn(items) {
      for (const item of items) addScore(counts, item, 1);
    },
    recommend(_, limit) {
      best ??= ranked(counts, limit);
      return best;
    },
  };
}

/**
 * The items that occur in most sessions or baskets together with the last one. If the last one may come `again`, it is itself
 * among them, as often as it occurs.
 */
export function cooccurrence({ again }: { again: boolean }): Model {
  const together = new Map<string, Scores>();
  const best = new Map<string, string[]>();
  return {
    learn(items) {
      const each = [...new Set(items)];
      for (const item of each) {
        const scores = together.get(item) ?? new Map();
        together.set(item, scores);
        for (const other of each) if (again || other !== item) addScore(scores, other, 1);
      }
    },
    recommend(seen, limit) {
      const last = seen.at(-1) ?? '';
      const found = best.get(last) ?? ranked(together.get(last) ?? [], limit);
      best.set(last, found);
      return found;
    },
  };
}

/** So few at once that no view of a long session is left out. */
const BATCH = MAX_SESSION_VIEWS;
const BETWEEN_VIEWS_MS = 1_000;

/** The model of browsing that serves. */
export function browsing(): Model {
  const store = memoryBrowsing();
  let waiting: View[] = [];
  let at = 0;
  let sessions = 0;
  const record = async () => {
    const views = waiting;
    waiting = [];
    await recordViews(store, views);
  };
  return {
    async learn(items) {
      const session = String(sessions++);
      for (const product of items) {
        at += BETWEEN_VIEWS_MS;
        waiting.push({ id: String(at), session, product, at });
        if (waiting.length >= BATCH) await record();
      }
    },
    async recommend(seen, limit) {
      await record();
      return nextProducts(store, seen, limit);
    },
  };
}

/** The model of also-bought that serves. */
export function alsoBought(): Model {
  const together = new Map<string, readonly Weighted[]>();
  return {
    learn(items) {
      const basket = basketOf(items);
      for (const sku of basket) together.set(sku, boughtTogether(together.get(sku), sku, basket));
    },
    recommend: (seen, limit) => ranked(together.get(seen.at(-1) ?? '') ?? [], limit),
  };
}

/** Documents in memory. */
export function memoryBrowsing(): BrowsingStore {
  const sessions = new Map<string, SessionDocument>();
  const products = new Map<string, ViewedProductDocument>();
  return {
    sessions: async (ids) => some(sessions, ids),
    products: async (ids) => some(products, ids),
    async changeSession(id, change) {
      const after = change(sessions.get(id));
      if (after) sessions.set(id, after);
    },
    async changeProduct(id, change) {
      const after = change(products.get(id));
      if (after) products.set(id, after);
    },
    async deleteSession(id) {
      sessions.delete(id);
    },
  };
}

function some<T>(all: ReadonlyMap<string, T>, ids: readonly string[]): Map<string, T> {
  return new Map(
    ids.flatMap((id) => {
      const found = all.get(id);
      return found === undefined ? [] : [[id, found]];
    }),
  );
}
