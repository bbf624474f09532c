// The whole log in its total order, a page at a time. A request looks at a limited number of commits, however few of them match.
import { z } from 'zod';
import { CATEGORIES, deciderOf } from '../../domain/deciders.js';
import { shopEvents } from '../../domain/events.js';
import { type Hlc, hlcOf } from '../../domain/kernel/clock.js';
import type { Commit, StoredCommit } from '../../domain/kernel/commit.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { invalidField } from '../../domain/kernel/errors.js';
import type { RecordedEvent } from '../../domain/kernel/event.js';
import {
  type EventStore,
  entryOf as indexEntryOf,
  type LogEntry,
  UnreadableCommit,
} from '../../domain/kernel/event-store.js';
import { categoryOf, type StreamId } from '../../domain/kernel/stream.js';
import { shortText } from '../../domain/kernel/text.js';
import { cursorOf, pageAnswer, pageBody, pageQuery } from '../queries/lists.js';
import { type EventEntry, entryOf, entrySchema, type Unreadable, whyUnreadable } from './entries.js';
import { endOf, momentSchema, startOf } from './moment.js';

/** Most commits that a request looks at. */
export const MAX_SCANNED_COMMITS = 5_000;

export interface LogReader {
  store: Pick<EventStore, 'stored'>;
  /** Makes the events of a stored commit. Throws for one that this program cannot read. */
  decode(stored: StoredCommit): Commit;
  /** A time (ms) before which nothing of this request was committed; undefined if its id does not tell. */
  earliestOf(correlationId: string): number | undefined;
}

export interface Wanted {
  category?: string | undefined;
  type?: string | undefined;
  correlationId?: string | undefined;
}

/** A commit of the log with the wanted events, of which there may be none. */
export interface Scanned {
  place: LogEntry;
  entries: (EventEntry | Unreadable)[];
}

/** Every commit after a place, up to a time, never beyond the watermark. A commit that cannot be read does not end the scan. */
export async function* scan(
  { store, decode }: Pick<LogReader, 'store' | 'decode'>,
  { after, upTo }: { after: LogEntry; upTo: Hlc },
  wanted: Wanted,
): AsyncGenerator<Scanned> {
  const mayMatch = quickTest(wanted);
  for (let last = after; ; ) {
    try {
      for await (const stored of store.stored({ after: last, upTo })) {
        last = indexEntryOf(stored);
        yield { place: last, entries: mayMatch(stored) ? entriesOf(stored, decode, wanted) : [] };
      }
      return;
    } catch (error) {
      if (!(error instanceof UnreadableCommit)) throw error;
      last = error.entry;
      yield { place: last, entries: unreadable(last, error, wanted) };
    }
  }
}

/** Rules most commits out by their text, because parsing and checking events takes far longer. */
function quickTest({ category, type, correlationId }: Wanted): (stored: StoredCommit) => boolean {
  const prefix = category === undefined ? '' : `${category}#`;
  const parts = [type, correlationId].flatMap((value) => (value === undefined ? [] : [JSON.stringify(value)]));
  return ({ pk, ev }) => pk.startsWith(prefix) && parts.every((part) => ev.includes(part));
}

function entriesOf(stored: StoredCommit, decode: LogReader['decode'], wanted: Wanted): Scanned['entries'] {
  try {
    const commit = decode(stored);
    return commit.events.filter((event) => matches(event, wanted)).map((event) => entryOf(commit, event));
  } catch (error) {
    return unreadable(indexEntryOf(stored), error, wanted);
  }
}

function matches({ type, correlationId }: RecordedEvent, wanted: Wanted): boolean {
  return (
    (wanted.type === undefined || type === wanted.type) &&
    (wanted.correlationId === undefined || correlationId === wanted.correlationId)
  );
}

/** Nobody knows what the events of such a commit are, so only the category can rule it out. */
function unreadable({ stream, commitNo }: LogEntry, error: unknown, { category }: Wanted): Unreadable[] {
  const why = whyUnreadable(error);
  if (why === undefined) throw error;
  const isOther = category !== undefined && categoryOf(stream) !== category;
  return isOther ? [] : [{ stream, commitNo, unreadable: why }];
}

/** The last commit that was looked at, and how many of its wanted events were shown. */
const placeSchema = z.tuple([z.int(), z.string(), z.int(), z.int()]);
type Place = z.output<typeof placeSchema>;

export function logQuery(reader: LogReader): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/audit/events',
    summary: 'List the events of the log',
    description:
      'Lists all events in the total order of the log: by the time of the commit, then by stream and commit number. It ends ' +
      `some seconds ago, where no commit can appear any more. A request looks at up to ${MAX_SCANNED_COMMITS} commits, so a page ` +
      'may have fewer events than `limit`, or none, and still have a `next`. Personal fields stay sealed.',
    roles: ['auditor'],
    query: z.strictObject({
      from: momentSchema.optional().meta({ description: 'First time of commit', example: '2026-11-29T12:00:00Z' }),
      to: momentSchema.optional().meta({ description: 'Last time of commit' }),
      category: z
        .enum(CATEGORIES as [string, ...string[]])
        .optional()
        .meta({ description: 'Of the stream: what comes before `#`' }),
      type: z
        .enum(Object.keys(shopEvents) as [string, ...string[]], 'must be a type of event, such as OrderPlaced')
        .optional(),
      correlationId: shortText(300)
        .optional()
        .meta({
          description:
            'The `X-Request-Id` of a request: everything that it caused, at once or later. If the shop made the id, the search ' +
            'starts at the time in it',
        }),
      ...pageQuery,
    }),
    answers: { 200: pageAnswer(entrySchema) },
    async handle(request) {
      const { from, to, limit, after: _, ...wanted } = request.query;
      requireSense(request.query);
      const start: Place = cursorOf(request, placeSchema) ?? [startFor(request.query, reader), '', 1, 0];
      const [at, stream, commitNo, shown] = start;
      const range = {
        after: { at, stream: stream as StreamId, commitNo: commitNo - 1 },
        upTo: to === undefined ? Number.MAX_SAFE_INTEGER : endOf(to),
      };
      const data: Scanned['entries'] = [];
      let next = start;
      let scanned = 0;
      for await (const { place, entries } of scan(reader, range, wanted)) {
        const isResumed = place.stream === stream && place.commitNo === commitNo;
        const unseen = isResumed ? entries.slice(shown) : entries;
        const shownNow = Math.min(unseen.length, limit - data.length);
        data.push(...unseen.slice(0, shownNow));
        next = [place.at, place.stream, place.commitNo, entries.length - unseen.length + shownNow];
        scanned += 1;
        if (data.length === limit || scanned === MAX_SCANNED_COMMITS)
          return { status: 200, body: pageBody(request, { data, next }) };
      }
      return { status: 200, body: pageBody(request, { data }) };
    },
  });
}

function startFor({ from, correlationId }: Wanted & Range, { earliestOf }: LogReader): Hlc {
  if (from !== undefined) return startOf(from);
  const earliest = correlationId === undefined ? undefined : earliestOf(correlationId);
  return earliest === undefined ? 0 : hlcOf(earliest);
}

/** As asked for. */
interface Range {
  from?: string | undefined;
  to?: string | undefined;
}

function requireSense({ from, to, category, type }: Wanted & Range): void {
  if (from !== undefined && to !== undefined && endOf(to) < startOf(from))
    throw invalidField('?to', 'must not be before ?from');
  if (category === undefined || type === undefined) return;
  const types = Object.keys(deciderOf(category)?.events ?? {});
  if (!types.includes(type)) throw invalidField('?type', `is no event of ${category}, which has ${types.join(', ')}`);
}
