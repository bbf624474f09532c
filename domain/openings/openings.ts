// What one person opened on one day (UTC). A subject is recorded once for each purpose, so that reading a list again costs nothing.
import type { Decider } from '../kernel/decider.js';
import type { Actor } from '../kernel/event.js';
import { type StreamId, streamId } from '../kernel/stream.js';
import { MAX_SUBJECTS, type OpeningEvent, openingEvents } from './events.js';

export interface RecordOpening {
  type: 'RecordOpening';
  purpose: string;
  subjects: readonly string[];
}

/** The recorded subjects by purpose. */
export type Openings = Readonly<Record<string, readonly string[]>>;

/** `day` is an ISO date. */
export function openingsOf({ type, id }: Actor, day: string): StreamId {
  return streamId('openings', type, id, day);
}

export const openings: Decider<RecordOpening, Openings, OpeningEvent> = {
  category: 'openings',
  events: openingEvents,
  initialState: {},
  decide,
  evolve: (state, { data: { purpose, subjects } }) => {
    return { ...state, [purpose]: [...(state[purpose] ?? []), ...subjects] };
  },
  snapshot: { foldVersion: 1, every: 100 },
};

function decide({ purpose, subjects }: RecordOpening, state: Openings): readonly OpeningEvent[] {
  const recorded = new Set(state[purpose]);
  const opened = [...new Set(subjects)].filter((subject) => !recorded.has(subject));
  const events: OpeningEvent[] = [];
  for (let from = 0; from < opened.length; from += MAX_SUBJECTS) {
    const data = { purpose, subjects: opened.slice(from, from + MAX_SUBJECTS) };
    events.push({ type: 'PersonalDataOpened', data });
  }
  return events;
}
