// `commerce reset`: deletes a shop's data in the engines and in the data folder, after a confirmation. It deletes only this
// product's data.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import type { Config } from '../../infra/config.js';
import { findMasterKey } from '../../infra/crypto/master-key.js';
import { engineAddresses } from '../../infra/engines/addresses.js';
import { stopLeftoverPostgres, whileNobodyOpens } from '../../infra/engines/embedded-postgres.js';
import { claimantOf } from '../../infra/modules/claims.js';
import type { Shop } from '../../infra/modules/open-shop.js';
import type { PostgresServer } from '../../infra/modules/parts.js';
import { unlessInUse } from '../../infra/presence.js';
import { isSealedWith, requireSameEventStore } from '../../infra/stores/claim.js';
import { otherShops } from '../../infra/stores/postgres-stores.js';
import type { Store } from '../../infra/stores/store.js';
import { entriesOf, type FolderEntries, OWN_FOLDERS } from '../data-folder.js';
import { CommandFailed } from '../errors.js';
import { usesRealAws } from '../local-engines.js';
import { openEngines } from '../open-engines.js';
import { type CommonOptions, configOf, withJson, withProfile } from '../options.js';

interface ResetOptions extends CommonOptions {
  yes?: boolean;
}

type Erasable = Pick<Store, 'name' | 'erase'>;

/** What will be deleted. */
interface Plan {
  stores: readonly Erasable[];
  /** Paths relative to the data folder. */
  files: readonly string[];
  /** The reason why files of this product are kept. */
  keptFor?: string;
}

export function resetCommand(): Command {
  return withJson(withProfile(new Command('reset')))
    .description('delete all data of a profile and namespace on this machine, after a confirmation')
    .option('--yes', 'do not ask')
    .action(async (options: ResetOptions, command: Command) => {
      const config = configOf(options);
      const { dataDir } = config;
      const entries = (await entriesOf(dataDir)) ?? { own: [], foreign: [] };
      if (entries.own.length === 0 && entries.foreign.length > 0) {
        command.error(
          `${dataDir} is not a data folder of commerce: it has ${entries.foreign[0]}, and no file of commerce. Nothing was deleted; name the folder that \`start\` uses.`,
        );
      }
      const plan = await reset(config, entries, (plan) => confirm(command, options, dataDir, plan));
      const deleted = [...plan.stores.map(({ name }) => name), ...plan.files];
      const kept = [...entries.foreign, ...entries.own.filter((path) => !plan.files.includes(path))];
      console.log(options.json ? JSON.stringify({ dataDir, deleted, kept }) : report(dataDir, plan, entries.foreign));
    });
}

/** Asks for confirmation once the plan is known. */
async function reset(config: Config, entries: FolderEntries, ask: (plan: Plan) => Promise<void>): Promise<Plan> {
  const { dataDir } = config;
  const isAllInFolder = await isInFolder(config);
  const hasCluster = existsSync(join(dataDir, 'postgres', 'cluster'));
  if (isAllInFolder) await refuseInUse(dataDir);
  const filesAlone: Plan = { stores: [], files: entries.own };
  if (isAllInFolder && !hasCluster) {
    await ask(filesAlone);
    await deleteFiles(dataDir, filesAlone.files);
    return filesAlone;
  }

  if (await usesRealAws(config)) throw notInAws();
  const shop = await openEngines(config);
  let plan: Plan;
  let isOwn: boolean;
  try {
    const server = await serverOf(shop);
    isOwn = server?.isOwn ?? true;
    plan = server ? await planOf(shop, server, config, entries.own) : filesAlone;
    await ask(plan);
    if (server && plan.stores.length > 0) await erase(server, config, plan);
  } finally {
    await shop.close();
  }
  // The embedded server must stop before its files can be deleted.
  if (isOwn) await deleteFiles(dataDir, plan.files);
  return plan;
}

/** Undefined if the server on the data folder cannot run. Its files can be deleted anyway. */
async function serverOf(shop: Shop): Promise<PostgresServer | undefined> {
  try {
    return await shop.get('postgresServer');
  } catch (error) {
    if (!(await isInFolder(shop.config))) throw error;
    console.error(`The Postgres of the data folder cannot be read: ${(error as Error).message}`);
    return undefined;
  }
}

