// `commerce archive`: archives the log up to now, signs a checkpoint, and says what it covers. `start` does the same all the time.
import { Command } from 'commander';
import { millisOf } from '../../domain/kernel/clock.js';
import type { ArchiveRound } from '../../infra/archive/archiver.js';
import { openShop, type Shop } from '../../infra/modules/open-shop.js';
import { FOUND_A_VIOLATION } from '../errors.js';
import { type CommonOptions, configOfShop, withJson, withProfile } from '../options.js';
import { createProgress } from '../progress.js';

export function archiveCommand(): Command {
  return withJson(withProfile(new Command('archive')))
    .description('archive the log up to now and sign a checkpoint; start does this in the background')
    .action(async (options: CommonOptions) => {
      const shop = await openShop(await configOfShop(options), { tell: console.error });
      try {
        const round = await archiveWithProgress(shop);
        const { name } = await shop.get('archiveStore');
        console.log(options.json ? JSON.stringify(forMachines(round, name)) : report(round, name));
        if (round.held.length > 0) process.exitCode = FOUND_A_VIOLATION;
      } finally {
        await shop.close();
      }
    });
}

async function archiveWithProgress(shop: Shop): Promise<ArchiveRound> {
  const archiver = await shop.get('archiver');
  const total = process.stderr.isTTY ? await commitsIn(shop) : 0;
  const progress = createProgress();
  try {
    const onSegment = ({ size }: ArchiveRound['head']) => progress.report('Archived', size, Math.max(size, total));
    return await archiver.run({ onSegment });
  } finally {
    progress.end();
  }
}

/** What the archive will have, for the progress. */
async function commitsIn(shop: Shop): Promise<number> {
  const { size, upTo } = await (await shop.get('archiveIndex')).head();
  let count = size;
  for await (const _ of (await shop.get('eventStore')).log(upTo)) count++;
  return count;
}

function forMachines({ head: { segments, size, root, upTo }, checkpoint, held }: ArchiveRound, place: string) {
  const reached = size === 0 ? null : new Date(millisOf(upTo)).toISOString();
  return { place, segments, size, root: root.toString('base64'), upTo: reached, checkpoint: checkpoint ?? null, held };
}

function report({ head: { segments, size, upTo }, checkpoint, held }: ArchiveRound, place: string): string {
  if (checkpoint === undefined) return `Nothing is archived in ${place}: the log has no commits that are old enough.`;
  const reached = new Date(millisOf(upTo)).toISOString();
  return [
    `${place} has ${size} commits in ${segments} segments: the log up to ${reached}.`,
    '',
    checkpoint.trimEnd(),
    ...held.map(({ stream, commitNo, problem }) => `\nNot archived: ${stream}, from commit ${commitNo}: ${problem}.`),
  ].join('\n');
}
