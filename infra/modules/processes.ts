// The shop's processes on one command path. Requests share one path. Each term of the agenda has a path of its own, whose commits
// carry the fence of that term.
import { createCheckoutProcess } from '../../commands/checkout/process.js';
import { createStockQueue } from '../../commands/checkout/stock-queue.js';
import { createSettlement } from '../../commands/order/settlement.js';
import { createPaymentOperations, type PaymentOperationsDeps } from '../../commands/payment/operations.js';
import { createSkuOwners } from '../../commands/product/sku-owners.js';
import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import { createStepRunner } from '../../commands/runtime/steps.js';
import { createStockAllocator } from '../../commands/stock/allocator.js';
import type { Clock } from '../../domain/kernel/clock.js';

export interface ProcessesDeps {
  runner: CommandRunner;
  clock: Clock;
  providers: PaymentOperationsDeps['providers'];
  log: { warn(details: object, message: string): void };
}

export type Processes = ReturnType<typeof assembleProcesses>;

export function assembleProcesses({ runner, clock, providers, log }: ProcessesDeps) {
  const skuOwners = createSkuOwners({ runner });
  const allocator = createStockAllocator({ runner, skuOwners });
  const payments = createPaymentOperations({
    runner,
    clock,
    providers,
    onUnknown: (paymentId, error) => log.warn({ paymentId, err: error }, 'the outcome of an authorisation is unknown'),
  });
  const steps = createStepRunner({ runner, clock, payments });
  const queue = createStockQueue({ runner, allocator, clock });
  const checkout = createCheckoutProcess({ runner, clock, steps, stock: allocator, queue });
  const settlement = createSettlement({
    runner,
    steps,
    onUnsettled: (orderId, error) => log.warn({ orderId, err: error }, 'an order could not be settled yet'),
  });
  return { skuOwners, allocator, payments, checkout, settlement };
}
