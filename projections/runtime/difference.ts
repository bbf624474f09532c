// Finds every document of one projection that differs from the fold of the log: first along the log, which finds what is missing, then
// along the store, which finds what is too much. Memory use depends on the number of differences alone.
import { millisOf } from '../../domain/kernel/clock.js';
import { OperatorError, Problem } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { categoryOf, type StreamId } from '../../domain/kernel/stream.js';
import { type ComparerDeps, createComparer, type Examined, type Followed } from './comparer.js';
import { createEvolution, type IsSkipped } from './evolution.js';
import { type Document, type Projection, physicalName } from './projection.js';

/** Documents that are examined at once. */
const DOCUMENTS_AT_ONCE = 500;

/** Most documents that one run tells of. */
export const MAX_DIFFERENCES = 100_000;

export interface Difference {
  key: string;
  /** `missing`: the store lacks the document. `surplus`: the log has no events for it. */
  kind: 'missing' | 'surplus' | 'different';
  /** `null` is a tombstone; absent: there is none. */
  stored?: Document | null;
  expected?: Document | null;
  /** How many streams feed the document. */
  streams: number;
  repaired: boolean;
}

export interface DifferenceDeps extends Pick<ComparerDeps, 'documents' | 'log'> {
  projection: Projection<never, never>;
  store: EventStore;
  isSkipped: IsSkipped;
}

export interface DifferenceOptions {
  /** Only this document. Throws `not_found` if neither the store nor the log has it. */
  key?: string | undefined;
  /** Writes what the log says, under compare-and-set, as the daily comparison does. */
  repair: boolean;
  /** Called with the seconds of the log that were read, of all, and then with the number of stored documents that were read. */
  onProgress?: (what: 'seconds of the log' | 'stored documents', read: number, total?: number) => void;
}

export async function* differences(
  { projection, documents, store, log, isSkipped }: DifferenceDeps,
  { key: only, repair, onProgress = () => {} }: DifferenceOptions,
): AsyncGenerator<Difference> {
  if (projection.approximate)
    throw new OperatorError(
      `The read model ${projection.name} keeps approximate counts, which cannot be compared with the log. Rebuild it to count anew.`,
    );
  const follower: Followed = { name: physicalName(projection), evolution: createEvolution(projection, isSkipped) };
  const comparer = createComparer({ documents, store, log, followersOf: () => [follower] });
  const suspects = new Map<string, Set<StreamId>>();
  let isKnown = false;

  async function examine(asked: ReadonlyMap<string, Iterable<StreamId>>): Promise<void> {
    for (const { key, feeds, isRight } of await comparer.examine(follower, asked)) {
      if (isRight) continue;
      const known = suspects.get(key);
      suspects.set(key, new Set([...(known ?? []), ...feeds]));
    }
  }

  /** A missing document does not say which streams feed it, so each of them makes it a suspect. */
  async function alongTheLog(): Promise<void> {
    const upTo = await store.watermark();
    let first: number | undefined;
    let asked = new Map<string, StreamId[]>();
    const flush = async () => {
      if (asked.size > 0) await examine(asked);
      asked = new Map();
    };
    for await (const { stream, commitNo, at } of store.log(0, upTo)) {
      first ??= at;
      onProgress('seconds of the log', secondsIn(at - first), secondsIn(upTo - first));
      if (commitNo !== 1 || !projection.categories.includes(categoryOf(stream))) continue;
      for (const key of await keysOf(stream)) {
        isKnown ||= key === only;
        asked.set(key, [...(asked.get(key) ?? []), stream]);
        if (asked.size >= DOCUMENTS_AT_ONCE) await flush();
      }
      if (suspects.size >= MAX_DIFFERENCES) break;
    }
    await flush();
  }

  async function keysOf(stream: StreamId): Promise<Set<string>> {
    const keys = new Set<string>();
    for await (const { touches } of comparer.history(stream, follower, Number.POSITIVE_INFINITY)) {
      for (const key of touches.keys()) if (only === undefined || key === only) keys.add(key);
    }
    return keys;
  }

  async function alongTheStore(): Promise<void> {
    let read = 0;
    for await (const keys of documents.keys(follower.name)) {
      for (const some of chunksOf(keys)) {
        await examine(new Map(some.map((key) => [key, []])));
        read += some.length;
        onProgress('stored documents', read);
      }
      if (suspects.size >= MAX_DIFFERENCES) return;
    }
  }

  await alongTheLog();
  if (only === undefined) await alongTheStore();
  else {
    await examine(new Map([[only, []]]));
    if (!isKnown && !suspects.has(only))
      throw new Problem('not_found', `There is no document ${only} in ${projection.name}, and none in the log.`);
  }
  for (const some of chunksOf([...suspects])) {
    // Projectors have gone on meanwhile, and all streams of the documents are known now.
    const wrong = (await comparer.examine(follower, new Map(some))).filter(({ isRight }) => !isRight);
    const repaired = new Set(repair ? await comparer.mend(follower, wrong) : []);
    for (const one of wrong) yield differenceOf(one, repaired.has(one.key));
  }
}

function differenceOf({ key, feeds, expected, stored }: Examined, repaired: boolean): Difference {
  const hasEvents = expected !== undefined;
  return {
    key,
    kind: !stored ? 'missing' : hasEvents ? 'different' : 'surplus',
    ...(stored && { stored: stored.document }),
    ...(hasEvents && { expected: expected.document ?? null }),
    streams: feeds.length,
    repaired,
  };
}

const secondsIn = (hlc: number) => Math.round(millisOf(hlc) / 1000);

function* chunksOf<T>(items: readonly T[]): Generator<T[]> {
  for (let from = 0; from < items.length; from += DOCUMENTS_AT_ONCE) yield items.slice(from, from + DOCUMENTS_AT_ONCE);
}
