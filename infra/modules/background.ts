// What goes on behind the requests: projectors and the recovery of checkouts, in one process of the shop at a time.
import { setMaxListeners } from 'node:events';
import { runCheckoutRecovery } from '../../commands/processes/checkout-recovery.js';
import { runProjectors } from '../../projections/runtime/host.js';
import { leadWhenFree, PROJECTORS_LOCK } from '../leadership.js';
import type { Shop } from './open-shop.js';
import { CHECKOUT, CLOCK, FEED, LOG, POSTGRES, PROJECTOR_HOSTS, QUERIES, READ_MODELS } from './tokens.js';

const CONSUMER = 'projectors';

/** Hosts them whenever no other process does, until aborted; resolves at rest. */
export async function runBackground(shop: Shop, signal: AbortSignal): Promise<void> {
  const { pool } = await shop.get(POSTGRES);
  const feed = await shop.get(FEED);
  const { projectors } = await shop.get(READ_MODELS);
  const hosts = await shop.get(PROJECTOR_HOSTS);
  const { openCheckouts: unfinished } = await shop.get(QUERIES);
  const process = await shop.get(CHECKOUT);
  const clock = await shop.get(CLOCK);
  const log = await shop.get(LOG);
  const onError = (orderId: string | undefined, error: unknown) =>
    log.warn({ orderId, err: error }, 'a checkout could not be finished yet');

  setMaxListeners(0, signal); // every projector and feed waits on it
  const lead = async (leading: AbortSignal) => {
    setMaxListeners(0, leading);
    const host = runProjectors({ feed, consumer: CONSUMER, projectors, signal: leading, log });
    hosts.add(host);
    try {
      await Promise.all([host.done, runCheckoutRecovery({ unfinished, process, clock, onError }, leading)]);
    } finally {
      hosts.delete(host);
    }
  };
  await leadWhenFree({ pool, lock: PROJECTORS_LOCK }, lead, signal);
}
