// The product as its users run it: the program in its own process, on its own database, with products to sell.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Client, createClient } from './client.js';

/** The build puts the program beside this file. */
export const PROGRAM = join(import.meta.dirname, 'commerce.js');

const READY = /API\s+(http:\/\/\S+)\/v1[\s\S]*Ctrl-C/;

/** Read models that have applied nothing for this long are up to date. */
const QUIET_MS = 250;

/** The variables that differ from this program's. */
export type Environment = Record<string, string>;

export interface Product {
  url: string;
  client: Client;
  /** Drafts and publishes a product. */
  publish(id: string, details: object): Promise<void>;
  /** Publishes a SKU at 8.95 GBP and receives units into stock. */
  sell(sku: string, quantity: number): Promise<void>;
  /** Resolves once the read models are up to date. Their pending work would slow down the next measurement. */
  atRest(): Promise<void>;
  /** A token of this role. */
  tokenOf(role: string): Promise<string>;
  /** The process of the product. */
  pid: number;
  stop(): Promise<void>;
}

export async function startProduct(environment: Environment): Promise<Product> {
  const env = { ...process.env, COMMERCE_RATE_LIMIT_SCALE: '1000000', ...environment };
  const child = spawn(process.execPath, [PROGRAM, 'start', '--port', '0', '--empty'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);

  async function stop(): Promise<void> {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    process.off('exit', kill);
  }

  try {
    const url = await addressOf(child);
    const [keeper, operator] = await Promise.all([tokenOf('catalogue', env), tokenOf('ops', env)]);
    const client = createClient(url);
    const own = { url, client, stop, pid: child.pid!, tokenOf: (role: string) => tokenOf(role, env) };
    return { ...own, ...staffOf(client, keeper, operator) };
  } catch (error) {
    await stop();
    throw error;
  }
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.once('error', reject).once('exit', () => reject(new Error(`The product stopped: ${said}`)));
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const [, url] = READY.exec(said) ?? [];
      if (url) resolve(url);
    });
  });
}

async function tokenOf(role: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, 'token', '--role', role], { env });
  return stdout.trim();
}

function staffOf(client: Client, token: string, operator: string): Pick<Product, 'publish' | 'sell' | 'atRest'> {
  async function appliedCommits(): Promise<number> {
    const metrics = await client.expect(200, { method: 'GET', path: '/metrics', token: operator });
    const counts = metrics.matchAll(/^commerce_projection_applied_commits_total\{.*\} (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  async function publish(id: string, details: object): Promise<void> {
    await client.expect(201, { method: 'POST', path: '/v1/products', token, body: { id, ...details } });
    await client.expect(200, { method: 'POST', path: `/v1/products/${id}/publish`, token });
  }

  return {
    publish,
    async sell(sku, quantity) {
      const variants = [{ sku, prices: [{ amount: 895, currency: 'GBP' }] }];
      await publish(`product_${sku}`, { title: `Blue mug, ${sku}`, variants });
      await client.expect(201, {
        method: 'POST',
        path: `/v1/stock/${sku}/receipts`,
        token,
        body: { quantity },
        headers: { 'Idempotency-Key': sku },
      });
    },
    async atRest() {
      for (let before = -1, now = await appliedCommits(); now !== before; now = await appliedCommits()) {
        before = now;
        await delay(QUIET_MS);
      }
    },
  };
}
