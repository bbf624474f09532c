// The name of this process as a runner of rebuilds, and whether another runner has ended.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

const OWN = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;

/** Unique, also among processes that had the same number on this machine before. */
export function runnerOfThisProcess(): string {
  return OWN;
}

/** True only for runners on this machine, whose processes can be looked up. */
export function hasEnded(runner: string): boolean {
  const [host, pid] = runner.split(':');
  if (host !== hostname() || runner.startsWith(OWN)) return false;
  if (Number(pid) === process.pid) return true;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
