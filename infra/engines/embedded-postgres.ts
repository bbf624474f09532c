// PostgreSQL from npm on its own data folder. The first program that opens the folder starts the server, other programs join it,
// and the last one to leave stops it.
//
// The server itself tracks its users: each user holds a session with a shared advisory lock. A killed user disappears at once,
// and a user that gets the lock exclusively is the last. A cluster appears by one rename, and `postmaster.pid` allows only one
// server on it. A lock file separates programs that open the folder from programs that delete it.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, open, readdir, readFile, realpath, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { makeFolder } from '../make-folder.js';
import { type Account, closedAncestor, serverAccount, userName } from './accounts.js';
import { onEndAtOnce } from './ending.js';
import { ClosedFolder, EngineUnavailable } from './errors.js';
import { withLock } from './lock.js';
import { type PostgresBinaries, postgresBinaries } from './postgres-binaries.js';
import { commandLine, freePort, isRunning, signalled } from './processes.js';

/** A server that ended with less free disk space than this is assumed to have ended because of it. */
const LEAST_ROOM_BYTES = 1024 * 1024;
const FULL_DISK = 'the disk is full; free some space, or name another folder with --data';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 20;
const RECOVER_EVERY_MS = 500;

/** The advisory lock, in database `commerce`, that every user of the server shares. */
const USERS_LOCK = 7_236_114;
const INVALID_PASSWORD = '28P01';

/**
 * The first change of a page after a checkpoint writes the whole page to the WAL. So checkpoints are rare, and pages compressed;
 * `max_wal_size` limits what a recovery reads.
 */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  wal_compression: 'on',
  random_page_cost: '1.1',
  jit: 'off',
  log_checkpoints: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

export interface PostgresOptions {
  /** Contains the cluster, its log and its last port. Created if it does not exist. */
  readonly dataDir: string;
  /** Default: the last port if it is free, otherwise any. A running server keeps its port. */
  readonly port?: number;
  /** Called for every failed attempt to restart a server that died in use. */
  readonly onTrouble?: (error: unknown) => void;
}

export interface RunningPostgres {
  /** Includes the password of database `commerce`. Its role owns the database, may create others, and is no superuser. */
  readonly url: string;
  /** True if this call started the server, false if it joined a running one. */
  readonly owned: boolean;
  /** Leaves the server, and stops it if it has no other user, even if another program started it. */
  stop(): Promise<void>;
}

/**
 * Joins the server on the data folder or starts it. A server that dies while in use is restarted on the same port. Throws
 * `ClosedFolder` if the folder cannot be used, `EngineUnavailable` if the server cannot run.
 */
export async function openPostgres({ dataDir, port, onTrouble }: PostgresOptions): Promise<RunningPostgres> {
  const folder = resolve(dataDir);
  const { account, binaries } = await prepareFolder(folder);
  const ending = new AbortController();
  let ended = () => {};
  // Work in progress sees the signal, ends what it has started, and rejects.
  const whenEnded = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const endedByItself = onEndAtOnce(() => {
    ending.abort(new EngineUnavailable('postgres', 'the program was told to end'));
    return whenEnded;
  });
  const leaveEnding = () => {
    endedByItself();
    ended();
  };
  const open = async () => {
    const cluster = await openCluster(folder, account, binaries, ending.signal);
    return { cluster, ...(await enter(cluster, port, ending.signal)) };
  };
  const opened = await whileNobodyOpens(folder, open, ending.signal).catch((error: unknown) => {
    leaveEnding();
    throw error;
  });
  const { cluster, owned } = opened;
  let { session } = opened;
  let stopping = false;
  let recovery = Promise.resolve();

  const recover = async (): Promise<void> => {
    while (!stopping) {
      try {
        const again = () => enter(cluster, session.port, ending.signal);
        ({ session } = await whileNobodyOpens(folder, again, ending.signal));
        return watch();
      } catch (error) {
        if (ending.signal.aborted) return;
        onTrouble?.(error);
        await delay(RECOVER_EVERY_MS);
      }
    }
  };
  const watch = (): void => {
    session.client.once('end', () => {
      if (!stopping) recovery = recover();
    });
  };
  watch();

  async function stop(): Promise<void> {
    if (stopping) return;
    stopping = true;
    await recovery;
    await leave(cluster, session);
    leaveEnding();
  }
  if (ending.signal.aborted) await stop();
  ending.signal.addEventListener('abort', () => void stop());

  return {
    url: `postgres://commerce:${cluster.password}@127.0.0.1:${session.port}/commerce`,
    owned,
    stop,
  };
}

/** Runs the work while no program opens a server on the folder. The folder must exist. */
export function whileNobodyOpens<T>(dataDir: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  return withLock(join(dataDir, 'lock'), work, signal);
}

