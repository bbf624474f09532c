// The orders that the committed units of a stock item belong to. The item keeps only their sum. A process that has to know whose
// units are missing folds the item's events.
import type { StockEvent } from './events.js';

/** Units by order, in the sequence of commitment. */
export type Commitments = ReadonlyMap<string, number>;

export function commitmentsOf(events: Iterable<StockEvent>): Commitments {
  const units = new Map<string, number>();
  for (const event of events) follow(units, event);
  return units;
}

/** Applies an event to `units`. An order that gets more units becomes the latest. */
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

/** The orders that a shortfall affects: the last committed units are missing first. */
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

/** The order of a reservation, whose id is the order's id, or starts with it and a slash. */
function orderOf({ reservationId }: { reservationId: string }): string {
  const [orderId = reservationId] = reservationId.split('/');
  return orderId;
}
