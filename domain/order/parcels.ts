// Where an order's units come from: summed per SKU and location, because a reservation is one per order, SKU and location.
import { DEFAULT_LOCATION } from '../kernel/id.js';

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

/** What is left; a place where nothing is left stays, as the place that units may come back to. */
export function without(parcels: readonly Parcel[], taken: readonly Parcel[]): Parcel[] {
  const gone = new Map(taken.map(({ sku, location, quantity }) => [`${sku}@${location}`, quantity]));
  return parcels.map(({ sku, location, quantity }) => ({
    sku,
    location,
    quantity: quantity - (gone.get(`${sku}@${location}`) ?? 0),
  }));
}
