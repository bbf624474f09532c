// A process that rebuilds, and kills itself at a given call to the store or the spill: before it, in the middle of it, or after it.
// Arguments: URL of the log, the store as JSON, folder of the spill. It begins when its parent sends the number of the call (0:
// never) and when, and sends back the number of its calls.
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { openRebuildWorld } from './world.js';

const [url, place, folder] = process.argv.slice(2) as [string, string, string];
const [{ killAt, when }] = (await once(process, 'message')) as [{ killAt: number; when: string }];
let calls = 0;

function around<T extends object>(target: T): T {
  return new Proxy(target, {
    get(from, name) {
      const member = from[name as keyof T];
      if (typeof member === 'object' && member !== null) return around(member);
      if (typeof member !== 'function' || name === 'onDoubt' || name === 'read') return member;
      return (...args: unknown[]) => call(() => (member as (...all: unknown[]) => unknown).apply(from, args));
    },
  });
}

async function call(work: () => unknown): Promise<unknown> {
  if (++calls !== killAt) return work();
  if (when === 'before') await die();
  const working = Promise.resolve(work());
  if (when === 'midway') {
    await Promise.race([working, delay(calls % 4)]);
    await die();
  }
  await working;
  return die();
}

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}

const world = await openRebuildWorld(url, JSON.parse(place), folder, around);
await world.rebuilds.run('texts', { signal: new AbortController().signal, segments: 3, verify: 'full' });
process.send?.(calls);
await world.close();
process.disconnect();
