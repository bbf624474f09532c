// Replays one stream: its events in order, and the state after each, folded with the decider of its category.
import { z } from 'zod';
import { CATEGORIES, deciderOf } from '../../domain/deciders.js';
import { type Clock, type Hlc, hlcOf, millisOf } from '../../domain/kernel/clock.js';
import { invalidField, Problem } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { categoryOf, isStreamId, type StreamId } from '../../domain/kernel/stream.js';
import { type EventEntry, entryOf, historyOf, isUnreadable, timeOf, type Unreadable } from './entries.js';
import { endOf, momentSchema } from './moment.js';

/** The last event to replay: an event version, or the last one that was committed at or before a time. */
export type Until = { version: number } | { at: Hlc };

export interface Replayed {
  entry: EventEntry | Unreadable;
  /** The last event that the state includes. */
  version: number;
  commitNo: number;
  at: Hlc;
  state: unknown;
  /** Why the state does not include any later event. */
  damage?: string;
}

/** An event version, or a time. */
export const untilSchema = z.union(
  [
    z.string().regex(/^[1-9]\d{0,9}$/, 'must be an event version such as 3, or a time such as 2026-11-29T12:00:00Z'),
    momentSchema,
  ],
  'must be an event version such as 3, or a time such as 2026-11-29T12:00:00Z',
);

export function untilOf(text: string): Until {
  return /^\d+$/.test(text) ? { version: Number(text) } : { at: endOf(text) };
}

/** Throws `not_found` for a text that no stream can have as id. */
export function askedStream(text: string): StreamId {
  if (!isStreamId(text)) {
    const looksLike = 'stream ids look like order#536365 or stock#MUG-BLUE@main';
    throw new Problem('not_found', `There is no stream ${text}; ${looksLike}. ${categoriesLine()}`);
  }
  if (!deciderOf(categoryOf(text))) throw new Problem('not_found', `There is no stream ${text}. ${categoriesLine()}`);
  return text;
}

function categoriesLine(): string {
  return `The categories are ${CATEGORIES.join(', ')}.`;
}

/** One item per event, with the state after it. Throws `not_found` if the stream, or its state at that time, does not exist. */
export async function* replay(
  { store, clock }: { store: Pick<EventStore, 'read'>; clock: Clock },
  stream: StreamId,
  until: Until = { version: Number.POSITIVE_INFINITY },
): AsyncGenerator<Replayed> {
  const decider = deciderOf(categoryOf(stream));
  if (!decider) throw new Problem('not_found', `There is no stream ${stream}. ${categoriesLine()}`);
  if ('at' in until && millisOf(until.at) > clock())
    throw invalidField('?at', `is in the future; it is ${timeOf(hlcOf(clock()))} now.`);

  let last: Omit<Replayed, 'entry'> = { version: 0, commitNo: 0, at: 0, state: decider.initialState };
  let versions = 0;
  for await (const commit of historyOf(store, stream)) {
    if ('version' in until && versions === until.version) return;
    if (isUnreadable(commit)) {
      last = { ...last, damage: last.damage ?? `commit ${commit.commitNo} cannot be read: ${commit.unreadable}` };
      yield { ...last, entry: commit };
      continue;
    }
    const { commitNo, at } = commit.position;
    for (const event of commit.events) {
      if ('at' in until ? at > until.at : event.version > until.version) return requireSome(versions, stream, at);
      versions = event.version;
      if (last.damage === undefined) {
        const folded = attempt(() => decider.evolve(last.state, event, millisOf(at)));
        last =
          'failed' in folded
            ? { ...last, damage: `event ${event.version} cannot be applied: ${folded.failed}` }
            : { version: event.version, commitNo, at, state: folded.value };
      }
      yield { ...last, entry: entryOf(commit, event) };
    }
  }
  if (versions === 0 && last.damage === undefined) throw new Problem('not_found', noStream(stream));
  if ('version' in until && Number.isFinite(until.version) && versions < until.version)
    throw invalidField('?at', `${stream} has only the versions 1 to ${versions}.`);
}

function requireSome(versions: number, stream: StreamId, firstAt: Hlc): void {
  if (versions === 0) throw new Problem('not_found', `${stream} begins later, at ${timeOf(firstAt)} with version 1.`);
}

export function noStream(stream: StreamId): string {
  const category = categoryOf(stream);
  return `There is no stream ${stream}; GET /v1/audit/events?category=${category} lists the events of this category.`;
}

/** Damaged events can make `evolve` throw. */
function attempt<T>(make: () => T): { value: T } | { failed: string } {
  try {
    return { value: make() };
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}