/**
 * Stops the server that a killed program left running on the data folder. Returns false, and leaves it running, if it is in use.
 */
export async function stopLeftoverPostgres(dataDir: string): Promise<boolean> {
  const path = join(resolve(dataDir), 'cluster');
  const password = await readPassword(path);
  if (password === undefined) return true;
  const cluster = { path: await realpath(path), password };
  const postmaster = await readPostmaster(cluster.path);
  const session = postmaster?.ready ? await joinServer(cluster, postmaster) : undefined;
  if (session) await leave(cluster, session);
  return (await readPostmaster(cluster.path)) === undefined;
}

// ── Entering and leaving ────────────────────────────────────────────────────────────────────────────────────────────

/** A session that only holds a lock must not keep the program alive. (The driver's types lack these two methods.) */
type HoldableClient = pg.Client & { ref?(): void; unref?(): void };

interface Session {
  readonly client: HoldableClient;
  readonly pid: number;
  readonly port: number;
}

/** Rejects with the signal's reason once it aborts. A server that this call has started is then stopped again. */
async function enter(
  cluster: Cluster,
  port: number | undefined,
  signal: AbortSignal,
): Promise<{ session: Session; owned: boolean }> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  let launched: Launch | undefined;
  while (performance.now() < deadline) {
    if (signal.aborted) {
      if (launched?.child.pid && !launched.failure()) await shutDown(cluster.path, launched.child.pid);
      throw signal.reason;
    }
    const postmaster = await readPostmaster(cluster.path);
    if (postmaster?.ready) {
      const session = await joinServer(cluster, postmaster);
      if (session) return { session, owned: session.pid === launched?.child.pid };
    }
    if (launched?.failure()) await explainUnlessRaced(cluster, launched);
    if (!postmaster && (!launched || launched.failure())) launched = await launch(cluster, port);
    await delay(POLL_MS);
  }
  throw new EngineUnavailable('postgres', `it did not start within ${START_TIMEOUT_MS / 1000} s; see ${cluster.log}`);
}

/** Undefined if the server cannot accept us now: it is starting, stopping, or has just stopped. */
async function joinServer(cluster: Pick<Cluster, 'password'>, { pid, port }: Postmaster): Promise<Session | undefined> {
  const client: HoldableClient = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'commerce',
    password: cluster.password,
    database: 'commerce',
    ssl: false,
    application_name: `commerce user ${process.pid}`,
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select pg_advisory_lock_shared($1)', [USERS_LOCK]);
    client.unref?.();
    return { client, pid, port };
  } catch (error) {
    if ((error as { code?: string }).code === INVALID_PASSWORD) throw error;
    return undefined;
  }
}

async function leave(cluster: Pick<Cluster, 'path'>, { client, pid }: Session): Promise<void> {
  client.ref?.();
  const last = await client
    .query('select pg_advisory_unlock_shared($1)', [USERS_LOCK])
    .then(() => client.query<{ last: boolean }>('select pg_try_advisory_lock($1) as last', [USERS_LOCK]))
    .then(({ rows }) => rows[0]?.last === true)
    .catch(() => false);
  if (last) await shutDown(cluster.path, pid);
  await client.end().catch(() => {});
}

/**
 * Fast shutdown: sessions end and a checkpoint is written. If that takes too long, immediate shutdown: the next start recovers.
 */
async function shutDown(path: string, pid: number): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    if (!signalled(pid, signal)) return;
    const deadline = performance.now() + STOP_TIMEOUT_MS;
    while (performance.now() < deadline) {
      if ((await readPostmaster(path))?.pid !== pid) return;
      await delay(POLL_MS);
    }
  }
}

// ── The server process ──────────────────────────────────────────────────────────────────────────────────────────────

interface Launch {
  readonly child: ChildProcess;
  /** Offset of this launch's lines in the log. */
  readonly logFrom: number;
  readonly portIsFixed: boolean;
  /** The reason why the process ended, once it has ended. */
  failure(): string | undefined;
}

