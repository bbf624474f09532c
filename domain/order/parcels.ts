// Where an order's units come from: summed per SKU and location, because a reservation is one per order, SKU and location.
import { DEFAULT_LOCATION } from '../kernel/id.js';
import { sum } from '../kernel/money.js';

export interface StockNeed {
  sku: string;
  quantity: number;
}

export interface Parcel extends StockNeed {
  location: string;
}

/** What is needed of each SKU: summed, because a reservation acts once, and sorted, so that all orders ask in one sequence. */
export function stockNeeds(lines: readonly StockNeed[]): StockNeed[] {
  const needs = new Map<string, number>();
  for (const { sku, quantity } of lines) needs.set(sku, (needs.get(sku) ?? 0) + quantity);
  return [...needs].map(([sku, quantity]) => ({ sku, quantity })).sort((a, b) => (a.sku < b.sku ? -1 : 1));
}

/** Everything from the default location. */
export function atDefaultLocation(lines: readonly StockNeed[]): Parcel[] {
  return stockNeeds(lines).map(({ sku, quantity }) => ({ sku, location: DEFAULT_LOCATION, quantity }));
}

/** Some of what is there: of each SKU from the first location that has any left. */
export function takenFrom(parcels: readonly Parcel[], lines: readonly StockNeed[]): Parcel[] {
  const needs = new Map(stockNeeds(lines).map(({ sku, quantity }) => [sku, quantity]));
  return parcels.flatMap(({ sku, location, quantity: there }) => {
    const quantity = Math.min(needs.get(sku) ?? 0, there);
    if (quantity === 0) return [];
    needs.set(sku, needs.get(sku)! - quantity);
    return [{ sku, location, quantity }];
  });
}

/** What is left of them. */
export function without(parcels: readonly Parcel[], taken: readonly Parcel[]): Parcel[] {
  const gone = new Map(taken.map(({ sku, location, quantity }) => [`${sku}@${location}`, quantity]));
  return parcels.flatMap(({ sku, location, quantity }) => {
    const left = quantity - (gone.get(`${sku}@${location}`) ?? 0);
    return left > 0 ? [{ sku, location, quantity: left }] : [];
  });
}

/** These and those, summed for each SKU and location. */
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

/** The locations that hold any of these SKUs, by name. */
export function locationsOf(parcels: readonly Parcel[], needs: readonly { sku: string }[]): string[] {
  const skus = new Set(needs.map(({ sku }) => sku));
  return [...new Set(parcels.flatMap(({ sku, location }) => (skus.has(sku) ? [location] : [])))].sort();
}

/** Whether they hold what is needed, and no more. */
export function covers(parcels: readonly Parcel[], lines: readonly { sku: string; quantity: number }[]): boolean {
  const [there, needed] = [stockNeeds(parcels), stockNeeds(lines)];
  return (
    there.length === needed.length &&
    there.every(({ sku, quantity }, index) => needed[index]!.sku === sku && needed[index]!.quantity === quantity)
  );
}
