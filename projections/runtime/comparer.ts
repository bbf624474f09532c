// Compares stored documents with the fold of the log, and repairs those that differ. It finds what positions cannot show: a
// document that a failover has set back behind the position of its stream.
import { pairs } from '../../domain/kernel/collections.js';
import type { Commit } from '../../domain/kernel/commit.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { commitsOf } from './commits.js';
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
  /** Compares the documents that the streams touch, and repairs those that differ. Returns the number of documents. */
  compare(streams: readonly StreamId[]): Promise<number>;
  /** The documents that the streams touch and that differ. They stay as they are. Beside writers a document may differ for a moment. */
  differences(streams: readonly StreamId[]): Promise<DocumentId[]>;
  /** Compares documents with the fold of these streams, and of those that feed the stored documents. Changes nothing. */
  examine(follower: Followed, asked: ReadonlyMap<string, Iterable<StreamId>>): Promise<Examined[]>;
  /** Writes what was expected. Returns the keys of the documents that nobody else has written meanwhile. */
  mend(follower: Followed, wrong: readonly Examined[]): Promise<string[]>;
  /** The commits of a stream that the projection can process, with the documents that they touch. */
  history(stream: StreamId, follower: Followed, upTo: number): AsyncIterable<{ touches: Touches }>;
}

/** A document, and the fold of the streams that feed it. */
export interface Examined {
  key: string;
  feeds: readonly StreamId[];
  expected: Draft | undefined;
  stored: StoredDocument | undefined;
  isRight: boolean;
  /** Of the store that was read. */
  session: unknown;
}

type OnExamined = (follower: Followed, examined: readonly Examined[]) => Promise<void>;

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
    await compareAll(streams, async ({ name }, examined) => {
      found.push(...examined.flatMap(({ key, isRight }) => (isRight ? [] : [{ table: name, key }])));
    });
    return found;
  }

  async function compareAll(streams: readonly StreamId[], onExamined: OnExamined): Promise<number> {
    const done = new Map<string, Done>();
    for (const stream of streams) {
      for (const follower of followersOf(stream)) {
        const mine = done.get(follower.name) ?? new Map();
        done.set(follower.name, mine);
        await compareStream(stream, follower, mine, onExamined);
      }
    }
    return [...done.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Compares the documents that the stream touches, some at a time, without those that are done. */
  async function compareStream(
    stream: StreamId,
    follower: Followed,
    done: Done,
    onExamined: OnExamined,
  ): Promise<void> {
    let keys = new Set<string>();
    const flush = async () => {
      if (keys.size === 0) return;
      const examined = await examine(follower, new Map([...keys].map((key) => [key, [stream]])));
      for (const { key, feeds } of examined) done.set(key, new Set([...(done.get(key) ?? []), ...feeds]));
      await onExamined(follower, examined);
      keys = new Set();
    };
    for await (const { touches } of history(stream, follower, Number.POSITIVE_INFINITY)) {
      for (const key of touches.keys()) if (!done.get(key)?.has(stream)) keys.add(key);
      if (keys.size >= DOCUMENTS_AT_ONCE) await flush();
    }
    await flush();
  }

  async function repair(follower: Followed, examined: readonly Examined[]): Promise<void> {
    const repaired = await mend(
      follower,
      examined.filter(({ isRight }) => !isRight),
    );
    metrics?.compared(follower.name, examined.length, repaired.length);
    if (repaired.length === 0) return;
    const told = {
      projection: follower.name,
      number: repaired.length,
      documents: repaired.slice(0, MAX_NAMED_DOCUMENTS),
    };
    log.error(told, 'documents differed from the log; they are repaired');
  }

  async function examine(follower: Followed, asked: ReadonlyMap<string, Iterable<StreamId>>): Promise<Examined[]> {
    const { name } = follower;
    const ids = [...asked.keys()].map((key) => ({ table: name, key }));
    const feeds = feedsOf(asked, await documents.load(ids, []));
    const found = await documents.load(ids, [...feeds.keys()]);
    const stored = new Map(found.documents.map((document) => [document.key, document]));
    const drafts = new Map<string, Draft>();
    for (const [feed, fed] of feeds) {
      const place = positionFor(name, found.positions.get(feed));
      // A document may be ahead of the position, because another worker is writing it or did not finish.
      const limits = new Map(fed.map((key) => [key, Math.max(place, stored.get(key)?.positions[feed] ?? 0)]));
      await fold(feed, follower, limits, drafts);
    }
    return [...asked.keys()].map((key) => ({
      key,
      feeds: [...feeds].flatMap(([feed, fed]) => (fed.includes(key) ? [feed] : [])),
      expected: drafts.get(key),
      stored: stored.get(key),
      isRight: isSame(drafts.get(key), stored.get(key)),
      session: found.session,
    }));
  }

  async function mend({ name }: Followed, wrong: readonly Examined[]): Promise<string[]> {
    const outcomes = await documents.save(
      wrong.map(({ key, expected, stored }) => writeOf(name, key, expected, stored)),
      new Map(),
      wrong[0]?.session,
    );
    // Another worker has written the others meanwhile.
    return pairs(wrong, outcomes).flatMap(([{ key }, { saved }]) => (saved ? [key] : []));
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
    for await (const commit of commitsOf(store, stream)) {
      if (commit.position.commitNo > upTo) return;
      const touches = touchesOrNothing(evolution, commit);
      if (!touches) return;
      if (touches.size > 0) yield { commit, touches };
      if (commit.position.commitNo >= upTo) return;
    }
  }

  return { compare, differences, examine, mend, history };
}

/** The streams that feed the documents, with the keys of those: the streams that were asked for, and those that the store knows. */
function feedsOf(asked: ReadonlyMap<string, Iterable<StreamId>>, { documents }: Loaded): Map<StreamId, string[]> {
  const byKey = new Map([...asked].map(([key, streams]) => [key, new Set(streams)]));
  for (const { key, positions } of documents) {
    for (const feed of Object.keys(positions) as StreamId[]) byKey.get(key)?.add(feed);
  }
  const feeds = new Map<StreamId, string[]>();
  for (const [key, streams] of byKey) {
    for (const feed of streams) {
      const fed = feeds.get(feed);
      if (fed) fed.push(key);
      else feeds.set(feed, [key]);
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
