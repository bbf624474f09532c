// Finds everything that one request caused. The log has no index by correlation, so it is searched from a time on: appends would
// have to pay for an index, and few people ask.
import { type Hlc, hlcOf } from '../../domain/kernel/clock.js';
import { afterTime, compareLogEntries, type EventStore, type LogEntry } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { type EventEntry, entryOf, historyOf, isUnreadable } from './entries.js';
import { type LogReader, scan } from './log.js';

/** Most events of a trace. An import is one request, and may have caused millions. */
export const MAX_TRACED_EVENTS = 10_000;

/** Streams that are read at a time. */
const READS_AT_ONCE = 8;

export interface TraceDeps extends Pick<LogReader, 'decode'> {
  store: Pick<EventStore, 'read' | 'stored' | 'newest' | 'watermark'>;
}

export interface Trace {
  /** In total order. */
  events: EventEntry[];
  /** Commits that were looked at. */
  scanned: number;
  /** There are more events, which were not looked for. */
  hasMore: boolean;
}

/** Everything with this correlation id since a time (ms), even what is too new for the total order of the log. */
export async function trace(
  { store, decode }: TraceDeps,
  correlationId: string,
  { since, onProgress }: { since: number; onProgress?: (scanned: number, ms: number) => void },
): Promise<Trace> {
  const events: EventEntry[] = [];
  let scanned = 0;
  const settled = Math.max(await store.watermark(), hlcOf(since) - 1);
  for await (const { place, entries } of scan(
    { store, decode },
    { after: afterTime(hlcOf(since) - 1), upTo: settled },
    { correlationId },
  )) {
    scanned += 1;
    onProgress?.(scanned, place.at / 1000);
    for (const entry of entries) if (!isUnreadable(entry)) events.push(entry);
    if (events.length > MAX_TRACED_EVENTS)
      return { events: events.slice(0, MAX_TRACED_EVENTS), scanned, hasMore: true };
  }

  const newest = await newestOf({ store }, settled, correlationId);
  const all = [...events, ...newest.entries];
  const hasMore = all.length > MAX_TRACED_EVENTS;
  return { events: all.slice(0, MAX_TRACED_EVENTS), scanned: scanned + newest.scanned, hasMore };
}

/** The end of the log in order is some seconds old. What is newer is read stream by stream. */
async function newestOf({ store }: Pick<TraceDeps, 'store'>, settled: Hlc, correlationId: string) {
  const firstNew = new Map<StreamId, number>();
  for await (const { stream, commitNo } of store.newest(settled)) {
    firstNew.set(stream, Math.min(commitNo, firstNew.get(stream) ?? commitNo));
  }
  const found: (LogEntry & { entries: EventEntry[] })[] = [];
  let scanned = 0;
  const streams = [...firstNew];
  for (let from = 0; from < streams.length; from += READS_AT_ONCE) {
    const reads = streams.slice(from, from + READS_AT_ONCE).map(async ([stream, first]) => {
      for await (const commit of historyOf(store, stream, first - 1)) {
        scanned += 1;
        if (isUnreadable(commit)) continue;
        const events = commit.events.filter((event) => event.correlationId === correlationId);
        const { at, commitNo } = commit.position;
        found.push({ at, stream, commitNo, entries: events.map((event) => entryOf(commit, event)) });
      }
    });
    await Promise.all(reads);
  }
  return { entries: found.sort(compareLogEntries).flatMap(({ entries }) => entries), scanned };
}
