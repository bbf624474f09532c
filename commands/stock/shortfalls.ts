// Handles committed units that are missing: they are sent from other locations that have some; otherwise their orders are held
// until the units are back. The latest commitments lose their units first. Safe to repeat: each run decides on the current stock
// and orders, and ids derive from the order's state.
import type { Clock } from '../../domain/kernel/clock.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import type { Position } from '../../domain/kernel/commit.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { sum } from '../../domain/kernel/money.js';
import { type Order, type OrderCommand, order, unmovedAt } from '../../domain/order/order.js';
import type { Parcel } from '../../domain/order/parcels.js';
import type { AgendaItem } from '../../domain/processes/agenda.js';
import { elsewhere } from '../../domain/stock/allocation.js';
import { missingOf } from '../../domain/stock/commitments.js';
import { type StockKey, stockItem, stockStream } from '../../domain/stock/stock-item.js';
import type { Settlement } from '../order/settlement.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { Origin } from '../runtime/origin.js';
import type { StockAllocator } from './allocator.js';
import type { StockCommitments } from './commitments.js';

export interface Shortfalls {
  /** Handles one SKU at every location where units are missing, or where orders still count them as missing. */
  look(item: Extract<AgendaItem, { kind: 'shortfall' }>): Promise<void>;
}

export interface ShortfallsDeps {
  runner: CommandRunner;
  clock: Clock;
  stock: Pick<StockAllocator, 'levels'>;
  commitments: StockCommitments;
  settlement: Pick<Settlement, 'attempt'>;
}

const ORIGIN: Origin = { correlationId: 'shortfalls', actor: { type: 'process', id: 'shortfalls' } };

export function createShortfalls({ runner, clock, stock, commitments, settlement }: ShortfallsDeps): Shortfalls {
  async function lookAt(place: StockKey, held: readonly string[]): Promise<void> {
    const { shortfall } = (await runner.load(stockItem, stockStream(place))).state;
    const missing = shortfall > 0 ? missingOf(await commitments.at(place), shortfall) : new Map<string, number>();
    for (const orderId of held) if (!missing.has(orderId)) await tellMissing(orderId, place, 0);
    for (const [orderId, quantity] of missing) {
      const handled = await sendFromElsewhere(orderId, { ...place, quantity });
      await tellMissing(orderId, place, quantity - handled);
    }
  }

  /** The number of units that will not be missing here, because they are cancelled or will be sent from elsewhere. */
  async function sendFromElsewhere(orderId: string, { quantity, ...place }: Parcel): Promise<number> {
    const known = await runner.load(order, streamOf(orderId));
    if (known.state?.status !== 'confirmed') return 0;
    // More units may be cancelled than are missing.
    const leaving = Math.min(quantity, leavingFrom(known.state, place));
    const units = Math.min(quantity - leaving, unmovedAt(known.state, place));
    if (units <= 0) return leaving;
    const from = { ...place, quantity: units };
    const to = elsewhere(from, await stock.levels(place.sku));
    const moved = sum(to.map((parcel) => parcel.quantity));
    if (moved === 0) return leaving;
    const reallocationId = nextReallocationId(known.state);
    await tell(known.state, known.position, reallocationId, {
      type: 'Reallocate',
      reallocationId,
      from: { ...from, quantity: moved },
      to,
    });
    await settlement.attempt(orderId, ORIGIN);
    return leaving + moved;
  }

  async function tellMissing(orderId: string, place: StockKey, quantity: number): Promise<void> {
    const known = await runner.load(order, streamOf(orderId));
    if (!known.state) return;
    await tell(known.state, known.position, `missing/${stockStream(place)}/${quantity}`, {
      type: 'RecordMissing',
      ...place,
      quantity,
    });
  }

  /** The command id derives from the state, so any worker issues the same command. */
  function tell({ orderId }: Order, { version }: Position, what: string, command: OrderCommand) {
    const id = command.type === 'Reallocate' ? `${what}/record` : `${orderId}/${what}/${version}`;
    const meta: CommandMeta = { id, issuedAt: clock(), ...ORIGIN };
    return runner.execute(order, streamOf(orderId), command, meta).then(orThrow);
  }

  return {
    async look({ sku, orders }) {
      for (const [location, held] of Object.entries(orders)) await lookAt({ sku, location }, held);
    },
  };
}

/** Units that stock will no longer hold here for the order once the order is settled. */
function leavingFrom({ unsettled }: Order, { sku, location }: StockKey): number {
  const parcels = unsettled.flatMap((operation) => {
    if (operation.kind === 'cancellation') return operation.from;
    return operation.kind === 'reallocation' && operation.phase !== 'abandoned' ? [operation.from] : [];
  });
  return sum(parcels.map((one) => (one.sku === sku && one.location === location ? one.quantity : 0)));
}

function nextReallocationId({ orderId, operationIds }: Order): string {
  const prefix = `${orderId}/reallocation/`;
  return `${prefix}${operationIds.filter((id) => id.startsWith(prefix)).length + 1}`;
}
