// Hands out order numbers. They are leased in blocks, so that an order need not wait for the one before it. When a process ends,
// the rest of its block is wasted. No number is given twice.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../domain/kernel/clock.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { type Lease, ORDER_NUMBERS, orderNumbers } from '../../domain/order-numbers/order-numbers.js';
import type { CommandRunner } from '../runtime/command-runner.js';

const NUMBERS_PER_LEASE = 100;

export interface OrderNumbers {
  next(): Promise<string>;
}

export interface OrderNumbersDeps {
  runner: Pick<CommandRunner, 'execute'>;
  clock: Clock;
}

export function createOrderNumbers({ runner, clock }: OrderNumbersDeps): OrderNumbers {
  let next = 1;
  let last = 0;
  let leasing: Promise<void> | undefined;

  async function lease(): Promise<void> {
    const block = await leaseBlock();
    next = block.from;
    last = block.to;
  }

  async function leaseBlock(): Promise<Lease> {
    for (;;) {
      const id = randomUUID();
      const command = { type: 'LeaseNumbers', leaseId: id, count: NUMBERS_PER_LEASE } as const;
      const actor = { type: 'process', id: 'order-numbers' } as const;
      const meta = { id, issuedAt: clock(), correlationId: id, actor };
      const { last: leased } = orThrow(await runner.execute(orderNumbers, ORDER_NUMBERS, command, meta)).state;
      // Another lease may follow ours in the same commit. Then our numbers are wasted.
      if (leased?.leaseId === id) return leased;
    }
  }

  return {
    async next() {
      while (next > last) {
        leasing ??= lease().finally(() => {
          leasing = undefined;
        });
        await leasing;
      }
      return String(next++);
    },
  };
}
