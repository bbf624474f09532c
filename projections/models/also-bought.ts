// What is bought together with a SKU, and what sells most now. A document counts the orders of any number of streams, so it is
// approximate: it keeps the best partners only, and it recognises repeated orders among the last ones only.
import { createHash } from 'node:crypto';
import type { OrderEvent } from '../../domain/order/events.js';
import type { ProductEvent } from '../../domain/product/events.js';
import { basketOf, boughtTogether } from '../recommendation/baskets.js';
import { blended, ranked, type Scores, type Weighted } from '../recommendation/scores.js';
import { counted, type FadingCounts, merged } from '../recommendation/trending.js';
import { projection } from '../runtime/projection.js';

/** The document of a SKU, or one of those that together count what sells. */
export interface AlsoBoughtDocument {
  /** The product that has the SKU. */
  productId?: string;
  /** SKUs that were bought together with it. */
  together?: readonly Weighted[];
  /** Units of work that sell now, by SKU: only in the documents of `TRENDING_KEYS`. */
  selling?: FadingCounts;
  /** Short hashes of the last orders that are counted, so that a repeated one is not counted again. */
  orders?: readonly string[];
}

/** Orders that a document remembers: as many as a projector applies at once, because after a failure all of these come again. */
const MAX_ORDERS = 500;
/** Letters of the hash of an order, of 6 bits each. */
const HASH_LENGTH = 8;

/** Orders are divided among these documents, so that each of them changes less often. No SKU has such a name. */
export const TRENDING_KEYS: readonly string[] = Array.from({ length: 8 }, (_, part) => `trending#${part}`);

type AlsoBoughtEvent = Extract<OrderEvent, { type: 'OrderPlaced' }> | Extract<ProductEvent, { type: 'VariantAdded' }>;

export const alsoBought = projection<AlsoBoughtDocument, AlsoBoughtEvent>({
  name: 'also-bought',
  version: 1,
  categories: ['order', 'product'],
  fields: {},
  approximate: true,
  on: {
    VariantAdded: {
      keys: ({ data }) => [data.sku],
      evolve: (before, { data: { productId } }) => ({ ...before, productId }),
    },
    OrderPlaced: {
      keys: ({ data }) => [...basketIn(data), trendingKeyOf(data.orderId)],
      evolve(before, { data }, key, at) {
        const order = hashOf(data.orderId);
        if (before?.orders?.includes(order)) return before;
        const orders = [...(before?.orders ?? []), order].slice(-MAX_ORDERS);
        const basket = basketIn(data);
        if (!isTrending(key)) return { ...before, together: boughtTogether(before?.together, key, basket), orders };
        // Imported orders took place in the past. A date in the future would make all other counts fade to nothing.
        const placedAt = data.occurredAt === undefined ? at : Math.min(at, Date.parse(data.occurredAt));
        return { ...before, selling: counted(before?.selling, basket, placedAt), orders };
      },
    },
  },
});

function hashOf(orderId: string): string {
  return createHash('sha256').update(orderId).digest('base64url').slice(0, HASH_LENGTH);
}

function basketIn({ lines }: { lines: readonly { sku: string }[] }): string[] {
  return basketOf(lines.map(({ sku }) => sku));
}

function isTrending(key: string): boolean {
  return key.includes('#');
}

function trendingKeyOf(orderId: string): string {
  const sum = [...orderId].reduce((total, letter) => total + letter.charCodeAt(0), 0);
  return TRENDING_KEYS[sum % TRENDING_KEYS.length] as string;
}

/** SKUs that are bought together with these, the best first: of each of these, its partners count the same. */
export function partnersOf(documents: readonly AlsoBoughtDocument[], limit: number): string[] {
  const parts = documents.map(({ together }): { scores: Scores; share: number } => ({
    scores: new Map(together),
    share: 1,
  }));
  return ranked(blended(parts), limit);
}

/** The SKUs that sell most now, the best first. */
export function sellingIn(documents: readonly AlsoBoughtDocument[], limit: number): string[] {
  return ranked(merged(documents.flatMap(({ selling }) => selling ?? []))?.counts ?? [], limit);
}

export interface AlsoBoughtQueries {
  /** At most `limit` products that are bought together with these SKUs, the best first. Products of any status. */
  boughtWith(skus: readonly string[], limit: number): Promise<string[]>;
  /** At most `limit` products that sell most now. Products of any status. */
  selling(limit: number): Promise<string[]>;
}
