// `commerce restore`: restores a backup of the profile `embedded` into an empty data folder or database.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { archiveIn } from '../../infra/archive/archive-objects.js';
import { KeysRefused } from '../../infra/backup/keys-file.js';
import { BackupRefused } from '../../infra/backup/manifest.js';
import {
  checkBackup,
  NotEmpty,
  type Restored,
  requireMasterKey,
  restoreBackup,
} from '../../infra/backup/restore-backup.js';
import type { Config } from '../../infra/config.js';
import { findMasterKey, masterKeyPlace } from '../../infra/crypto/master-key.js';
import { createPostgresSubjectKeys, createSubjectKeysTable } from '../../infra/crypto/subject-keys-postgres.js';
import { createPostgresEventStore } from '../../infra/event-store/postgres/postgres-event-store.js';
import { OBJECTS_FOLDER } from '../../infra/modules/embedded-profile.js';
import { createFolderObjects } from '../../infra/objects/folder-objects.js';
import { unlessInUse } from '../../infra/presence.js';
import { createSchema } from '../../infra/stores/postgres-stores.js';
import { CommandFailed, FOUND_A_VIOLATION } from '../errors.js';
import { openEngines } from '../open-engines.js';
import { type CommonOptions, configOf, withJson, withProfile } from '../options.js';
import { createProgress } from '../progress.js';

export function restoreCommand(): Command {
  return withJson(withProfile(new Command('restore')))
    .description('restore a backup of the profile embedded into an empty data folder or database')
    .argument('<folder>', 'a folder that `commerce backup` has written')
    .action(restore);
}

/** Throws for a shop whose log and keys are not both in Postgres. */
export function requireEmbedded({ profile, eventStore }: Config): void {
  if (profile === 'embedded' && eventStore === 'postgres') return;
  throw new CommandFailed(
    'backup and restore are for the profile embedded with the event store postgres. docs/configuration.md says what to back up elsewhere.',
  );
}

async function restore(given: string, options: CommonOptions): Promise<void> {
  const folder = resolve(given);
  const config = configOf(options);
  requireEmbedded(config);
  if (!existsSync(folder)) throw new CommandFailed(`There is no folder ${folder}.`);
  const progress = createProgress();
  const onProgress = progress.report;
  try {
    const backup = await checkBackup(folder, Date.now(), { onProgress });
    const source = { dataDir: config.dataDir, given: config.masterKey };
    requireMasterKey(backup, { key: await findMasterKey(source), place: masterKeyPlace(source) });
    const done = await intoStores(
      config,
      (deps) => restoreBackup(backup, deps, { onProgress }),
      backup.manifest.mark.log,
    );
    progress.end();
    console.log(
      options.json
        ? JSON.stringify({ ...done, madeAt: backup.manifest.madeAt })
        : told(folder, done, backup.manifest.madeAt),
    );
  } catch (error) {
    progress.end();
    if (!(error instanceof BackupRefused || error instanceof KeysRefused) || error instanceof NotEmpty) throw error;
    console.error(`commerce: ${error.message}`);
    process.exitCode = FOUND_A_VIOLATION;
  }
}

async function intoStores(
  config: Config,
  work: (deps: Parameters<typeof restoreBackup>[1]) => Promise<Restored>,
  log: string,
): Promise<Restored> {
  const shop = await openEngines(config);
  try {
    const { pool, schemas } = await shop.get('postgresServer');
    const stores = await shop.get('stores');
    const loaderOf = await shop.get('logLoader');
    const deps = {
      stores,
      async prepare() {
        await createSchema(pool, schemas.readModels);
        await createSubjectKeysTable(pool);
        return loaderOf(log);
      },
      store: createPostgresEventStore({ pool, codec: await shop.get('codec') }),
      keys: createPostgresSubjectKeys(pool),
      archive: archiveIn(createFolderObjects(join(config.dataDir, OBJECTS_FOLDER)).of(log)),
      objects: createFolderObjects(join(config.dataDir, OBJECTS_FOLDER)).of(log),
      dataDir: config.dataDir,
    };
    let restored: Restored | undefined;
    const isFree = await unlessInUse(pool, schemas.log, async () => {
      restored = await work(deps);
    });
    if (!isFree || !restored)
      throw new CommandFailed(`${stores.log.name} is in use by a running commerce; name an empty place with --data.`);
    return restored;
  } finally {
    await shop.close();
  }
}

function told(folder: string, { commits, streams, keys, forgotten }: Restored, madeAt: string): string {
  return [
    `Restored ${folder}, as of ${madeAt}: ${commits} commits of ${streams} streams, and ${keys} keys.`,
    `${forgotten} people stay forgotten. Whoever was forgotten since then, while the backup was not in its place, has to be forgotten again.`,
    '`commerce start` makes the read models. Everybody has to log in again; `commerce token` makes new tokens for staff.',
  ].join('\n');
}
