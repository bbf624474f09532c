// Which orders the committed units of a stock item belong to. The item keeps their sum alone; its events tell the rest, to who
// needs it: a process that has to say whose units are missing.
import type { StockEvent } from './events.js';

/** Units by order, in the sequence in which they were committed. */
export type Commitments = ReadonlyMap<string, number>;

export function commitmentsOf(events: Iterable<StockEvent>): Commitments {
  const units = new Map<string, number>();
  for (const event of events) follow(units, event);
  return units;
}

/** Changes `units` by what an event tells; an order that gets more is the latest. */
export function follow(units: Map<string, number>, { type, data }: StockEvent): void {
  if (type === 'ReservationCommitted') {
    const orderId = orderOf(data);
    const before = units.get(orderId) ?? 0;
    units.delete(orderId);
    units.set(orderId, before + data.quantity);
  }
  const isTaken =
    (type === 'StockShipped' && !data.atOnce) || (type === 'ReservationReleased' && data.committed === true);
  if (isTaken) {
    const orderId = orderOf(data);
    const left = (units.get(orderId) ?? 0) - data.quantity;
    if (left > 0) units.set(orderId, left);
    else units.delete(orderId);
  }
}

/** Whose units a shortfall takes: those that were committed last go without first. */
export function missingOf(commitments: Commitments, shortfall: number): Map<string, number> {
  const missing = new Map<string, number>();
  let rest = shortfall;
  for (const [orderId, units] of [...commitments].reverse()) {
    if (rest <= 0) break;
    missing.set(orderId, Math.min(units, rest));
    rest -= units;
  }
  return missing;
}

/** Reservations are called after their order: by its id, or with something behind it and a slash between. */
function orderOf({ reservationId }: { reservationId: string }): string {
  return reservationId.split('/')[0]!;
}
