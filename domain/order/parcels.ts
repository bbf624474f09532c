// The locations of an order's units. They are summed per SKU and location, because an order has one reservation per SKU and
// location.
import { pairs } from '../kernel/collections.js';
import { DEFAULT_LOCATION } from '../kernel/id.js';
import { sum } from '../kernel/money.js';

export interface StockNeed {
  sku: string;
  quantity: number;
}

export interface Parcel extends StockNeed {
  location: string;
}

/**
 * The quantity needed of each SKU. It is summed, because a reservation acts once, and sorted, so that all orders ask in the same
 * sequence.
 */
export function stockNeeds(lines: readonly StockNeed[]): StockNeed[] {
  const needs = new Map<string, number>();
  for (const { sku, quantity } of lines) needs.set(sku, (needs.get(sku) ?? 0) + quantity);
  return [...needs].map(([sku, quantity]) => ({ sku, quantity })).sort((a, b) => (a.sku < b.sku ? -1 : 1));
}

/** Everything from the default location. */
export function atDefaultLocation(lines: readonly StockNeed[]): Parcel[] {
  return stockNeeds(lines).map(({ sku, quantity }) => ({ sku, location: DEFAULT_LOCATION, quantity }));
}

/** Takes the needed units: of each SKU from the first location that has any left. */
export function takenFrom(parcels: readonly Parcel[], lines: readonly StockNeed[]): Parcel[] {
  const needs = new Map(stockNeeds(lines).map(({ sku, quantity }) => [sku, quantity]));
  return parcels.flatMap(({ sku, location, quantity: there }) => {
    const needed = needs.get(sku) ?? 0;
    const quantity = Math.min(needed, there);
    if (quantity === 0) return [];
    needs.set(sku, needed - quantity);
    return [{ sku, location, quantity }];
  });
}

/** The parcels without the taken units. */
export function without(parcels: readonly Parcel[], taken: readonly Parcel[]): Parcel[] {
  const gone = new Map(taken.map(({ sku, location, quantity }) => [`${sku}@${location}`, quantity]));
  return parcels.flatMap(({ sku, location, quantity }) => {
    const left = quantity - (gone.get(`${sku}@${location}`) ?? 0);
    return left > 0 ? [{ sku, location, quantity: left }] : [];
  });
}

/** All parcels together, summed for each SKU and location. */
export function withParcels(parcels: readonly Parcel[], more: readonly Parcel[]): Parcel[] {
  const all = parcels.map((parcel) => ({ ...parcel }));
  for (const parcel of more) {
    const known = all.find(({ sku, location }) => sku === parcel.sku && location === parcel.location);
    if (known) known.quantity += parcel.quantity;
    else all.push({ ...parcel });
  }
  return all;
}

/** Units of a SKU at a location. */
export function unitsAt(parcels: readonly Parcel[], { sku, location }: { sku: string; location: string }): number {
  return sum(parcels.map((one) => (one.sku === sku && one.location === location ? one.quantity : 0)));
}

/** The locations that hold any of these SKUs, sorted by name. */
export function locationsOf(parcels: readonly Parcel[], needs: readonly { sku: string }[]): string[] {
  const skus = new Set(needs.map(({ sku }) => sku));
  return [...new Set(parcels.flatMap(({ sku, location }) => (skus.has(sku) ? [location] : [])))].sort();
}

/** True if the parcels hold exactly what is needed. */
export function covers(parcels: readonly Parcel[], lines: readonly { sku: string; quantity: number }[]): boolean {
  const [there, needed] = [stockNeeds(parcels), stockNeeds(lines)];
  return (
    there.length === needed.length &&
    pairs(there, needed).every(([one, need]) => one.sku === need.sku && one.quantity === need.quantity)
  );
}
