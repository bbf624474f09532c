// The claim on a SKU: it belongs to the product that claims it first, for ever.
import type { Decider } from '../kernel/decider.js';
import { reject } from '../kernel/errors.js';
import { type SkuClaimEvent, skuClaimEvents } from './events.js';

export interface SkuClaim {
  sku: string;
  productId: string;
}

export type SkuClaimCommand = { type: 'ClaimSku' } & SkuClaim;

export const skuClaim: Decider<SkuClaimCommand, SkuClaim | null, SkuClaimEvent> = {
  category: 'sku',
  events: skuClaimEvents,
  initialState: null,
  decide({ sku, productId }, owner) {
    if (!owner) return [{ type: 'SkuClaimed', data: { sku, productId } }];
    return owner.productId === productId ? [] : reject('conflict', `${sku} belongs to ${owner.productId}.`);
  },
  evolve: (_, { data }) => data,
};
