// Streams that this process alone has written from their beginning, remembered for a while: who has just written one can
// show it without a read. Others may have written on since, so it is not the stream as of now.
import { LRUCache } from 'lru-cache';
import type { Commit } from '../../domain/kernel/commit.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';

/** As many orders may be under way at once; about 5 KB each. */
const REMEMBERED_STREAMS = 2_000;

/** A stream that goes on beyond this is read like any other. */
const MAX_COMMITS = 20;

export interface OwnCommits {
  /** The whole stream up to this commit; undefined where it is not known to be that. */
  upTo(stream: StreamId, commitNo: number): readonly Commit[] | undefined;
}

/** The store, and what is remembered of what goes through it. */
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
