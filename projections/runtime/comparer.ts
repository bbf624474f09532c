// Compares stored documents with the fold of the log, and repairs those that differ. It finds what positions cannot show: a
// document that a failover has set back behind the position of its stream.
import { pairs } from '../../domain/kernel/collections.js';
import type { Commit } from '../../domain/kernel/commit.js';
import { InvalidEvent } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Draft, Evolution, Touches } from './evolution.js';
import {
  type DocumentId,
  type DocumentStore,
  type DocumentWrite,
  type Loaded,
  positionFor,
  type StoredDocument,
} from './sink.js';

/** Documents that are folded and compared at once. */
const DOCUMENTS_AT_ONCE = 500;

/** Repaired documents that a line of the log names. */
const MAX_NAMED_DOCUMENTS = 10;

export interface Comparer {
  /** Repairs the documents that differ. Returns the number of documents. */
  compare(streams: readonly StreamId[]): Promise<number>;
  /** The documents that differ, which stay as they are. Beside writers a document may differ for a moment. */
  differences(streams: readonly StreamId[]): Promise<DocumentId[]>;
}

/** What a comparison of some documents of a projection has found. */
interface Findings {
  name: string;
  keys: readonly string[];
  wrong: readonly string[];
  drafts: ReadonlyMap<string, Draft>;
  stored: ReadonlyMap<string, StoredDocument>;
  session: unknown;
}
type OnFindings = (findings: Findings) => Promise<void>;

export interface Followed {
  /** Physical name of the projection. */
  name: string;
  evolution: Evolution;
}

export interface ComparerDeps {
  documents: DocumentStore;
  store: EventStore;
  log: { error(fields: object, message: string): void };
  metrics?: { compared(projection: string, documents: number, differences: number): void } | undefined;
  followersOf(stream: StreamId): readonly Followed[];
}

/** By key: the streams that were folded for the document. If the document was lost, some of its streams are not known yet. */
type Done = Map<string, Set<StreamId>>;

