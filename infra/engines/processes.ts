// What the operating system knows about our servers: which process holds a pid, which port is free.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The command line of a process; empty while the process is ending; undefined if there is none with this pid. */
export async function commandLine(pid: number): Promise<string | undefined> {
  try {
    if (process.platform !== 'linux') return (await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout;
    const line = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    return line === '' && (await isZombie(pid)) ? undefined : line;
  } catch {
    return undefined;
  }
}

/** Ended with all its threads, and kept only until its parent asks how. */
async function isZombie(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8');
  const threads = await readdir(`/proc/${pid}/task`);
  return status.slice(status.lastIndexOf(')')).startsWith(') Z') && threads.length === 1;
}

/**
 * Is the process with this pid ours, known by a mark in its command line? A pid alone proves nothing: the system gives it
 * to others later. One that is ending still holds its ports and files, and counts.
 */
export async function isRunning(pid: number, mark: string): Promise<boolean> {
  const line = await commandLine(pid);
  return line !== undefined && (line === '' || line.includes(mark));
}

/** A port free on loopback right now: the preferred one if it is, else one that the system picks. */
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
