// The bench of memory: the product under a mix of requests for some minutes, and its resident memory at the end.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { FigureBench } from './bench.js';
import type { Client } from './client.js';
import { startProduct } from './product.js';
import { fillCatalogue, readPaths } from './reads.js';
import { checkOut, fillCart } from './story.js';

const IN_FLIGHT = 8;
const PLENTY = 1_000_000;
const SKUS = ['MEMORY-MUG', 'MEMORY-BOWL'];

/** Reads for each checkout. */
const READS = 20;

export const memory: FigureBench = {
  kind: 'figure',
  name: 'memory',
  inFlight: IN_FLIGHT,
  target: 250,
  unit: 'MB',
  once: true,
  how: `resident memory of the server after --minutes of guest checkouts, with ${READS} reads of products, lists and searches for each`,
  async open(engines, { minutes }) {
    const shop = await engines.freshShop();
    const product = await startProduct(shop.environment).catch(async (error) => {
      await shop.drop();
      throw error;
    });
    await fillCatalogue(product);
    for (const sku of SKUS) await product.sell(sku, PLENTY);
    return {
      async take(signal) {
        const endsAt = performance.now() + minutes * 60_000;
        const shoppers = Array.from({ length: IN_FLIGHT }, async (_, n) => {
          for (let visit = n; performance.now() < endsAt; visit++) {
            signal.throwIfAborted();
            await visitShop(product.client, visit);
          }
        });
        await Promise.all(shoppers);
        return residentMb(product.pid);
      },
      async close() {
        await product.stop();
        await shop.drop();
      },
    };
  },
};

async function visitShop(client: Client, visit: number): Promise<void> {
  for (let n = 0; n < READS; n++) {
    const path = readPaths[(visit * READS + n) % readPaths.length]!;
    await client.expect(200, { method: 'GET', path });
  }
  const { status, text } = await checkOut(client, await fillCart(client, SKUS));
  if (status !== 201) throw new Error(`A checkout got the answer ${status}: ${text}`);
}

/** As the operating system counts it. */
export async function residentMb(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout) / 1024;
}
