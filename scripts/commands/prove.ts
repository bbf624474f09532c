// `commerce prove STREAM [COMMIT]`: writes a receipt that shows offline that a commit is in the archived log.
import { writeFile } from 'node:fs/promises';
import { Argument, Command } from 'commander';
import type { StreamId } from '../../domain/kernel/stream.js';
import { LogChanged, prove } from '../../infra/archive/prove.js';
import { openShop } from '../../infra/modules/open-shop.js';
import { explain, FOUND_A_VIOLATION } from '../errors.js';
import {
  type CommonOptions,
  configOfShop,
  positiveInteger,
  streamArgument,
  withJson,
  withProfile,
} from '../options.js';

interface ProveOptions extends CommonOptions {
  output?: string;
}

export function proveCommand(): Command {
  return withJson(withProfile(new Command('prove')))
    .description('write a receipt that a commit is in the archived log; `verify` checks it offline')
    .addArgument(new Argument('<stream>', 'stream, such as order#01J…').argParser(streamArgument))
    .addArgument(new Argument('[commit]', 'number of the commit (default: the last one)').argParser(positiveInteger))
    .option('--output <file>', 'file to write; - for standard output (default: named after the commit)')
    .action(async (stream: StreamId, commitNo: number | undefined, options: ProveOptions) => {
      const shop = await openShop(await configOfShop(options), { tell: console.error });
      try {
        const deps = {
          archive: await shop.get('archiveStore'),
          index: await shop.get('archiveIndex'),
          archiver: await shop.get('archiver'),
          store: await shop.get('eventStore'),
        };
        const { commit, size, receipt } = await prove(deps, stream, commitNo);
        const file = options.output ?? `${stream}-${commit.commitNo}`.replace(/[^\w.-]+/g, '-').concat('.tlog-proof');
        if (file === '-') return void process.stdout.write(receipt);
        await writeFile(file, receipt, { flag: 'wx' });
        const { index, h } = commit;
        console.log(
          options.json
            ? JSON.stringify({ file, stream, commit: commit.commitNo, index, size, hash: h })
            : `${file}: commit ${commit.commitNo} of ${stream} has index ${index} among the ${size} archived commits of the log.\nIts chain of hashes covers the whole stream up to there.`,
        );
      } catch (error) {
        if (!(error instanceof LogChanged)) throw error;
        console.error(explain(error));
        process.exitCode = FOUND_A_VIOLATION;
      } finally {
        await shop.close();
      }
    });
}
