// One stream for auditors: its events, and its state as of any version or moment.
import { z } from 'zod';
import type { Clock } from '../../domain/kernel/clock.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { pathId } from '../../domain/kernel/id.js';
import { categoryOf } from '../../domain/kernel/stream.js';
import { cursorOf, pageAnswer, pageBody, pageQuery } from '../queries/lists.js';
import { type EventEntry, entryOf, entrySchema, historyOf, isUnreadable, timeOf, type Unreadable } from './entries.js';
import { askedStream, noStream, type Replayed, replay, untilOf, untilSchema } from './replay.js';

export interface StreamAuditDeps {
  store: Pick<EventStore, 'read' | 'watermark'>;
  clock: Clock;
}

const params = z.strictObject({ streamId: pathId(z.string().regex(/^[a-z-]+#[^#]+$/), 'order#536365') });

const stateAnswer = z
  .strictObject({
    stream: z.string(),
    category: z.string(),
    version: z.int().meta({ description: 'The last event that the state includes' }),
    commitNo: z.int(),
    at: z.string().meta({ description: 'The time of that commit' }),
    final: z.boolean().meta({
      description: 'False if a commit may still appear at or before the moment that was asked for: it was seconds ago',
    }),
    state: z.unknown().meta({ description: 'Personal fields are sealed: `{sealed, at, box}`' }),
  })
  .meta({ id: 'StreamState' });

/** The commit of the last entry of a page, and how many entries of that commit were shown. The next page continues there. */
const placeSchema = z.tuple([z.int().min(1), z.int().min(0)]);
type Place = z.output<typeof placeSchema>;

export function streamAuditQueries({ store, clock }: StreamAuditDeps): Endpoint[] {
  return [
    endpoint({
      method: 'get',
      path: '/v1/audit/streams/{streamId}',
      summary: 'List the events of a stream',
      description: 'Lists the events in order, up to now. Personal fields stay sealed.',
      roles: ['auditor'],
      params,
      query: z.strictObject(pageQuery),
      answers: { 200: pageAnswer(entrySchema) },
      async handle(request) {
        const stream = askedStream(request.params.streamId);
        const { limit } = request.query;
        const [commitNo, shown] = cursorOf(request, placeSchema) ?? [1, 0];
        const data: (EventEntry | Unreadable)[] = [];
        let next: Place = [commitNo, shown];
        for await (const commit of historyOf(store, stream, commitNo - 1)) {
          const entries = isUnreadable(commit) ? [commit] : commit.events.map((event) => entryOf(commit, event));
          for (const [n, entry] of entries.entries()) {
            if (entry.commitNo === commitNo && n < shown) continue;
            if (data.length === limit) return { status: 200, body: pageBody(request, { data, next }) };
            data.push(entry);
            next = [entry.commitNo, n + 1];
          }
        }
        if (data.length === 0 && request.query.after === undefined) throw new Problem('not_found', noStream(stream));
        return { status: 200, body: pageBody(request, { data }) };
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/audit/streams/{streamId}/state',
      summary: 'Get the state of a stream',
      description: 'Folds the events of the stream up to a version or a moment, by default all of them.',
      roles: ['auditor'],
      params,
      query: z.strictObject({
        at: untilSchema.optional().meta({ description: 'An event version, or a time', example: '3' }),
      }),
      answers: { 200: stateAnswer },
      problems: ['conflict'],
      async handle({ params, query }) {
        const stream = askedStream(params.streamId);
        const until = query.at === undefined ? undefined : untilOf(query.at);
        let last: Replayed | undefined;
        for await (const replayed of replay({ store, clock }, stream, until)) {
          const { damage, version } = replayed;
          if (damage !== undefined)
            throw new Problem('conflict', `${stream} can be folded up to version ${version} only: ${damage}.`);
          last = replayed;
        }
        if (last === undefined) throw new Problem('not_found', noStream(stream));
        const { version, commitNo, at, state } = last;
        const final = until !== undefined && ('version' in until || until.at <= (await store.watermark()));
        const folded = { version, commitNo, at: timeOf(at), final, state };
        return { status: 200, body: { stream, category: categoryOf(stream), ...folded } };
      },
    }),
  ];
}
