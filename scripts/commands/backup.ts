// `commerce backup`: writes the log and the keys of the profile `embedded` to a folder, while the shop goes on.
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { ArchiveDamaged } from '../../infra/archive/layout.js';
import { LogChanged } from '../../infra/archive/prove.js';
import { createKnownBackups } from '../../infra/backup/known-backups.js';
import { type Backup, makeBackup } from '../../infra/backup/make-backup.js';
import { allSubjectKeys, forgottenSince } from '../../infra/crypto/subject-keys-postgres.js';
import { explain, FOUND_A_VIOLATION } from '../errors.js';
import { openEngines } from '../open-engines.js';
import { type CommonOptions, configOfShop, positiveInteger, withJson, withProfile } from '../options.js';
import { createProgress } from '../progress.js';
import { requireEmbedded } from './restore.js';

/** The keys of a backup open all personal data in it, so they are not kept for long. */
const KEYS_EXPIRE_AFTER_DAYS = 30;
const DAY_MS = 24 * 60 * 60_000;

interface BackupOptions extends CommonOptions {
  keysExpireAfter: number;
}

export function backupCommand(): Command {
  const days = new Option('--keys-expire-after <days>', 'after this time the keys cannot be restored any more');
  return withJson(withProfile(new Command('backup')))
    .description('write the log and the keys of the profile embedded to a new folder, while the shop goes on')
    .argument('<folder>', 'a folder that does not exist or is empty')
    .addOption(days.argParser(positiveInteger).default(KEYS_EXPIRE_AFTER_DAYS))
    .action(backup);
}

async function backup(folder: string, options: BackupOptions): Promise<void> {
  const config = await configOfShop(options);
  requireEmbedded(config);
  const shop = await openEngines(config);
  const progress = createProgress();
  try {
    const { pool } = await shop.get('postgres');
    await shop.get('subjectKeys'); // makes its table
    const done = await makeBackup(
      resolve(folder),
      {
        mark: await shop.get('claimed'),
        store: await shop.get('eventStore'),
        archiver: await shop.get('archiver'),
        archive: await shop.get('archiveStore'),
        index: await shop.get('archiveIndex'),
        objects: await shop.get('objects'),
        origin: (await shop.get('auditSigner')).name,
        keys: { all: () => allSubjectKeys(pool), forgottenSince: (time) => forgottenSince(pool, time) },
        known: createKnownBackups(config.dataDir),
        dataDir: config.dataDir,
        clock: await shop.get('clock'),
      },
      { keysExpireAfterMs: options.keysExpireAfter * DAY_MS, onProgress: progress.report },
    );
    progress.end();
    console.log(options.json ? JSON.stringify(done) : told(resolve(folder), done));
  } catch (error) {
    if (!(error instanceof LogChanged || error instanceof ArchiveDamaged)) throw error;
    progress.end();
    console.error(explain(error));
    process.exitCode = FOUND_A_VIOLATION;
  } finally {
    progress.end();
    await shop.close();
  }
}

function told(folder: string, { madeAt, commits, streams, keys, keysExpireAt, hasMasterKey, expired }: Backup): string {
  return [
    `Backed up to ${folder}: ${commits} commits of ${streams} streams, and ${keys} keys, as of ${madeAt}.`,
    hasMasterKey
      ? 'keys.jsonl opens all personal data in it: keep it where nobody else reads it.'
      : 'The master key is not in it, because COMMERCE_MASTER_KEY is set: keep that key, too.',
    `The keys expire at ${keysExpireAt}. Whoever is forgotten is taken out of them while the folder stays in its place.`,
    ...expired.map((path) => `Deleted ${path}, which had expired.`),
  ].join('\n');
}
