// One environment of a command Lambda: the checkout on a command path of its own, which shares no memory with any other.

import { orThrow } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { DEFAULT_LOCATION } from '../../domain/kernel/id.js';
import { skuClaim, skuClaimStream } from '../../domain/product/sku-claim.js';
import { type StockItem, stockItem, stockStream } from '../../domain/stock/stock-item.js';
import { createDynamoClient } from '../../infra/aws.js';
import { createDynamoEventStore } from '../../infra/event-store/dynamodb/dynamodb-event-store.js';
import { createPostgresEventStore } from '../../infra/event-store/postgres/postgres-event-store.js';
import { assembleProcesses } from '../../infra/modules/processes.js';
import { createTestProvider } from '../../infra/payments/test-provider.js';
import { createPool } from '../../infra/postgres.js';
import { codec, meta, orderOf, runnerOn } from './work.js';

/** The answer of the payment provider takes so long, in ms. Meanwhile the checkout holds its units. */
const PAYMENT_MS = 100;

export interface Environment {
  /** Checks out one unit. True if it was sold, false if it was out of stock; throws otherwise. */
  buy(sku: string): Promise<boolean>;
}

export function openEnvironment(store: EventStore): Environment {
  const provider = createTestProvider();
  const slow: typeof provider = {
    ...provider,
    async authorise(request) {
      await new Promise((resolve) => setTimeout(resolve, PAYMENT_MS));
      return provider.authorise(request);
    },
  };
  const { checkout } = assembleProcesses({
    runner: runnerOn(store),
    clock: Date.now,
    providers: { test: slow },
    log: { warn: () => {} },
  });
  return {
    async buy(sku) {
      // Without a cart, so that only the checkout is measured.
      const { cartId: _, ...contents } = orderOf([{ sku, title: 'The last ones', quantity: 1, unitPrice: 895 }]);
      const { correlationId, actor } = meta();
      const { checkout: ended } = await checkout.run({ type: 'PlaceOrder', contents }, { correlationId, actor });
      if (ended.phase === 'completed') return true;
      if (ended.failure?.rejected === 'out_of_stock') return false;
      throw new Error(`A checkout ended as ${ended.phase}.`);
    },
  };
}

/** Where the log is. */
export type LogPlace = { postgres: string } | { dynamodb: string; region: string; table: string };

export interface Sale {
  log: LogPlace;
  environments: number;
}

export function openLog(log: LogPlace): { store: EventStore; close(): Promise<unknown> } {
  if ('postgres' in log) {
    const pool = createPool({ url: log.postgres, max: 8 });
    return { store: createPostgresEventStore({ pool, codec }), close: () => pool.end() };
  }
  const client = createDynamoClient({ region: log.region, endpoint: log.dynamodb });
  return { store: createDynamoEventStore({ client, table: log.table, codec }), close: async () => client.destroy() };
}

export interface Rush {
  sku: string;
  buyers: number;
}

export interface Served {
  sold: number;
  /** The errors of buyers who got neither the unit nor the news that there is none. */
  errors: string[];
  /** How long each buyer waited from the begin of the rush to the answer, in ms. */
  waits: number[];
}

/** All buyers come at once and wait for an environment. Each environment serves one at a time. */
export async function serve(environments: readonly Environment[], { sku, buyers }: Rush): Promise<Served> {
  const served: Served = { sold: 0, errors: [], waits: [] };
  const began = performance.now();
  let left = buyers;
  await Promise.all(
    environments.map(async ({ buy }) => {
      while (left-- > 0) {
        try {
          if (await buy(sku)) served.sold++;
        } catch (error) {
          served.errors.push(String(error));
        }
        served.waits.push(performance.now() - began);
      }
    }),
  );
  return served;
}

/** A new SKU with units at one location. */
export async function stockUp(store: EventStore, sku: string, quantity: number): Promise<void> {
  const runner = runnerOn(store);
  const item = { sku, location: DEFAULT_LOCATION };
  const productId = `product_${sku}`;
  const claim = skuClaimStream(sku);
  orThrow(await runner.execute(skuClaim, claim, { type: 'ClaimSku', sku, productId }, meta()));
  orThrow(await runner.execute(skuClaim, claim, { type: 'StockSkuAt', ...item }, meta()));
  const receipt = { type: 'ReceiveStock', ...item, movementId: 'all', productId, quantity } as const;
  orThrow(await runner.execute(stockItem, stockStream(item), receipt, meta()));
}

/** What is committed behind an answer and fails stays reserved here, because no agenda runs that would try again. */
const AT_REST_WITHIN_MS = 30_000;

/** The stock item once no checkout holds units any more. The reservations are committed behind the answers. Throws if some stay. */
export async function stockAtRest(store: EventStore, sku: string): Promise<NonNullable<StockItem>> {
  const runner = runnerOn(store);
  const stream = stockStream({ sku, location: DEFAULT_LOCATION });
  for (const giveUpAt = Date.now() + AT_REST_WITHIN_MS; ; ) {
    const { state } = await runner.load(stockItem, stream);
    if (state.reserved === 0) return state;
    if (Date.now() > giveUpAt)
      throw new Error(
        `${state.reserved} units of ${sku} are still reserved ${AT_REST_WITHIN_MS / 1000} s after the last answer.`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
