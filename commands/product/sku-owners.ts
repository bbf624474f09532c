// The product that owns a SKU, and the possible locations of its stock. A claim is permanent and locations are only added, so
// results are cached. `refresh` finds a location that another process added.
import { LRUCache } from 'lru-cache';
import type { States } from '../../domain/kernel/states.js';
import { type SkuClaim, skuClaim, skuClaimStream } from '../../domain/product/sku-claim.js';

/** About 250 bytes each. */
const REMEMBERED_SKUS = 50_000;

export type SkuOwner = Pick<SkuClaim, 'productId' | 'locations'>;

export interface SkuOwners {
  /** Undefined if nobody has claimed the SKU. */
  of(sku: string): Promise<SkuOwner | undefined>;
  /** The same, read from the stream again. */
  refresh(sku: string): Promise<SkuOwner | undefined>;
}

export interface SkuOwnersDeps {
  runner: States;
  /** Number of SKUs to cache. */
  cacheSize?: number;
}

export function createSkuOwners({ runner, cacheSize = REMEMBERED_SKUS }: SkuOwnersDeps): SkuOwners {
  const known = new LRUCache<string, SkuOwner>({ max: cacheSize });

  async function refresh(sku: string): Promise<SkuOwner | undefined> {
    const { state } = await runner.load(skuClaim, skuClaimStream(sku));
    if (!state) return undefined;
    const owner = { productId: state.productId, locations: state.locations };
    known.set(sku, owner);
    return owner;
  }

  return {
    of: async (sku) => known.get(sku) ?? refresh(sku),
    refresh,
  };
}