/** Detached, so that Ctrl-C in a terminal reaches only the program, which then stops the server in order. */
async function launch(cluster: Cluster, fixedPort: number | undefined): Promise<Launch> {
  const port = fixedPort ?? (await freePort(await lastPort(cluster)));
  const log = await open(cluster.log, 'a');
  try {
    const settings = Object.entries({ ...SETTINGS, port: String(port) }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ]);
    const { size } = await log.stat();
    const child = spawn(cluster.binaries.postgres, ['-D', cluster.path, ...settings], {
      ...cluster.account,
      cwd: cluster.path,
      env: SERVER_ENVIRONMENT,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    let failure: string | undefined;
    child.once('error', ({ message }) => {
      failure = message;
    });
    child.once('exit', (code, signal) => {
      failure = `the server ended at once (${signal ?? code})`;
    });
    child.unref();
    return { child, logFrom: size, portIsFixed: fixedPort !== undefined, failure: () => failure };
  } finally {
    await log.close();
  }
}

/** Losing the data folder or a port to another program is no failure: the caller looks again. Any other failure throws. */
async function explainUnlessRaced(cluster: Cluster, { logFrom, portIsFixed, failure }: Launch): Promise<void> {
  const lines = (await readFile(cluster.log)).subarray(logFrom).toString();
  if (/lock file "postmaster\.pid" already exists|shared memory block .* is still in use/.test(lines)) return;
  const portTaken = /could not bind IPv4 address/.test(lines);
  if (portTaken && !portIsFixed) return;
  const reason = portTaken
    ? 'its port is taken by another program; set COMMERCE_PG_PORT to a free one, or unset it to have one picked'
    : (refusalIn(`${lines} ${failure()}`) ??
      (await roomProblem(cluster.path)) ??
      lines.match(/^.*FATAL:.*(\n.*(HINT|DETAIL):.*)*/m)?.[0].replaceAll(/\s*\n\s*/g, '; ') ??
      failure());
  throw new EngineUnavailable('postgres', `${reason} (log: ${cluster.log})`);
}

/** Messages of PostgreSQL about refusals of the operating system, and the advice for each. */
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [/No space left on device|Check free disk space/, FULL_DISK],
  [/Disk quota exceeded/, 'the quota of its account is used up; free some space, or name another folder with --data'],
  [/Read-only file system/, 'the file system is read-only; name another folder with --data, or make it writable'],
  [
    /File too large|SIGXFSZ/,
    'a file would be too large for this account or file system; raise the limit (`ulimit -f`)',
  ],
  [/Input\/output error/, 'the device fails; look at the disk'],
];

function refusalIn(said: string): string | undefined {
  return REFUSALS.find(([pattern]) => pattern.test(said))?.[1];
}

/** A server without disk space cannot even log why it ended. */
async function roomProblem(folder: string): Promise<string | undefined> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < LEAST_ROOM_BYTES ? FULL_DISK : undefined;
}

interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
}

/**
 * The content of `postmaster.pid` if its process is a living server on this cluster. The file of a killed server is removed:
 * its pid may now belong to another program or a zombie, and PostgreSQL would take that for a server.
 */
async function readPostmaster(path: string): Promise<Postmaster | undefined> {
  const file = join(path, 'postmaster.pid');
  const content = await readFile(file, 'utf8').catch(() => '');
  const lines = content.split('\n');
  const pid = Number(lines[0]);
  if (!pid) return undefined;
  if (await isRunning(pid, path)) return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' };
  if ((await readFile(file, 'utf8').catch(() => '')) === content) await rm(file, { force: true });
  return undefined;
}

async function lastPort({ path }: Cluster): Promise<number | undefined> {
  const options = await readFile(join(path, 'postmaster.opts'), 'utf8').catch(() => '');
  return Number(options.match(/"port=(\d+)"/)?.[1]) || undefined;
}

// ── The cluster on disk ─────────────────────────────────────────────────────────────────────────────────────────────

interface Cluster {
  readonly path: string;
  readonly log: string;
  readonly password: string;
  readonly account: Account;
  readonly binaries: PostgresBinaries;
}

const SERVER_ENVIRONMENT = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
const PASSWORD_FILE = 'commerce.password';

/** Only the database role `commerce` can log in, only from this machine, and only with the password in the cluster's files. */
const ACCESS = 'host all commerce 127.0.0.1/32 scram-sha-256\n';

async function prepareFolder(dataDir: string): Promise<{ account: Account; binaries: PostgresBinaries }> {
  const binaries = await postgresBinaries();
  const account = await serverAccount('postgres', join(dataDir, 'cluster'));
  await assertUsable(dataDir, account, binaries);
  return { account, binaries };
}

async function openCluster(
  dataDir: string,
  account: Account,
  binaries: PostgresBinaries,
  signal: AbortSignal,
): Promise<Cluster> {
  const folder = await realpath(dataDir);
  const path = join(folder, 'cluster');
  const password = (await readPassword(path)) ?? (await createCluster(folder, account, binaries, signal));
  return { path, log: join(folder, 'postgres.log'), password, account, binaries };
}

function readPassword(path: string): Promise<string | undefined> {
  return readFile(join(path, PASSWORD_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new ClosedFolder(path, `${error.message}; use the account that created it, or another folder`, {
      cause: error,
    });
  });
}

