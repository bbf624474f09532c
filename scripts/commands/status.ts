// `commerce status`: which process leads, the lag of each read model, and the streams in quarantine.
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { type Hlc, millisOf } from '../../domain/kernel/clock.js';
import { defined } from '../../domain/kernel/json.js';
import type { LeaseState } from '../../infra/leadership/port.js';
import { leaseOf } from '../../infra/modules/leadership.js';
import { openShop } from '../../infra/modules/open-shop.js';
import type { ProjectionReport } from '../../projections/rebuild/rebuilds.js';
import { SWEEP_EVERY_MS } from '../../projections/runtime/host.js';
import { lastVerificationIn } from '../../read-api/queries/ops.js';
import { type CommonOptions, configOfShop, withJson, withProfile } from '../options.js';
import { stopSignal } from '../stopping.js';
import { table } from '../table.js';

const WATCH_EVERY_MS = 2_000;

/** Clears the screen and moves the cursor to the top left. */
const CLEAR_SCREEN = '\x1b[2J\x1b[H';

/** Without this text, a sweep of a minute ago beside 0 commits to apply looks like a fault. */
const MEANING = `0 commits to apply means up to date. Every ${SWEEP_EVERY_MS / 1000} s a sweep compares
the log with the applied commits; the age of the last sweep is not a lag.`;

export function statusCommand(): Command {
  return withJson(withProfile(new Command('status')))
    .description('show which process leads, and each projection: version, lag, last sweep, quarantine, rebuilds')
    .option('--watch', 'refresh every two seconds, until Ctrl-C')
    .action(async (options: CommonOptions & { watch?: boolean }) => {
      const shop = await openShop(await configOfShop(options), { tell: console.error });
      try {
        const rebuilds = await shop.get('rebuilds');
        const leases = await shop.get('leases');
        const store = await shop.get('eventStore');
        const stop = options.watch ? stopSignal() : undefined;
        do {
          const [lease, statuses, verified] = await Promise.all([
            leases.look(leaseOf(shop.config)),
            rebuilds.report(),
            lastVerificationIn(store),
          ]);
          const leader = leaderIn(lease);
          if (stop && process.stdout.isTTY) process.stdout.write(CLEAR_SCREEN);
          console.log(
            options.json
              ? JSON.stringify({ leader, projections: statuses.map(forMachines), lastVerification: verified ?? null })
              : `${tables(statuses)}\n\n${leaderLine(leader)}\n${verificationLine(verified)}`,
          );
          if (stop) await delay(WATCH_EVERY_MS, undefined, { signal: stop }).catch(() => {});
        } while (stop && !stop.aborted);
      } finally {
        await shop.close();
      }
    });
}

interface Leader {
  /** Host and process. */
  holder: string;
  term: number;
  /** RFC 3339, by the clock of the leader or of the store. An old one means that the leader has died or hangs. */
  lastHeartbeat: string;
}

function leaderIn(lease: LeaseState | undefined): Leader | null {
  if (lease?.holder === undefined) return null;
  return { holder: lease.holder, term: lease.token, lastHeartbeat: new Date(lease.beatAt).toISOString() };
}

function leaderLine(leader: Leader | null): string {
  if (!leader) return 'The projectors run in no process now.';
  const { holder, term, lastHeartbeat } = leader;
  const heartbeat = ago(Date.now() - Date.parse(lastHeartbeat));
  return `The projectors run in the process ${holder}\n(term ${term}, last heartbeat ${heartbeat}).`;
}

function verificationLine(last: Awaited<ReturnType<typeof lastVerificationIn>>): string {
  if (!last) return 'The log was never compared with its archive; `commerce verify --archive` does.';
  const { at, by, archived, problems } = last;
  const result = problems === 0 ? 'all well' : `PROBLEMS: ${problems}`;
  return `The log was last compared with its archive ${ago(Date.now() - Date.parse(at))} by ${by.id}: ${archived} commits, ${result}.`;
}

function forMachines({ sweptTo, ...status }: ProjectionReport) {
  return { ...status, ...defined({ sweptTo: sweptTo === 0 ? undefined : timeOf(sweptTo) }) };
}

function timeOf(at: Hlc): string {
  return new Date(millisOf(at)).toISOString();
}

/** Seconds below 10 minutes, minutes below 10 hours, then hours. */
function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 600) return `${seconds} s ago`;
  if (seconds < 36_000) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600).toLocaleString('en-GB')} h ago`;
}

function tables(statuses: readonly ProjectionReport[]): string {
  return [lagTable(statuses), MEANING, ...buildsTable(statuses), ...quarantineTable(statuses)].join('\n');
}

function lagTable(statuses: readonly ProjectionReport[]): string {
  return table({
    head: ['projection', 'version', 'commits to apply', 'oldest (s)', 'last sweep', 'in quarantine'],
    rows: statuses.map(({ name, version, sweptTo, lag, paused, quarantine }) => [
      paused ? `${name} (paused)` : name,
      version,
      `${lag.atLeast ? '≥ ' : ''}${lag.commits}`,
      lag.commits === 0 ? '' : lag.seconds.toFixed(1),
      sweptTo === 0 ? 'never' : ago(Date.now() - millisOf(sweptTo)),
      quarantine.length,
    ]),
    right: [1, 2, 3, 4, 5],
  });
}

/** The builds in progress, and those that were given up. */
function buildsTable(statuses: readonly ProjectionReport[]): string[] {
  const builds = statuses.flatMap(({ name, builds }) =>
    builds.flatMap((build) => (build.commits || build.error !== undefined ? [{ name, ...build }] : [])),
  );
  if (builds.length === 0) return [];
  const rows = builds.map(({ name, version, phase, commits, perSecond, secondsLeft, waitsFor, error }) => [
    name,
    version,
    phase,
    commits ? `${commits.done} of ${commits.total}` : '',
    perSecond ?? '',
    secondsLeft ?? '',
    waitsFor ?? error ?? '',
  ]);
  const head = ['projection', 'version', 'phase', 'commits', 'per second', 'seconds left', 'message'];
  return ['\nRebuilds:', table({ head, rows, right: [3, 4, 5] })];
}

function quarantineTable(statuses: readonly ProjectionReport[]): string[] {
  const stuck = statuses.flatMap(({ name, quarantine }) => quarantine.map((entry) => ({ name, ...entry })));
  if (stuck.length === 0) return [];
  const quarantine = table({
    head: ['projection', 'stream', 'commit', 'since', 'error'],
    rows: stuck.map(({ name, stream, commitNo, since, error }) => [name, stream, commitNo, since, error]),
  });
  return [
    '\nStreams in quarantine; the program retries them at its next start, `commerce quarantine` at once:',
    quarantine,
  ];
}
