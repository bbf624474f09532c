// What the operating system knows about our servers: which process holds a pid, which port is free.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The command line of a living process; empty for a zombie; undefined if there is none with this pid. */
export async function commandLine(pid: number): Promise<string | undefined> {
  try {
    if (process.platform === 'linux') return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    return (await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout;
  } catch {
    return undefined;
  }
}

/** Is the process with this pid still ours? A pid alone proves nothing: the system gives it to others later. */
export async function isRunning(pid: number, mark: string): Promise<boolean> {
  return (await commandLine(pid))?.includes(mark) ?? false;
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
