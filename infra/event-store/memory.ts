// An event store in memory for tests and simulations. It keeps the contract of the real stores and has hooks to inject faults.
import { type Clock, hlcOf } from '../../domain/kernel/clock.js';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { ClockSkew, Deposed } from '../../domain/kernel/errors.js';
import { compareLogEntries, type EventStore, entryOf, type Fence } from '../../domain/kernel/event-store.js';
import { MAX_CLOCK_SKEW_MS, WATERMARK_LAG_MS } from '../../domain/kernel/limits.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { type CommitCodec, positionOf } from './codec.js';

/** The stored data. Several event stores on one log act as several processes. */
export interface MemoryLog {
  streams: Map<StreamId, StoredCommit[]>;
  /** All commits in order of arrival, as a change feed would see them. */
  arrivals: StoredCommit[];
  /** The current token of each lease. */
  tokens: Map<string, number>;
}

export function createMemoryLog(): MemoryLog {
  return { streams: new Map(), arrivals: [], tokens: new Map() };
}

export interface MemoryEventStoreOptions {
  codec: CommitCodec;
  log?: MemoryLog;
  /** The writer's clock. `storeClock` is the store's. */
  clock?: Clock;
  storeClock?: Clock;
  watermarkLagMs?: number;
  /** Runs before the commit is applied: throw to crash there, await to delay it. */
  beforeAppend?: (commit: StoredCommit) => void | Promise<void>;
  /** Runs after the attempt: throw to crash before the outcome is known. */
  afterAppend?: (commit: StoredCommit) => void | Promise<void>;
  /** Returns true to lose the engine's reply. The append is then retried, as real adapters do. */
  loseReply?: () => boolean;
}

export function createMemoryEventStore({
  codec,
  log = createMemoryLog(),
  clock = Date.now,
  storeClock = clock,
  watermarkLagMs = WATERMARK_LAG_MS,
  beforeAppend,
  afterAppend,
  loseReply = () => false,
}: MemoryEventStoreOptions): EventStore {
  /** The conditional write of one item. */
  function put(commit: StoredCommit, fence: Fence | undefined): boolean {
    const stream = log.streams.get(commit.pk) ?? [];
    const found = stream[commit.sk - 1];
    if (found) return found.h === commit.h;
    if (fence && log.tokens.get(fence.lease) !== fence.token) throw new Deposed('Memory', fence.lease, fence.token);
    if (stream.length !== commit.sk - 1) throw new RangeError(`${commit.pk} has no commit ${commit.sk - 1}`);
    const stored = Object.freeze({ ...commit });
    log.streams.set(commit.pk, [...stream, stored]);
    log.arrivals.push(stored);
    return true;
  }

  const watermark = () => hlcOf(storeClock() - watermarkLagMs);

  return {
    async append(stream, after, newCommit) {
      const commit = codec.encode(stream, after, newCommit);
      const skew = clock() - storeClock();
      if (Math.abs(skew) > MAX_CLOCK_SKEW_MS) throw new ClockSkew('Memory', skew, MAX_CLOCK_SKEW_MS);
      let appended: boolean;
      do {
        await beforeAppend?.(commit);
        appended = put(commit, newCommit.fence);
        await afterAppend?.(commit);
      } while (loseReply());
      return appended ? { appended, position: positionOf(commit) } : { appended };
    },

    async *read(stream, after = 0) {
      for (const stored of (log.streams.get(stream) ?? []).slice(after)) yield codec.decode(stored);
    },

    async *stored({ after, upTo = Number.MAX_SAFE_INTEGER } = {}) {
      const last = Math.min(upTo, watermark());
      const isWanted = (commit: StoredCommit) =>
        commit.at <= last && (!after || compareLogEntries(entryOf(commit), after) > 0);
      yield* log.arrivals.filter(isWanted).sort((a, b) => compareLogEntries(entryOf(a), entryOf(b)));
    },

    async *log(after, upTo = Number.MAX_SAFE_INTEGER) {
      const last = Math.min(upTo, watermark());
      const entries = log.arrivals.map(entryOf);
      yield* entries.filter(({ at }) => at > after && at <= last).sort(compareLogEntries);
    },

    async *newest(after) {
      const entries = log.arrivals.map(entryOf);
      yield* entries.filter(({ at }) => at > after).sort(compareLogEntries);
    },

    watermark: async () => watermark(),
  };
}
