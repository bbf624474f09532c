// Current prices of SKUs, folded from the products' streams, because a read model may lag.
import { streamOf } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import type { Money } from '../../domain/kernel/money.js';
import type { States } from '../../domain/kernel/states.js';
import { product } from '../../domain/product/product.js';
import type { SkuOwners } from './sku-owners.js';

/**
 * A price set by another process takes effect here after at most this time; a price set here, at once. A price may always change
 * between its read and the cart's commit; this only limits the age.
 */
const PRICES_MAX_AGE_MS = 1_000;

/** The product data that a cart stores. */
interface Offer {
  title: string;
  unitPrice: Money;
  taxCategory?: string;
  /** Weight of one unit, in grams. */
  weight?: number;
}

export interface Prices {
  /** By SKU. A SKU that is not sold in this currency now is absent. */
  of(skus: readonly string[], currency: string): Promise<Map<string, Offer>>;
}

export interface PricesDeps {
  runner: States;
  skuOwners: SkuOwners;
}

export function createPrices({ runner, skuOwners }: PricesDeps): Prices {
  const load = (productId: string) => runner.load(product, streamOf(productId), { maxAgeMs: PRICES_MAX_AGE_MS });

  return {
    async of(skus, currency) {
      const offers = new Map<string, Offer>();
      const owners = await Promise.all(skus.map((sku) => skuOwners.of(sku)));
      const productIds = [...new Set(owners.flatMap((owner) => owner?.productId ?? []))];
      for (const { state } of await Promise.all(productIds.map(load))) {
        if (state?.status !== 'published') continue;
        const { title, taxCategory } = state.details;
        for (const { sku, prices, weight } of state.variants) {
          const unitPrice = prices.find((price) => price.currency === currency);
          if (!unitPrice || !skus.includes(sku)) continue;
          const how = defined({ taxCategory, weight });
          offers.set(sku, { title, unitPrice, ...how });
        }
      }
      return offers;
    },
  };
}