export function createComparer({ documents, store, log, metrics, followersOf }: ComparerDeps): Comparer {
  const compare = (streams: readonly StreamId[]) => compareAll(streams, repair);

  async function differences(streams: readonly StreamId[]): Promise<DocumentId[]> {
    const found: DocumentId[] = [];
    await compareAll(streams, async ({ name, wrong }) => {
      found.push(...wrong.map((key) => ({ table: name, key })));
    });
    return found;
  }

  async function compareAll(streams: readonly StreamId[], onFindings: OnFindings): Promise<number> {
    const done = new Map<string, Done>();
    for (const stream of streams) {
      for (const follower of followersOf(stream)) {
        const mine = done.get(follower.name) ?? new Map();
        done.set(follower.name, mine);
        await compareStream(stream, follower, mine, onFindings);
      }
    }
    return [...done.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Compares the documents that the stream touches, some at a time, without those that are done. */
  async function compareStream(
    stream: StreamId,
    follower: Followed,
    done: Done,
    onFindings: OnFindings,
  ): Promise<void> {
    let keys = new Set<string>();
    const flush = async () => {
      if (keys.size > 0) await onFindings(await compareSome(stream, follower, [...keys], done));
      keys = new Set();
    };
    for await (const { touches } of history(stream, follower, Number.POSITIVE_INFINITY)) {
      for (const key of touches.keys()) if (!done.get(key)?.has(stream)) keys.add(key);
      if (keys.size >= DOCUMENTS_AT_ONCE) await flush();
    }
    await flush();
  }

  async function compareSome(
    stream: StreamId,
    follower: Followed,
    keys: readonly string[],
    done: Done,
  ): Promise<Findings> {
    const { name } = follower;
    const ids = keys.map((key) => ({ table: name, key }));
    const feeds = feedsOf(stream, keys, await documents.load(ids, []));
    const found = await documents.load(ids, [...feeds.keys()]);
    const stored = new Map(found.documents.map((document) => [document.key, document]));
    const drafts = new Map<string, Draft>();
    for (const [feed, fed] of feeds) {
      const place = positionFor(name, found.positions.get(feed));
      // A document may be ahead of the position, because another worker is writing it or did not finish.
      const limits = new Map(fed.map((key) => [key, Math.max(place, stored.get(key)?.positions[feed] ?? 0)]));
      await fold(feed, follower, limits, drafts);
      for (const key of fed) done.set(key, (done.get(key) ?? new Set()).add(feed));
    }
    const wrong = keys.filter((key) => !isSame(drafts.get(key), stored.get(key)));
    return { name, keys, wrong, drafts, stored, session: found.session };
  }

  async function repair({ name, keys, wrong, drafts, stored, session }: Findings): Promise<void> {
    const outcomes = await documents.save(
      wrong.map((key) => writeOf(name, key, drafts.get(key), stored.get(key))),
      new Map(),
      session,
    );
    // Another worker has written the others meanwhile.
    const repaired = pairs(wrong, outcomes).flatMap(([key, { saved }]) => (saved ? [key] : []));
    metrics?.compared(name, keys.length, repaired.length);
    if (repaired.length === 0) return;
    const told = { projection: name, number: repaired.length, documents: repaired.slice(0, MAX_NAMED_DOCUMENTS) };
    log.error(told, 'documents differed from the log; they are repaired');
  }

  async function fold(
    stream: StreamId,
    follower: Followed,
    limits: ReadonlyMap<string, number>,
    drafts: Map<string, Draft>,
  ): Promise<void> {
    for await (const { commit, touches } of history(stream, follower, Math.max(...limits.values()))) {
      const mine = new Map([...touches].filter(([key]) => commit.position.commitNo <= (limits.get(key) ?? 0)));
      try {
        for (const [key, draft] of follower.evolution.evolve(commit, mine, (key) => drafts.get(key))) {
          drafts.set(key, draft);
        }
      } catch {
        return; // Its stream is quarantined there.
      }
    }
  }

  /** The commits that the projection can process, with the documents that they touch. */
  async function* history(
    stream: StreamId,
    { evolution }: Followed,
    upTo: number,
  ): AsyncIterable<{ commit: Commit; touches: Touches }> {
    if (upTo === 0) return;
    try {
      for await (const commit of store.read(stream)) {
        if (commit.position.commitNo > upTo) return;
        const touches = touchesOrNothing(evolution, commit);
        if (!touches) return;
        if (touches.size > 0) yield { commit, touches };
        if (commit.position.commitNo >= upTo) return;
      }
    } catch (error) {
      if (!(error instanceof InvalidEvent)) throw error;
    }
  }

  return { compare, differences };
}

/** The streams that feed the documents, with the keys of those. */
function feedsOf(stream: StreamId, keys: readonly string[], { documents }: Loaded): Map<StreamId, string[]> {
  const feeds = new Map<StreamId, string[]>([[stream, [...keys]]]);
  for (const { key, positions } of documents) {
    for (const feed of Object.keys(positions) as StreamId[]) {
      if (feed !== stream) feeds.set(feed, [...(feeds.get(feed) ?? []), key]);
    }
  }
  return feeds;
}

function touchesOrNothing(evolution: Evolution, commit: Commit): Touches | undefined {
  try {
    return evolution.touches(commit);
  } catch {
    return undefined;
  }
}

function writeOf(
  table: string,
  key: string,
  draft: Draft | undefined,
  stored: StoredDocument | undefined,
): DocumentWrite {
  return {
    table,
    key,
    document: draft?.document ?? null,
    positions: draft?.positions ?? {},
    revision: stored?.revision,
  };
}

/** Compares as JSON; streams that feed one document may write its members in any order. */
function isSame(expected: Draft | undefined, stored: StoredDocument | undefined): boolean {
  if (expected && !stored) return false;
  return JSON.stringify(sorted(expected?.document ?? null)) === JSON.stringify(sorted(stored?.document ?? null));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, sorted(member)]));
}
