// Which product a SKU belongs to. A claim is for ever, so what was found once is remembered.
import { LRUCache } from 'lru-cache';
import type { StreamId } from '../../domain/kernel/stream.js';
import { streamId } from '../../domain/kernel/stream.js';
import { skuClaim } from '../../domain/product/sku-claim.js';
import type { CommandRunner } from '../runtime/command-runner.js';

/** About 150 bytes each. */
const REMEMBERED_SKUS = 50_000;

export interface SkuOwners {
  /** The product's id; undefined if nobody has claimed the SKU. */
  of(sku: string): Promise<string | undefined>;
}

export function createSkuOwners({ runner }: { runner: Pick<CommandRunner, 'load'> }): SkuOwners {
  const known = new LRUCache<string, string>({ max: REMEMBERED_SKUS });
  return {
    async of(sku) {
      const remembered = known.get(sku);
      if (remembered) return remembered;
      const { state } = await runner.load(skuClaim, claimStream(sku));
      if (state) known.set(sku, state.productId);
      return state?.productId;
    },
  };
}

export function claimStream(sku: string): StreamId {
  return streamId('sku', sku);
}
