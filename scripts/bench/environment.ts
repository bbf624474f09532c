// One environment of a command Lambda: the checkout on a command path of its own, which shares no memory with any other.
import { setTimeout as pause } from 'node:timers/promises';
import { orThrow } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { DEFAULT_LOCATION } from '../../domain/kernel/id.js';
import { RECOVER_AFTER_MS } from '../../domain/processes/agenda.js';
import { skuClaim, skuClaimStream } from '../../domain/product/sku-claim.js';
import { orderOfReservation } from '../../domain/stock/commitments.js';
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
  /** Continues a checkout whose request has left something, as the agenda does. */
  recover(orderId: string): Promise<unknown>;
}

export function openEnvironment(store: EventStore): Environment {
  const provider = createTestProvider();
  const slow: typeof provider = {
    ...provider,
    async authorise(request) {
      await pause(PAYMENT_MS);
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
    recover: (orderId) => checkout.recover(orderId),
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

/**
 * The stock item once no checkout holds units any more. Reservations are committed behind the answers. What has failed there is left
 * to the agenda, which recovers a checkout `RECOVER_AFTER_MS` after its request has stopped: so does this. Throws if units stay reserved.
 */
export async function stockAtRest(
  store: EventStore,
  sku: string,
  { recoverAfterMs = RECOVER_AFTER_MS } = {},
): Promise<NonNullable<StockItem>> {
  const runner = runnerOn(store);
  const stream = stockStream({ sku, location: DEFAULT_LOCATION });
  const load = async () => (await runner.load(stockItem, stream)).state;
  for (const until = Date.now() + recoverAfterMs; Date.now() < until; await pause(50)) {
    const item = await load();
    if (item.reserved === 0) return item;
  }
  const { recover } = openEnvironment(store);
  for (const reservationId of Object.values((await load()).reservations).flatMap(Object.keys)) {
    await recover(orderOfReservation({ reservationId }));
  }
  const item = await load();
  if (item.reserved > 0) throw new Error(`${item.reserved} units of ${sku} are still reserved after the recovery.`);
  return item;
}
