// The agenda worker: it does everything that is due, no failing item blocks the rest, and failed items wait before a retry.
import { expect } from 'chai';
import type { AgendaItem } from '../../domain/processes/agenda.js';
import { the } from '../../test/the.js';
import { type AgendaHandlers, createAgendaWorker } from './agenda.js';

const items: AgendaItem[] = Array.from({ length: 300 }, (_, n) => ({ kind: 'settlement', orderId: `order_${n}` }));
const never = new AbortController().signal;

/** Everything in `due` stays due until a test removes it. */
function worker(due: AgendaItem[], done: (item: AgendaItem) => Promise<unknown>) {
  const failed: (AgendaItem | undefined)[] = [];
  const clock = { now: 1_700_000_000_000 };
  const handlers = new Proxy({} as AgendaHandlers, { get: () => done });
  const look = createAgendaWorker({
    agenda: {
      async due(before, limit) {
        expect(before).to.equal(clock.now);
        return due.slice(0, limit);
      },
    },
    handlers,
    clock: () => clock.now,
    onError: (item) => void failed.push(item),
  });
  return { look, clock, failed };
}

describe('The agenda', () => {
  it('handles every due item, even if many others fail', async () => {
    const tried: AgendaItem[] = [];
    const { look, failed } = worker(items, async (item) => {
      tried.push(item);
      if (item !== items.at(-1)) throw new Error('not yet');
    });
    await look(never);
    expect(tried).to.deep.equal(items);
    expect(failed).to.deep.equal(items.slice(0, -1));
  });

  it('retries a failing item after longer and longer pauses, up to five minutes', async () => {
    const times: number[] = [];
    const { look, clock } = worker(items.slice(0, 1), async () => void times.push(clock.now));
    const begin = clock.now;
    for (; clock.now < begin + 1_200_000; clock.now += 1_000) await look(never);
    const pauses = times.slice(1).map((time, n) => (time - the(times[n])) / 1_000);
    expect(pauses).to.deep.equal([5, 10, 20, 40, 80, 160, 300, 300]);
  });

  it('retries an item at once when it has changed', async () => {
    const expiries = (expiresAt: number): AgendaItem => {
      return { kind: 'reservations', sku: 'MUG', location: 'main', expiries: { order_1: expiresAt } };
    };
    const due = [expiries(1)];
    const tried: AgendaItem[] = [];
    const { look } = worker(due, async (item) => void tried.push(item));
    await look(never);
    due[0] = expiries(2);
    await look(never);
    expect(tried).to.deep.equal([expiries(1), expiries(2)]);
  });

  it('stops between two items when the worker is told to stop', async () => {
    const stop = new AbortController();
    const tried: AgendaItem[] = [];
    const { look } = worker(items, async (item) => {
      tried.push(item);
      stop.abort();
    });
    await look(stop.signal);
    expect(tried).to.deep.equal(items.slice(0, 1));
  });
});
