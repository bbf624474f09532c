// The work of the benches: orders, each on its own stream, and deliveries of one SKU, all on one stream. Both exist as
// commands, and as the commits that the command path makes of them.
import { type CommandRunner, createCommandRunner } from '../../commands/runtime/command-runner.js';
import { eventTypes } from '../../domain/events.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { orThrow } from '../../domain/kernel/errors.js';
import type { EventStore, SnapshotStore } from '../../domain/kernel/event-store.js';
import { DEFAULT_LOCATION, streamOf } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import { type OrderContents, order } from '../../domain/order/order.js';
import { orderLines } from '../../domain/order/order-lines.js';
import { stockItem, stockStream } from '../../domain/stock/stock-item.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../../infra/event-store/memory.js';
import { randomId } from '../../infra/ids.js';

export const codec = createCommitCodec(eventTypes);

export type Command = (runner: CommandRunner) => Promise<unknown>;

/** The product's command path. An order gets its personal fields sealed from its cart, so there is nothing to seal. */
export function runnerOn(store: EventStore, snapshots?: SnapshotStore): CommandRunner {
  const personal = NOTHING_PERSONAL;
  return createCommandRunner({ store, eventTypes, personal, clock: Date.now, ...defined({ snapshots }) });
}

/** An order of two lines, on its own stream. */
export function placeOrder(): Command {
  const contents = orderOf([
    { sku: '85123A', title: 'White hanging heart T-light holder', quantity: 6, unitPrice: 255 },
    { sku: '84406B', title: 'Cream cupid hearts coat hanger', quantity: 8, unitPrice: 275 },
  ]);
  return (runner) =>
    runner
      .execute(order, streamOf(contents.orderId), { type: 'PlaceOrder', contents }, meta({ newStream: true }))
      .then(orThrow);
}

/** The order of a new customer. */
export function orderOf(lines: Parameters<typeof orderLines>[0]): OrderContents {
  const key = randomId(Date.now());
  return {
    orderId: `order_${key}`,
    customerId: `customer_${key}`,
    placedBy: 'customer',
    currency: 'GBP',
    lines: orderLines(lines),
    shipping: { method: 'standard', title: 'Standard delivery', amount: 395 },
    payment: { provider: 'test', method: 'pm_card_visa' },
    cartId: `cart_${key}`,
  };
}

/** Deliveries of a new SKU. */
export function deliveries(count: number): Command[] {
  const item = { sku: randomId(Date.now()), location: DEFAULT_LOCATION };
  return Array.from({ length: count }, (_, n) => {
    const delivery = { movementId: `delivery-${n}`, productId: `product_${item.sku}`, quantity: 10 };
    return (runner) =>
      runner
        .execute(stockItem, stockStream(item), { type: 'ReceiveStock', ...item, ...delivery }, meta())
        .then(orThrow);
  });
}

/** A commit for each command, as it would be stored. */
export async function commitsOf(commands: readonly Command[]): Promise<StoredCommit[]> {
  const log = createMemoryLog();
  const runner = runnerOn(createMemoryEventStore({ codec, log }));
  for (const command of commands) await command(runner);
  return log.arrivals;
}

export function meta(more: Partial<CommandMeta> = {}): CommandMeta {
  const id = randomId(Date.now());
  return { id, issuedAt: Date.now(), correlationId: id, actor: { type: 'customer', id: 'customer_bench' }, ...more };
}

const NOTHING_PERSONAL: PersonalData = {
  seal: async (event) => event,
  open: async (value) => value as never,
  sealFor: async (_subject, _place, value) => value,
  forget: async () => {},
};
