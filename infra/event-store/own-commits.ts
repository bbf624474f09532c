// Recently written streams that only this process has written from their beginning. A process can show what it has just
// written without a read. Other processes may have appended since, so this is not the current state of the stream.
import { LRUCache } from 'lru-cache';
import type { Commit } from '../../domain/kernel/commit.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';

/** Number of orders that may be in progress at a time. A stream takes about 5 KB. */
const REMEMBERED_STREAMS = 2_000;

/** A longer stream is read from the store. */
const MAX_COMMITS = 20;

export interface OwnCommits {
  /** All commits of the stream up to this one; undefined if they are not known to be complete. */
  upTo(stream: StreamId, commitNo: number): readonly Commit[] | undefined;
}

/** The store, and the memory of the commits that are appended through it. */
export function rememberOwnCommits(store: EventStore): { store: EventStore; ownCommits: OwnCommits } {
  const known = new LRUCache<StreamId, readonly Commit[]>({ max: REMEMBERED_STREAMS });

  const append: EventStore['append'] = async (stream, after, newCommit) => {
    const result = await store.append(stream, after, newCommit);
    const before = after.commitNo === 0 ? [] : known.get(stream);
    const follows =
      before && before.length < MAX_COMMITS && (before.at(-1)?.position.hash ?? after.hash) === after.hash;
    if (!result.appended || !follows) {
      known.delete(stream);
      return result;
    }
    const { commandIds, events } = newCommit;
    const { position } = result;
    const commit = { stream, position, firstVersion: after.version + 1, commandIds, previousHash: after.hash, events };
    known.set(stream, [...before, commit]);
    return result;
  };

  return {
    store: { ...store, append },
    ownCommits: {
      upTo(stream, commitNo) {
        const commits = known.get(stream);
        return commits?.length === commitNo ? commits : undefined;
      },
    },
  };
}
