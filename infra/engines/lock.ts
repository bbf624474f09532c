// A lock between processes on one machine: a file that names its holder. The lock of a killed holder is taken over.
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { commandLine } from './processes.js';

const RETRY_MS = 50;
const HEARTBEAT_MS = 2_000;
/** A holder without a heartbeat for this long counts as dead, even if its pid exists (another program may have it). */
const SILENCE_MS = 20_000;

/** Runs the action while no other process or call holds the same lock file. The signal ends the wait. */
export async function withLock<T>(path: string, action: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const token = `${process.pid} ${randomUUID()}`;
  while (!(await take(path, token))) {
    signal?.throwIfAborted();
    await delay(RETRY_MS);
  }
  const heartbeat = setInterval(() => void touch(path), HEARTBEAT_MS);
  try {
    return await action();
  } finally {
    clearInterval(heartbeat);
    if ((await holderOf(path)) === token) await rm(path, { force: true });
  }
}

async function take(path: string, token: string): Promise<boolean> {
  const holder = await holderOf(path);
  if (holder !== undefined) {
    if (await isAlive(path, holder)) return false;
    await removeStale(path, holder);
  }
  return publish(path, token);
}

/** Content and name appear at once, so that nobody reads an incomplete lock. */
async function publish(path: string, token: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, token).catch((error) => {
      throw Object.assign(error, { path }); // the error of a write does not name the path
    });
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Another process may take the lock between the check and the rename. Then the renamed file is its lock, and is put back. */
async function removeStale(path: string, holder: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await holderOf(aside)) !== holder) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

async function isAlive(path: string, holder: string): Promise<boolean> {
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  return age < SILENCE_MS && Boolean(await commandLine(Number.parseInt(holder, 10)));
}

const holderOf = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);

const touch = (path: string): Promise<void> => utimes(path, new Date(), new Date()).catch(() => {});