/** Built in a separate folder and renamed, so that a killed run leaves nothing incomplete. If two runs compete, one wins. */
async function createCluster(
  folder: string,
  account: Account,
  binaries: PostgresBinaries,
  signal: AbortSignal,
): Promise<string> {
  await sweepUnfinished(folder);
  const path = join(folder, 'cluster');
  const draft = `${path}.new-${process.pid}-${randomBytes(4).toString('hex')}`;
  const password = randomBytes(24).toString('base64url');
  try {
    await mkdir(draft, { mode: 0o700 });
    await give(draft, account);
    await runServerTool(binaries.initdb, [`--pgdata=${draft}`, ...INITDB_FLAGS], { account, signal });
    await writeFile(join(draft, 'pg_hba.conf'), ACCESS);
    await runServerTool(
      binaries.postgres,
      ['--single', '-D', draft, 'postgres'],
      { account, signal },
      `create role commerce login createdb password '${password}';\ncreate database commerce owner commerce;\n`,
    );
    const passwordFile = join(draft, PASSWORD_FILE);
    await writeFile(passwordFile, password, { mode: 0o600 });
    await give(passwordFile, account);
    await rename(draft, path);
    return password;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    const winner = await readPassword(path);
    if (winner === undefined) throw error;
    return winner;
  }
}

/** UTF-8 and code-point order, the same on every machine. */
const INITDB_FLAGS = [
  '--username=postgres',
  '--auth=trust',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--data-checksums',
];

/** -1 keeps the owner. */
const give = (path: string, { uid = -1, gid = -1 }: Account): Promise<void> => chown(path, uid, gid);

/** Detached like the server: Ctrl-C reaches only this program, which stops the tool and its children through the signal. */
async function runServerTool(
  program: string,
  args: string[],
  { account, signal }: { account: Account; signal: AbortSignal },
  input = '',
): Promise<void> {
  signal.throwIfAborted();
  const child = spawn(program, args, {
    ...account,
    cwd: '/',
    env: SERVER_ENVIRONMENT,
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const end = () => void (child.pid && signalled(-child.pid, 'SIGKILL'));
  signal.addEventListener('abort', end);
  const ended = new Promise<string | number>((done, failed) => {
    child.once('close', (code, signal) => done(signal ?? code ?? 'no reason')).once('error', failed);
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [outcome, errors] = await Promise.all([ended, text(child.stderr)]);
  signal.removeEventListener('abort', end);
  signal.throwIfAborted();
  if (outcome === 0 && !/ERROR:|FATAL:/.test(errors)) return;
  const told = errors.trim().replaceAll(/\s*\n\s*/g, '; ') || `${basename(program)} ended (${outcome})`;
  throw new EngineUnavailable(
    'postgres',
    `a new database could not be created: ${refusalIn(`${errors} ${outcome}`) ?? told}`,
  );
}

/** The tool of a killed program may still write there for a moment. The next start then removes the folder. */
async function sweepUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = name.match(/^cluster\.new-(\d+)-/)?.[1];
    if (pid && (await commandLine(Number(pid))) === undefined)
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => {});
  }
}

/** Reports the folder that causes the problem, and the remedy, before PostgreSQL fails with its own message. */
async function assertUsable(dataDir: string, account: Account, { postgres }: PostgresBinaries): Promise<void> {
  try {
    await makeFolder(dataDir);
    await (await open(join(dataDir, 'postgres.log'), 'a')).close();
  } catch (error) {
    const { message } = error as Error;
    throw new ClosedFolder(
      dataDir,
      `${message}; make it writable for ${userName()}, or name another folder with --data`,
      {
        cause: error,
      },
    );
  }
  const owner = await stat(join(dataDir, 'cluster')).catch(() => undefined);
  const uid = account.uid ?? process.getuid?.();
  if (owner && owner.uid !== uid) {
    throw new ClosedFolder(
      dataDir,
      `it belongs to another user (uid ${owner.uid}); run as that user, or name another folder with --data`,
    );
  }
  const closed = closedAncestor(dataDir, account);
  if (closed) {
    throw new ClosedFolder(
      dataDir,
      `PostgreSQL does not run as root but as a system user (uid ${account.uid}), which cannot enter ${closed}; open it with \`chmod o+x ${closed}\`, or name another folder with --data`,
    );
  }
  const closedProgram = closedAncestor(dirname(postgres), account);
  if (closedProgram) {
    throw new EngineUnavailable(
      'postgres',
      `it does not run as root but as a system user (uid ${account.uid}), which cannot enter ${closedProgram}, where npm installed it; open it with \`chmod o+x ${closedProgram}\`, run as another user, or set DATABASE_URL`,
    );
  }
}
