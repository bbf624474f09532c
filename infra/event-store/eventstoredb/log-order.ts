// The log by time, out of `$all`, which the server keeps in the order of arrival. The two orders differ by seconds only. So the log
// is read forwards from a place a little before the time, and commits are held back until no earlier one can follow.
import type { AllStreamRecordedEvent, Position } from '@eventstore/db-client';
import { type Hlc, hlcOf, millisOf } from '../../../domain/kernel/clock.js';
import type { StoredCommit } from '../../../domain/kernel/commit.js';
import { compareLogEntries, type LogEntry, type UnreadableCommit } from '../../../domain/kernel/event-store.js';
import { type EventStoreDb, PAGE_EVENTS, type Place, pagesAfter } from './client.js';
import { LOADED_TOGETHER } from './loader.js';

/**
 * A commit is held back until one that is this much later has been read. By the watermark's promise, 10 seconds would do. The rest
 * is for a commit that broke the promise: it still gets its place.
 */
const HELD_BACK: Hlc = hlcOf(30_000);

/** The commits that a loader of an old log writes in any order, however far their times are apart. */
const UNORDERED_COMMITS = 4 * LOADED_TOGETHER;

/** How much earlier than a commit's own time the server may have dated it: clocks differ, and a cluster changes its leader. */
const DATED_EARLIER_MS = 60_000;

export interface LogOrderDeps {
  readAll: EventStoreDb['readAll'];
  /** The commit of this log in the event; undefined if the event is not of this log. */
  commitIn(event: AllStreamRecordedEvent): Found | undefined;
}

export interface Found {
  entry: LogEntry;
  commit: StoredCommit | UnreadableCommit;
}

export interface LogOrder {
  /** The commits for `after` < at ≤ `upTo` in total order. `keep` reduces them to what is held in memory meanwhile. */
  read<T extends LogEntry>(after: Hlc, upTo: Hlc, keep: (found: Found) => T): AsyncGenerator<T>;
}

/** A place where reading can begin. */
interface Landmark {
  position: Position;
  /** The server's time, in ms. */
  created: number;
}

export function createLogOrder({ readAll, commitIn }: LogOrderDeps): LogOrder {
  // The server finds no place by time. So this reader remembers where it has been: one landmark for each page, in order.
  const landmarks: Landmark[] = [];

  function remember({ position, created }: AllStreamRecordedEvent): void {
    const before = landmarks.findLastIndex((known) => known.position.commit <= position.commit);
    if (landmarks[before]?.position.commit === position.commit) return;
    landmarks.splice(before + 1, 0, { position, created: created.getTime() });
  }

  /** A place with nothing before it that was written after this time. Searches backwards from the next landmark. */
  async function placeBefore(time: number): Promise<Place> {
    let from: Place = time > 0 ? (landmarks.find(({ created }) => created > time)?.position ?? 'end') : 'start';
    while (from !== 'start') {
      const earliest = (await readAll({ from, backwards: true, count: PAGE_EVENTS })).at(-1);
      if (!earliest) return 'start';
      remember(earliest);
      from = earliest.position;
      if (earliest.created.getTime() <= time) break;
    }
    return from;
  }

  async function* read<T extends LogEntry>(after: Hlc, upTo: Hlc, keep: (found: Found) => T): AsyncGenerator<T> {
    if (upTo <= after) return;
    const held: T[] = [];
    const newest: Hlc[] = [];
    let latest: Hlc = 0;
    const place = await placeBefore(millisOf(after) - DATED_EARLIER_MS);
    for await (const page of pagesAfter(place, readAll)) {
      for (const found of page.flatMap((event) => commitIn(event) ?? [])) {
        const { at } = found.entry;
        if (at > after && at <= upTo) held.push(keep(found));
        newest.push(at);
        if (newest.length > UNORDERED_COMMITS) latest = Math.max(latest, newest.shift() ?? 0);
      }
      const end = page.at(-1);
      if (end) remember(end);
      if (latest - HELD_BACK > upTo) break;
      held.sort(compareLogEntries);
      const firstHeld = held.findIndex(({ at }) => at > latest - HELD_BACK);
      yield* held.splice(0, firstHeld === -1 ? held.length : firstHeld);
    }
    yield* held.sort(compareLogEntries);
  }

  return { read };
}
