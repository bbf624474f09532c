// The processes of the shop on a given command path, put together as the product does it.
import { createSkuOwners } from '../commands/lookups/sku-owners.js';
import { createStockAllocator } from '../commands/lookups/stock-allocator.js';
import { createStockCommitments } from '../commands/lookups/stock-commitments.js';
import { createCheckoutProcess } from '../commands/processes/checkout-process.js';
import { createPaymentOperations } from '../commands/processes/payment-operations.js';
import type { PaymentProvider } from '../commands/processes/payment-provider.js';
import { createSettlement } from '../commands/processes/settlement.js';
import { createShortfalls } from '../commands/processes/shortfalls.js';
import { createStockQueue } from '../commands/processes/stock-queue.js';
import type { CommandRunner } from '../commands/runtime/command-runner.js';
import type { Clock } from '../domain/kernel/clock.js';
import type { EventStore } from '../domain/kernel/event-store.js';
import { createTestProvider } from '../infra/payments/test-provider.js';

export interface ProcessesOn {
  runner: CommandRunner;
  store: Pick<EventStore, 'read'>;
  clock?: Clock;
  provider?: PaymentProvider;
  /** How time passes for whoever waits for stock. */
  pause?: (ms: number) => Promise<unknown>;
  cacheSize?: number;
}

export function openProcesses({
  runner,
  store,
  clock = Date.now,
  provider = createTestProvider(),
  pause,
  ...caches
}: ProcessesOn) {
  const skuOwners = createSkuOwners({ runner, ...caches });
  const payments = createPaymentOperations({ runner, clock, providers: { test: provider } });
  const stock = createStockAllocator({ runner, skuOwners });
  const queue = createStockQueue({ runner, allocator: stock, clock, ...(pause && { pause }) });
  const checkout = createCheckoutProcess({ runner, clock, payments, stock, queue });
  const settlement = createSettlement({ runner, payments });
  const commitments = createStockCommitments({ store });
  const shortfalls = createShortfalls({ runner, clock, stock, commitments, settlement });
  return { skuOwners, payments, stock, checkout, settlement, shortfalls };
}