/** Keeps files that another shop needs: its keys, and the folder's Postgres if it contains data of that shop. */
async function planOf(shop: Shop, server: PostgresServer, config: Config, own: readonly string[]): Promise<Plan> {
  const { log, others } = await shop.get('stores');
  const key = await findMasterKey({ dataDir: config.dataDir, given: config.masterKey });
  const needing = [...(await otherShops(server.pool, server.schemas))].filter(
    ([, mark]) => server.isOwn || (key && typeof mark === 'object' && isSealedWith(key, mark)),
  );
  const stores: Erasable[] = [];
  for (const store of [log, ...others]) {
    const mark = await store.mark();
    requireSameEventStore(store, mark, claimantOf(config));
    if (mark !== undefined) stores.push(store);
    if (store === log && typeof mark === 'object') stores.push(...(await objectsOf(shop, mark.log)));
  }
  if (needing.length > 0) {
    const names = needing.map(([schema]) => (schema === 'public' ? 'the shop of the profile embedded' : schema));
    return { stores, files: [], keptFor: names.join(', ') };
  }
  // Deleting the folder's Postgres deletes all of its data.
  return { stores: (await isInFolder(config)) ? [] : stores, files: own };
}

/** The stock snapshots and the archive of the log, if there are any. */
async function objectsOf(shop: Shop, log: string): Promise<Erasable[]> {
  const place = await shop.get('objectPlace');
  for await (const _ of place.of(log).list('')) return [{ name: place.name, erase: () => place.erase(log) }];
  return [];
}

async function erase({ pool, schemas, isOwn }: PostgresServer, config: Config, plan: Plan): Promise<void> {
  const isDone = await unlessInUse(pool, schemas.log, async () => {
    // The log is deleted last. Until then it identifies the owner of the other stores.
    for (const store of [...plan.stores].reverse()) await store.erase();
    if (!isOwn) await deleteFiles(config.dataDir, plan.files);
  });
  if (!isDone) throw inUse(plan.stores[0]!.name);
}

async function refuseInUse(dataDir: string): Promise<void> {
  if (!(await stopLeftoverPostgres(join(dataDir, 'postgres')))) throw inUse(dataDir);
}

const inUse = (what: string) => new CommandFailed(`${what} is in use by a running commerce; stop it first.`);

const notInAws = () =>
  new CommandFailed(
    'reset deletes data in local engines only, and AWS_ENDPOINT_URL does not name one. To delete data in AWS itself, use its stack. Nothing was deleted.',
  );

/** True if all data of the shop is in the data folder. */
async function isInFolder({ profile, isLogInPostgres }: Config): Promise<boolean> {
  return profile === 'embedded' && isLogInPostgres && (await engineAddresses()).databaseUrl === undefined;
}

async function confirm(command: Command, { yes }: ResetOptions, dataDir: string, plan: Plan): Promise<void> {
  if (yes || plan.stores.length + plan.files.length === 0) return;
  if (!process.stdin.isTTY) command.error('Nothing was deleted: there is no terminal for the confirmation; use --yes.');
  const what = [
    plan.stores.length > 0 && `all data of this shop in ${plan.stores.map(({ name }) => name).join('; ')}`,
    plan.files.length > 0 && `all data and keys in ${dataDir}: ${plan.files.join(', ')}`,
  ].filter(Boolean);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`Delete ${what.join(', and ')}? [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandFailed('Nothing was deleted.');
}

async function deleteFiles(dataDir: string, paths: readonly string[]): Promise<void> {
  const postgres = join(dataDir, 'postgres');
  const inPostgres = paths.filter((path) => path.startsWith('postgres'));
  if (inPostgres.length > 0) {
    await whileNobodyOpens(postgres, async () => {
      await refuseInUse(dataDir);
      for (const path of inPostgres) if (!/\Wlock/.test(path)) await deleteAtOnce(join(dataDir, path));
    });
  }
  // The keys are deleted last. Without them the remaining data could not be read.
  for (const path of paths) await rm(join(dataDir, path), { recursive: true, force: true });
  // The folder stays if it is a link or a mount, or contains other files.
  for (const folder of [...OWN_FOLDERS.map((name) => join(dataDir, name)), dataDir])
    await rmdir(folder).catch(() => {});
}

/** Renames first, so that deletion is one step. If this program is killed, the next start removes the renamed folder. */
async function deleteAtOnce(path: string): Promise<void> {
  const aside = /\Wcluster$/.test(path) ? `${path}.new-${process.pid}-${randomBytes(4).toString('hex')}` : path;
  if (aside !== path) await rename(path, aside);
  await rm(aside, { recursive: true, force: true });
}

function report(dataDir: string, { stores, files, keptFor }: Plan, foreign: readonly string[]): string {
  const deleted = [
    ...stores.map(({ name }) => `Deleted in ${name}: all data of this shop.`),
    ...(files.length > 0 ? [`Deleted: the data in ${dataDir}.`] : []),
  ];
  if (deleted.length === 0) deleted.push(`There is no data in ${dataDir}.`);
  if (keptFor) deleted.push(`The keys in ${dataDir} were kept, because another shop needs them: ${keptFor}.`);
  if (foreign.length > 0) deleted.push(`Kept, because commerce did not create them: ${foreign.join(', ')}.`);
  return deleted.join('\n');
}
