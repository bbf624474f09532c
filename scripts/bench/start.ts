// The bench of a start: from the start of the program, as `npm start` runs it, to its first answer. The data is there already.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineUnavailable } from '../../infra/engines/errors.js';
import { freePort } from '../../infra/engines/processes.js';
import type { FigureBench } from './bench.js';
import type { Environment } from './product.js';

/** It builds what changed, so a first start may take longer. */
const PROGRAM = join(import.meta.dirname, '../commerce.mjs');

const POLL_MS = 5;
const TIMEOUT_MS = 60_000;

export const start: FigureBench = {
  kind: 'figure',
  name: 'start',
  inFlight: 1,
  target: 1,
  unit: 's',
  how: 'from the start of the program on the data of the sample shop to its first page of products, with its own Postgres unless DATABASE_URL is set',
  async open(engines) {
    const shop = await engines.freshShop();
    const { DATABASE_URL: _, ...own } = shop.environment;
    const environment = process.env.DATABASE_URL ? shop.environment : own;
    await timedStart(environment); // creates the sample shop
    return { take: () => timedStart(environment), close: shop.drop };
  },
};

/** Seconds until the first answer. The program is stopped afterwards. */
async function timedStart(environment: Environment): Promise<number> {
  const port = await freePort();
  const startedAt = performance.now();
  const program = spawn(process.execPath, [PROGRAM, 'start', '--port', String(port)], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const isUp = once(program.stdout!, 'data'); // it says so once everything is ready
  program.stdout!.resume();
  const kill = () => program.kill('SIGKILL');
  process.once('exit', kill);
  try {
    await answered(`http://127.0.0.1:${port}/v1/products?limit=1`, program, startedAt + TIMEOUT_MS);
    const seconds = (performance.now() - startedAt) / 1000;
    await isUp;
    return seconds;
  } finally {
    program.kill('SIGTERM');
    if (program.exitCode === null && program.signalCode === null) await once(program, 'exit');
    process.off('exit', kill);
  }
}

async function answered(url: string, program: ChildProcess, deadline: number): Promise<void> {
  while (performance.now() < deadline) {
    if (program.exitCode !== null) throw new Error(`The product stopped with the code ${program.exitCode}.`);
    const status = await fetch(url).then(
      async (answer) => (await answer.arrayBuffer()) && answer.status,
      () => undefined,
    );
    if (status === 200) return;
    await delay(POLL_MS);
  }
  throw new EngineUnavailable('the product', `it did not answer within ${TIMEOUT_MS / 1000} s`);
}
