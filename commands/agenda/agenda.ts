// Works through the agenda: finishes what a crashed worker has left, and does work that has become due.
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../domain/kernel/clock.js';
import type { Agenda, AgendaItem } from '../../domain/processes/agenda.js';

const LOOK_EVERY_MS = 5_000;
/** The pause before a retry doubles each time, between these limits. */
const FIRST_PAUSE_MS = LOOK_EVERY_MS;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** How many items the first query asks for. */
const BATCH = 50;

/** How each kind of work is done. Repeating it, or doing it too early or too late, does no harm. */
export type AgendaHandlers = {
  [K in AgendaItem['kind']]: (item: Extract<AgendaItem, { kind: K }>) => Promise<unknown>;
};

export interface AgendaDeps {
  agenda: Agenda;
  handlers: AgendaHandlers;
  /** True while operators want no due work to be done. */
  isPaused?: () => Promise<boolean>;
  clock: Clock;
  onError: (item: AgendaItem | undefined, error: unknown) => void;
}

/** Runs until aborted. */
export async function runAgenda(deps: AgendaDeps, signal: AbortSignal): Promise<void> {
  const look = createAgendaWorker(deps);
  while (!signal.aborted) {
    await look(signal).catch((error) => deps.onError(undefined, error));
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {}); // aborted
  }
}

/**
 * Each call handles every due item once. An item that is still due and unchanged at the next call is retried after longer and
 * longer pauses.
 */
export function createAgendaWorker({ agenda, handlers, isPaused, clock, onError }: AgendaDeps) {
  let pauses = new Map<string, { until: number; wait: number }>();

  return async function look(signal: AbortSignal): Promise<void> {
    if (await isPaused?.()) return;
    const now = clock();
    const seen: typeof pauses = new Map();
    // Items that fail stay at the head of the list, so the limit grows to reach the others.
    for (let limit = BATCH; ; limit *= 2) {
      const due = await agenda.due(now, limit);
      for (const item of due) {
        const key = JSON.stringify(item);
        if (seen.has(key)) continue;
        if (signal.aborted || (await isPaused?.())) return;
        const pause = pauses.get(key);
        if (pause && pause.until > now) {
          seen.set(key, pause);
          continue;
        }
        const wait = pause ? Math.min(2 * pause.wait, LONGEST_PAUSE_MS) : FIRST_PAUSE_MS;
        seen.set(key, { until: now + wait, wait });
        await handle(item).catch((error) => onError(item, error));
      }
      if (due.length < limit) break;
    }
    pauses = seen;
  };

  function handle(item: AgendaItem): Promise<unknown> {
    return (handlers[item.kind] as (item: AgendaItem) => Promise<unknown>)(item);
  }
}
