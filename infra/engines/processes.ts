// What the operating system knows about our servers: the process of a pid, and free ports.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The command line of a process; empty while the process is ending; undefined if no process has this pid. */
export async function commandLine(pid: number): Promise<string | undefined> {
  try {
    if (process.platform !== 'linux') return (await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout;
    const line = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    return line === '' && (await isZombie(pid)) ? undefined : line;
  } catch {
    return undefined;
  }
}

/** The process and all its threads have ended, and it waits only for its parent to read its status. */
async function isZombie(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8');
  const threads = await readdir(`/proc/${pid}/task`);
  return status.slice(status.lastIndexOf(')')).startsWith(') Z') && threads.length === 1;
}

/**
 * True if the process with this pid is ours, which a mark in its command line shows. A pid alone is no proof, because the system
 * reuses pids. A process that is ending counts, because it still holds its ports and files.
 */
export async function isRunning(pid: number, mark: string): Promise<boolean> {
  const line = await commandLine(pid);
  return line !== undefined && (line === '' || line.includes(mark));
}

/** False if the process has ended already. */
export function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** A free port on loopback: the preferred one if it is free, otherwise one that the system picks. */
export async function freePort(preferred = 0): Promise<number> {
  return (await bindable(preferred)) ?? (await bindable(0)) ?? Promise.reject(new Error('no free port on 127.0.0.1'));
}

function bindable(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(undefined));
    probe.listen({ port, host: '127.0.0.1' }, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : undefined));
    });
  });
}
