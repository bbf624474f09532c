// Reads the commits of a stream. A commit that this program cannot read is passed on as such: no projection can process it, but an
// operator can skip it.
import type { Commit } from '../../domain/kernel/commit.js';
import { InvalidEvent } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';

/** Without events if they cannot be read. */
export interface FoundCommit extends Commit {
  unreadable?: InvalidEvent;
}

/** The commits after `after`, in order and without gaps. */
export async function* commitsOf(
  store: Pick<EventStore, 'read'>,
  stream: StreamId,
  after = 0,
): AsyncGenerator<FoundCommit> {
  for (let last = after; ; ) {
    try {
      for await (const commit of store.read(stream, last)) {
        yield commit;
        last = commit.position.commitNo;
      }
      return;
    } catch (error) {
      if (!(error instanceof InvalidEvent)) throw error;
      last++;
      yield unreadableCommit(stream, last, error);
    }
  }
}

/** Nothing of it is known but its place in the stream. */
function unreadableCommit(stream: StreamId, commitNo: number, unreadable: InvalidEvent): FoundCommit {
  const position = { commitNo, version: 0, hash: '', at: 0 };
  return { stream, position, firstVersion: 0, commandIds: [], previousHash: '', events: [], unreadable };
}
