// Compares commits of the archive with those of the event store.
import type { Hlc } from '../../domain/kernel/clock.js';
import { headerOf, type StoredCommit } from '../../domain/kernel/commit.js';
import {
  afterTime,
  compareLogEntries,
  type EventStore,
  entryOf,
  type LogEntry,
  type StoredRange,
  UnreadableCommit,
} from '../../domain/kernel/event-store.js';

type StoredLog = Pick<EventStore, 'stored'>;

/** The commits of a range. What is stored but is no commit is reported and skipped. */
export async function* readable(
  store: StoredLog,
  range: StoredRange,
  onUnreadable: (error: UnreadableCommit) => void,
): AsyncGenerator<StoredCommit> {
  for (let rest = range; ; ) {
    try {
      yield* store.stored(rest);
      return;
    } catch (error) {
      if (!(error instanceof UnreadableCommit)) throw error;
      onUnreadable(error);
      rest = { ...rest, after: error.entry };
    }
  }
}

/** The commit at one entry of the log. Undefined if it is not there, or is no commit. */
export async function commitAt(store: StoredLog, entry: LogEntry): Promise<StoredCommit | undefined> {
  const { at, stream, commitNo } = entry;
  const before = { at, stream, commitNo: commitNo - 1 };
  let found: StoredCommit | undefined;
  for await (const commit of readable(store, { after: before, upTo: at }, () => {})) {
    found = commit;
    break;
  }
  return found && compareLogEntries(entryOf(found), entry) === 0 ? found : undefined;
}

export interface Comparison {
  /** A commit of the archive, with the store's. */
  archived?: StoredCommit;
  stored?: StoredCommit;
}

/**
 * Compares the commits of a segment, in their order, with the store: first the late ones, up to `from`; then the rest together with
 * all that the store has between `from` and `upTo`. Commits that only the store has may be in a later segment.
 */
export async function* compareWithStore(
  store: StoredLog,
  commits: readonly StoredCommit[],
  { from, upTo }: { from: Hlc; upTo: Hlc },
): AsyncGenerator<Comparison> {
  let next = 0;
  for (let commit = commits[next]; commit && commit.at <= from; commit = commits[++next]) {
    const stored = await commitAt(store, entryOf(commit));
    yield { archived: commit, ...(stored && { stored }) };
  }
  for await (const stored of readable(store, { after: afterTime(from), upTo }, () => {})) {
    const orderOf = (commit: StoredCommit) => compareLogEntries(entryOf(commit), entryOf(stored));
    let archived = commits[next];
    for (; archived && orderOf(archived) < 0; archived = commits[++next]) yield { archived };
    if (archived && orderOf(archived) === 0) {
      next++;
      yield { archived, stored };
    } else {
      yield { stored };
    }
  }
  for (const archived of commits.slice(next)) yield { archived };
}

/** True if all fields are the same, byte for byte. */
export function isSameCommit(a: StoredCommit, b: StoredCommit): boolean {
  return headerOf(a) === headerOf(b) && a.ev === b.ev && a.ph === b.ph && a.h === b.h && a.lp === b.lp;
}
