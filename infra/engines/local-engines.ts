// Starts and stops the engines of the `aws` profile on this machine. Each has a folder with its data, its log and `state.json`,
// which records what was started. A running engine outlives the program that started it.
import { spawn } from 'node:child_process';
import { open, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolder } from '../make-folder.js';
import type { EngineDefinition, EngineName } from './definitions.js';
import { EngineUnavailable } from './errors.js';
import { CannotInstall } from './installation.js';
import { withLock } from './lock.js';
import { freePort, isRunning, signalled } from './processes.js';

const READY_TIMEOUT_MS = 120_000;
const STOP_GRACE_MS = 15_000;
const POLL_MS = 50;
const LOG_TAIL_BYTES = 2_000;

export interface RunningEngine {
  readonly name: EngineName;
  readonly address: string;
  readonly version: string;
  readonly pid: number;
  readonly port: number;
  /** ISO time. */
  readonly startedAt: string;
  readonly readyInMs: number;
}

/**
 * Returns the running engine of this folder, or starts one: on the given port, else on its last port if that is free, else on any
 * free port. Throws `EngineUnavailable` with advice.
 */
export async function startEngine(engine: EngineDefinition, folder: string, port?: number): Promise<RunningEngine> {
  await makeFolder(folder);
  const home = await realpath(folder);
  return withLock(join(home, 'lock'), async () => {
    const last = await readState(home);
    if (last && (await isRunning(last.pid, home))) {
      await untilReady(engine, home, last);
      return last;
    }
    return launch(engine, home, port ?? (await freePort(last?.port)));
  });
}

/** The engine that was started on this folder, if it still runs. */
export async function runningEngine(folder: string): Promise<RunningEngine | undefined> {
  const home = await realpath(folder).catch(() => undefined);
  const state = home && (await readState(home));
  return state && (await isRunning(state.pid, home)) ? state : undefined;
}

/** Asks the engine on this folder to stop and kills it after the grace time. Returns the stopped engine. */
export async function stopEngine(folder: string, graceMs = STOP_GRACE_MS): Promise<RunningEngine | undefined> {
  const running = await runningEngine(folder);
  if (!running) return undefined;
  const home = await realpath(folder);
  return withLock(join(home, 'lock'), async () => {
    const hasEnded = async () => !(await isRunning(running.pid, home));
    for (const [signal, waitMs] of [
      ['SIGTERM', graceMs],
      ['SIGKILL', STOP_GRACE_MS],
    ] as const) {
      if (!(await hasEnded())) signalled(running.pid, signal);
      if (await until(hasEnded, waitMs)) break;
    }
    return running;
  });
}

/** Detached, with its output in a file, so that neither Ctrl-C nor the end of this program reaches it. */
async function launch(engine: EngineDefinition, home: string, port: number): Promise<RunningEngine> {
  const { program, args, environment } = await engine.command(home, port).catch((error: unknown) => {
    if (!(error instanceof CannotInstall)) throw error;
    throw new EngineUnavailable(engine.name, `${error.message}, or set ${engine.variable}`, { cause: error });
  });
  const begin = Date.now();
  const log = await open(join(home, 'log'), 'a');
  const child = spawn(program, args, {
    cwd: home,
    env: { ...process.env, ...environment },
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  try {
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  } catch (error) {
    throw new EngineUnavailable(engine.name, `${(error as Error).message}; or set ${engine.variable}`, {
      cause: error,
    });
  } finally {
    await log.close();
  }
  child.unref();
  const state: RunningEngine = {
    name: engine.name,
    address: engine.address(port),
    version: await engine.version(),
    pid: child.pid as number,
    port,
    startedAt: new Date(begin).toISOString(),
    readyInMs: 0,
  };
  await writeState(home, state);
  await untilReady(engine, home, state);
  const ready = { ...state, readyInMs: Date.now() - begin };
  await writeState(home, ready);
  return ready;
}

async function untilReady(engine: EngineDefinition, home: string, { pid, port }: RunningEngine): Promise<void> {
  let ready = false;
  const decided = await until(async () => {
    const running = await isRunning(pid, home);
    ready = running && (await engine.isReady(port));
    return ready || !running;
  }, READY_TIMEOUT_MS);
  if (ready) return;
  const what = decided ? 'it ended at once' : `it was not ready within ${READY_TIMEOUT_MS / 1000} s`;
  throw new EngineUnavailable(engine.name, `${what}; ${join(home, 'log')} ends: ${await tail(join(home, 'log'))}`);
}

async function until(condition: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

async function readState(home: string): Promise<RunningEngine | undefined> {
  const content = await readFile(join(home, 'state.json'), 'utf8').catch(() => undefined);
  return content === undefined ? undefined : (JSON.parse(content) as RunningEngine);
}

async function writeState(home: string, state: RunningEngine): Promise<void> {
  const draft = join(home, `state.json.${process.pid}`);
  await writeFile(draft, `${JSON.stringify(state, null, 2)}\n`);
  await rename(draft, join(home, 'state.json'));
}

async function tail(path: string): Promise<string> {
  const { size } = await stat(path);
  return (await readFile(path))
    .subarray(Math.max(0, size - LOG_TAIL_BYTES))
    .toString()
    .trim();
}
