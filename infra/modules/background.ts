// Background work: the projectors, the agenda, the archiver and the daily stock snapshots. One process of the shop runs them at a
// time.
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { runAgenda } from '../../commands/agenda/agenda.js';
import { Deposed } from '../../domain/kernel/errors.js';
import type { AgendaItem } from '../../domain/processes/agenda.js';
import { recordEntries } from '../../projections/recommendation/browsing.js';
import { runProjectors } from '../../projections/runtime/host.js';
import type { StockSnapshots } from '../../projections/snapshots/stock-snapshots.js';
import { runArchiver } from '../archive/run-archiver.js';
import { type Lead, leadWhenFree } from '../leadership/leadership.js';
import { pauseUnlessAborted } from '../retry.js';
import { leaseOf } from './leadership.js';
import type { Shop } from './open-shop.js';
import type { Parts } from './parts.js';
import { reportDifferences } from './report-differences.js';

const CONSUMER = 'projectors';

/** Interval at which the leader looks for a day that has ended. */
const SNAPSHOTS_EVERY_MS = 10 * 60_000;

/** Interval at which the leader compares payments with the provider's records. */
const RECONCILE_EVERY_MS = 24 * 3_600_000;
/** A leader first does what customers wait for. */
const RECONCILE_AFTER_MS = 10 * 60_000;

/** Runs the background work while no other process does, until the signal aborts. Resolves when the work has stopped. */
export async function runBackground(shop: Shop, signal: AbortSignal): Promise<void> {
  const leases = await shop.get('leases');
  const leadership = await shop.get('leadership');
  const feed = await shop.get('feed');
  const { projectors } = await shop.get('readModels');
  const store = await shop.get('eventStore');
  const { comparePerSecond } = await shop.get('config');
  const hosts = await shop.get('projectorHosts');
  const agenda = await shop.get('agenda');
  const handlersOf = await shop.get('agendaHandlersOf');
  const decisions = await shop.get('decisions');
  const snapshots = await shop.get('stockSnapshots');
  const rebuilds = await shop.get('rebuilds');
  const reconciliation = await shop.get('reconciliation');
  const clock = await shop.get('clock');
  const log = await shop.get('log');
  const viewStream = await shop.get('viewStream');
  const browsing = await shop.get('browsing');
  const archiving = {
    archiver: await shop.get('archiver'),
    status: await shop.get('archiveStatus'),
    alarm: await shop.get('tamperAlarm'),
    log,
  };
  const onError = (item: AgendaItem | undefined, error: unknown) =>
    error instanceof Deposed
      ? log.info({ ...item, err: error }, 'due work is left to the new leader')
      : log.warn({ ...item, err: error }, 'due work failed; it will be retried');

  const isPaused = async () => {
    await decisions.ready();
    return decisions.isAgendaPaused();
  };

  setMaxListeners(0, signal); // every projector and feed listens to it
  const lead: Lead = async ({ signal: leading, fence }) => {
    setMaxListeners(0, leading);
    log.info({ ...fence }, 'this process leads: it hosts the projectors, the agenda and the archiver');
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
      await Promise.all([
        host.done,
        rebuilds.attend(leading),
        makeSnapshots({ snapshots, log }, leading),
        comparePayments({ reconciliation, clock, log }, leading),
        runAgenda({ agenda, handlers: handlersOf(fence), isPaused, clock, onError }, leading),
        runArchiver(archiving, leading),
        viewStream.consume((entries) => recordEntries(browsing, entries), leading),
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

/** Reports the differences; `commerce reconcile --repair` repairs the safe ones. */
async function comparePayments(
  { reconciliation, clock, log }: Pick<Parts, 'reconciliation' | 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  if (!reconciliation.run) return;
  await pauseUnlessAborted(RECONCILE_AFTER_MS, signal);
  while (!signal.aborted) {
    try {
      await reportDifferences({ run: reconciliation.run, clock, log });
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'the payments could not be compared; it will be tried tomorrow');
    }
    await pauseUnlessAborted(RECONCILE_EVERY_MS, signal);
  }
}

/** Makes the stock snapshots of the days that have ended, also those of days when no process ran. */
async function makeSnapshots(
  { snapshots, log }: Pick<Parts, 'log'> & { snapshots: StockSnapshots },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await snapshots.catchUp(await snapshots.lastDay(), {
        signal,
        onMade: ({ day, locations }) => log.info({ day, locations: locations.length }, 'a stock snapshot is made'),
      });
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'a stock snapshot could not be made; it will be tried again');
    }
    await pauseUnlessAborted(SNAPSHOTS_EVERY_MS, signal);
  }
}
