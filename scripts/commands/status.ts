// `commerce status`: how far each read model is, and what stands in quarantine.
import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import { Command } from 'commander';
import { type Hlc, millisOf } from '../../domain/kernel/clock.js';
import { openShop } from '../../infra/modules/open-shop.js';
import { READ_MODELS } from '../../infra/modules/tokens.js';
import type { ProjectorStatus } from '../../projections/runtime/projector.js';
import { type CommonOptions, configOfShop, withJson, withProfile } from '../options.js';
import { stopSignal } from '../stopping.js';

const WATCH_EVERY_MS = 2_000;

/** And the cursor to its first place. */
const CLEAR_SCREEN = '\x1b[2J\x1b[H';

export function statusCommand(): Command {
  return withJson(withProfile(new Command('status')))
    .description('show each projection: version, position, lag, quarantine')
    .option('--watch', 'show it again every two seconds, until Ctrl-C')
    .action(async (options: CommonOptions & { watch?: boolean }) => {
      const shop = await openShop(await configOfShop(options), { tell: console.error });
      try {
        const { projectors } = await shop.get(READ_MODELS);
        const stop = options.watch ? stopSignal() : undefined;
        do {
          const statuses = await Promise.all(projectors.map((projector) => projector.status()));
          if (stop && process.stdout.isTTY) process.stdout.write(CLEAR_SCREEN);
          console.log(options.json ? JSON.stringify({ projections: statuses.map(forMachines) }) : tables(statuses));
          if (stop) await delay(WATCH_EVERY_MS, undefined, { signal: stop }).catch(() => {});
        } while (stop && !stop.aborted);
      } finally {
        await shop.close();
      }
    });
}

function forMachines({ sweptTo, ...status }: ProjectorStatus) {
  return { ...status, ...(sweptTo !== 0 && { sweptTo: timeOf(sweptTo) }) };
}

function timeOf(at: Hlc): string {
  return new Date(millisOf(at)).toISOString();
}

function tables(statuses: readonly ProjectorStatus[]): string {
  const projections = new Table({
    head: ['projection', 'version', 'compared with the log up to', 'lag (commits)', 'lag (s)', 'in quarantine'],
    colAligns: ['left', 'right', 'left', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const { name, version, sweptTo, lag, quarantine } of statuses) {
    const compared = sweptTo === 0 ? 'never' : timeOf(sweptTo);
    const commits = `${lag.atLeast ? '≥ ' : ''}${lag.commits}`;
    projections.push([name, version, compared, commits, lag.seconds.toFixed(1), quarantine.length]);
  }
  const stuck = statuses.flatMap(({ name, quarantine }) => quarantine.map((entry) => ({ name, ...entry })));
  if (stuck.length === 0) return projections.toString();

  const quarantine = new Table({
    head: ['projection', 'stream', 'commit', 'since', 'error'],
    style: { head: [], border: [] },
  });
  for (const { name, stream, commitNo, since, error } of stuck) quarantine.push([name, stream, commitNo, since, error]);
  return `${projections}\n\nIn quarantine; each stream is tried again when the program starts:\n${quarantine}`;
}
