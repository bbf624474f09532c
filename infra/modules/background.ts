// Background work: the projectors and the agenda. One process of the shop runs them at a time.
import { setMaxListeners } from 'node:events';
import { runAgenda } from '../../commands/agenda/agenda.js';
import type { AgendaItem } from '../../domain/processes/agenda.js';
import { runProjectors } from '../../projections/runtime/host.js';
import { leadWhenFree, PROJECTORS_LOCK } from '../leadership.js';
import type { Shop } from './open-shop.js';

const CONSUMER = 'projectors';

/** Runs the background work while no other process does, until the signal aborts. Resolves when the work has stopped. */
export async function runBackground(shop: Shop, signal: AbortSignal): Promise<void> {
  const { pool } = await shop.get('postgres');
  const feed = await shop.get('feed');
  const { projectors } = await shop.get('readModels');
  const store = await shop.get('eventStore');
  const { comparePerSecond } = await shop.get('config');
  const hosts = await shop.get('projectorHosts');
  const { agenda } = await shop.get('queries');
  const handlers = await shop.get('agendaHandlers');
  const clock = await shop.get('clock');
  const log = await shop.get('log');
  const onError = (item: AgendaItem | undefined, error: unknown) =>
    log.warn({ ...item, err: error }, 'due work failed; it will be retried');

  setMaxListeners(0, signal); // every projector and feed listens to it
  const lead = async (leading: AbortSignal) => {
    setMaxListeners(0, leading);
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
      await Promise.all([host.done, runAgenda({ agenda, handlers, clock, onError }, leading)]);
    } finally {
      hosts.delete(host);
    }
  };
  await leadWhenFree({ pool, lock: PROJECTORS_LOCK }, lead, signal);
}
