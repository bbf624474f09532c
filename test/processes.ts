// The shop's processes on a given command path, assembled as in the product.
import { createCheckoutProcess } from '../commands/checkout/process.js';
import { createStockQueue } from '../commands/checkout/stock-queue.js';
import { createSettlement } from '../commands/order/settlement.js';
import { createPaymentOperations } from '../commands/payment/operations.js';
import type { PaymentProvider } from '../commands/payment/provider.js';
import { createForgetting } from '../commands/personal/forgetting.js';
import { createSkuOwners } from '../commands/product/sku-owners.js';
import type { CommandRunner } from '../commands/runtime/command-runner.js';
import { createStepRunner } from '../commands/runtime/steps.js';
import { createStockAllocator } from '../commands/stock/allocator.js';
import { createStockCommitments } from '../commands/stock/commitments.js';
import { createShortfalls } from '../commands/stock/shortfalls.js';
import type { Clock } from '../domain/kernel/clock.js';
import type { EventStore } from '../domain/kernel/event-store.js';
import { defined } from '../domain/kernel/json.js';
import { createTestProvider } from '../infra/payments/test-provider.js';

export interface ProcessesOn {
  runner: CommandRunner;
  store: Pick<EventStore, 'read'>;
  clock?: Clock;
  provider?: PaymentProvider;
  /** Replaces the pauses of checkouts that wait for stock. */
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
  const queue = createStockQueue({ runner, allocator: stock, clock, ...defined({ pause }) });
  const steps = createStepRunner({ runner, clock, payments });
  const checkout = createCheckoutProcess({ runner, clock, steps, stock, queue });
  const settlement = createSettlement({ runner, steps });
  const commitments = createStockCommitments({ store });
  const shortfalls = createShortfalls({ runner, clock, stock, commitments, settlement });
  const forgetting = createForgetting({
    runner,
    holders: [],
    orders: { list: async () => ({ data: [] }) },
    own: { identitiesOf: async (customerId) => [customerId] },
    checkout,
    settlement,
    clock,
    onUnfinished: (_customer, _step, error) => {
      throw error;
    },
  });
  return { skuOwners, payments, stock, checkout, settlement, shortfalls, forgetting };
}
