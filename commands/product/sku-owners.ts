// Which product a SKU belongs to, and where its stock can be. A claim is for ever and locations are only added, so what
// was found once is remembered; a location that another process added is found by `refresh`.
import { LRUCache } from 'lru-cache';
import { type SkuClaim, skuClaim, skuClaimStream } from '../../domain/product/sku-claim.js';
import type { CommandRunner } from '../runtime/command-runner.js';

/** About 250 bytes each. */
const REMEMBERED_SKUS = 50_000;

export type SkuOwner = Pick<SkuClaim, 'productId' | 'locations'>;

export interface SkuOwners {
  /** Undefined if nobody has claimed the SKU. */
  of(sku: string): Promise<SkuOwner | undefined>;
  /** The same, read again. */
  refresh(sku: string): Promise<SkuOwner | undefined>;
}

export interface SkuOwnersDeps {
  runner: Pick<CommandRunner, 'load'>;
  /** SKUs that are remembered. */
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
