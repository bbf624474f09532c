// Units sold per SKU: the shipped units, which the stock streams record. The popularity of a product, by which search and
// recommendations rank, is made of them.
import { sum } from '../../domain/kernel/money.js';
import type { StockEvent } from '../../domain/stock/events.js';
import { projection } from '../runtime/projection.js';
import { withPart } from './parts.js';

export interface UnitsSoldDocument {
  sku: string;
  /** By location: the part of its stream. */
  sold: readonly { location: string; units: number }[];
}

export const unitsSold = projection<UnitsSoldDocument, Extract<StockEvent, { type: 'StockShipped' }>>({
  name: 'units-sold',
  version: 1,
  categories: ['stock'],
  fields: {},
  on: {
    StockShipped: {
      keys: ({ data }) => [data.sku],
      evolve(before, { data: { sku, location, quantity } }) {
        const here = before?.sold.find((part) => part.location === location)?.units ?? 0;
        return { sku, sold: withPart(before?.sold, { location, units: here + quantity }) };
      },
    },
  },
});

export function unitsSoldOf({ sold }: UnitsSoldDocument): number {
  return sum(sold.map(({ units }) => units));
}

export interface UnitsSoldQueries {
  /** SKUs without sold units are absent. */
  of(skus: readonly string[]): Promise<Map<string, number>>;
}
