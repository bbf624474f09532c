// `commerce rebuild` and `commerce rollback`: new builds of read models beside those that serve, and the way back.
import { Command, InvalidArgumentError, Option } from 'commander';
import { WrongUsage } from '../../infra/config.js';
import { openShop } from '../../infra/modules/open-shop.js';
import { RebuildFailed, TakenOver } from '../../projections/rebuild/rebuild.js';
import { DEFAULT_SEGMENTS, MAX_SEGMENTS, type Rebuilds } from '../../projections/rebuild/rebuilds.js';
import type { Verify } from '../../projections/runtime/builds.js';
import { CommandFailed } from '../errors.js';
import { type CommonOptions, configOfShop, withJson, withProfile } from '../options.js';
import { createProgress } from '../progress.js';
import { stopSignal } from '../stopping.js';

interface RebuildCommandOptions extends CommonOptions {
  all?: boolean;
  segments: number;
  verify: Verify;
  fullSpeed?: boolean;
}

export function rebuildCommand(): Command {
  return withJson(withProfile(new Command('rebuild')))
    .description('build projections anew beside those that serve, check them, and switch to them')
    .argument('[name...]', 'the projections; `status` shows their names')
    .option('--all', 'all projections; while one waits for other processes, the next one begins')
    .addOption(
      new Option('--segments <n>', 'parts of the log that are worked on at the same time')
        .argParser(parseSegments)
        .default(DEFAULT_SEGMENTS),
    )
    .addOption(
      new Option('--verify <how>', 'documents that are compared with the log before the switch')
        .choices(['sample', 'full'])
        .default('sample'),
    )
    .option('--full-speed', 'do not rest, for a machine on which nothing else runs')
    .action(rebuild);
}

export function rollbackCommand(): Command {
  return withJson(withProfile(new Command('rollback')))
    .description('serve a projection from the build before; the other one stays up to date')
    .argument('<name>', 'the projection')
    .action(async (name: string, options: CommonOptions) => {
      const shop = await openShop(await configOfShop(options), { tell: console.error });
      try {
        const rebuilds = await shop.get('rebuilds');
        requireKnown(rebuilds, [name]);
        const { version } = await rebuilds.rollback(name);
        console.log(options.json ? JSON.stringify({ name, version }) : `${name} is served from version ${version}.`);
      } finally {
        await shop.close();
      }
    });
}

async function rebuild(
  names: string[],
  { all, segments, verify, fullSpeed = false, json, ...options }: RebuildCommandOptions,
) {
  if ((all ?? false) === names.length > 0)
    throw new WrongUsage('Name the projections to rebuild, or all of them with --all.');
  const shop = await openShop(await configOfShop(options), { tell: console.error });
  const signal = stopSignal();
  const progress = createProgress();
  try {
    const rebuilds = await shop.get('rebuilds');
    requireKnown(rebuilds, names);
    let newest = '';
    await overlapping(all ? rebuilds.names : new Set(names), async (name, onFollowed) => {
      newest = name;
      const { version } = await rebuilds.run(name, {
        segments,
        verify,
        isFullSpeed: fullSpeed,
        signal,
        onProgress({ phase, commits, waitsFor }) {
          if (phase === 'following' || phase === 'checking') onFollowed();
          const job = waitsFor === undefined ? `${name}: ${phase}` : `${name}: ${phase}, waits for ${waitsFor}`;
          if (commits && name === newest) progress.report(job, commits.done, commits.total);
        },
      });
      progress.end();
      console.log(json ? JSON.stringify({ name, version }) : `${name} is served from version ${version}.`);
    });
  } catch (error) {
    progress.end();
    if (signal.aborted) {
      console.error('Stopped. The same command continues the rebuild; so does a running `start`.');
      process.exitCode = 1;
    } else if (error instanceof RebuildFailed) {
      console.error(`${error.projection} is not rebuilt, and its old build serves on: ${error.message}`);
      process.exitCode = 1;
    } else if (error instanceof TakenOver) {
      console.error(`${error.message} \`status\` shows it.`);
      process.exitCode = 1;
    } else throw error;
  } finally {
    await shop.close();
  }
}

/**
 * Rebuilds one after another. While one waits until all processes follow its build, the next one begins. After a failure none
 * begins, and those that have begun end.
 */
async function overlapping(
  names: Iterable<string>,
  work: (name: string, onFollowed: () => void) => Promise<void>,
): Promise<void> {
  const begun: Promise<void>[] = [];
  try {
    for (const name of names) {
      await new Promise<void>((resolve, reject) => {
        const working = work(name, resolve);
        begun.push(working);
        working.then(resolve, reject);
      });
    }
  } finally {
    await Promise.allSettled(begun);
  }
  await Promise.all(begun);
}

function requireKnown({ names }: Rebuilds, asked: readonly string[]): void {
  const unknown = asked.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new CommandFailed(`There is no projection ${unknown}; there are ${names.join(', ')}.`);
}

function parseSegments(text: string): number {
  if (/^[1-9]\d?$/.test(text) && Number(text) <= MAX_SEGMENTS) return Number(text);
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_SEGMENTS}.`);
}
