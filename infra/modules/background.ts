// Background work: the projectors and the agenda. One process of the shop runs them at a time.
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { runAgenda } from '../../commands/agenda/agenda.js';
import { Deposed } from '../../domain/kernel/errors.js';
import type { Agenda, AgendaItem } from '../../domain/processes/agenda.js';
import { runProjectors } from '../../projections/runtime/host.js';
import { type Lead, leadWhenFree } from '../leadership/leadership.js';
import { leaseOf } from './leadership.js';
import type { Shop } from './open-shop.js';

const CONSUMER = 'projectors';

/** Runs the background work while no other process does, until the signal aborts. Resolves when the work has stopped. */
export async function runBackground(shop: Shop, signal: AbortSignal): Promise<void> {
  const leases = await shop.get('leases');
  const leadership = await shop.get('leadership');
  const feed = await shop.get('feed');
  const { projectors } = await shop.get('readModels');
  const store = await shop.get('eventStore');
  const { comparePerSecond } = await shop.get('config');
  const hosts = await shop.get('projectorHosts');
  const { agenda } = await shop.get('queries');
  const handlersOf = await shop.get('agendaHandlersOf');
  const rebuilds = await shop.get('rebuilds');
  const clock = await shop.get('clock');
  const log = await shop.get('log');
  const onError = (item: AgendaItem | undefined, error: unknown) =>
    error instanceof Deposed
      ? log.info({ ...item, err: error }, 'due work is left to the new leader')
      : log.warn({ ...item, err: error }, 'due work failed; it will be retried');

  setMaxListeners(0, signal); // every projector and feed listens to it
  const lead: Lead = async ({ signal: leading, fence }) => {
    setMaxListeners(0, leading);
    log.info({ ...fence }, 'this process leads: it hosts the projectors and the agenda');
    const host = runProjectors({
      feed,
      consumer: CONSUMER,
      projectors,
      store,
      signal: leading,
      log,
      comparePerSecond,
      clock,
    });
    hosts.add(host);
    try {
      const due: Agenda['due'] = async (before, limit) => (await agenda.current()).due(before, limit);
      await Promise.all([
        host.done,
        rebuilds.attend(leading),
        runAgenda({ agenda: { due }, handlers: handlersOf(fence), clock, onError }, leading),
      ]);
    } finally {
      hosts.delete(host);
    }
    if (!signal.aborted) log.warn({ ...fence }, 'another process has replaced this one as the leader');
  };
  await leadWhenFree(
    {
      leases,
      name: leaseOf(shop.config),
      holder: `${hostname()}:${process.pid}`,
      onError: (error) =>
        log.warn({ err: error }, 'the lease of the leader cannot be read or renewed; it will be retried'),
    },
    (leading) => leadership.during(leading.fence, () => lead(leading)),
    signal,
  );
}
