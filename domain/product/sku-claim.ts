// The claim on a SKU: it belongs to the product that claims it first, for ever. The claim also knows where its stock can be.
import type { Decider } from '../kernel/decider.js';
import { DEFAULT_LOCATION } from '../kernel/id.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import { type StreamId, streamId } from '../kernel/stream.js';
import { type SkuClaimEvent, skuClaimEvents } from './events.js';

/** Locations of one SKU: as many streams are read to find out where there is some. */
export const MAX_LOCATIONS = 50;

export interface SkuClaim {
  sku: string;
  productId: string;
  /** In the order in which they were first used; the default location is always one of them. */
  locations: readonly string[];
}

export function skuClaimStream(sku: string): StreamId {
  return streamId('sku', sku);
}

export type SkuClaimCommand =
  | { type: 'ClaimSku'; sku: string; productId: string }
  /** Comes before the first movement at a location. */
  | { type: 'StockSkuAt'; sku: string; location: string };

export const skuClaim: Decider<SkuClaimCommand, SkuClaim | null, SkuClaimEvent> = {
  category: 'sku',
  events: skuClaimEvents,
  initialState: null,
  decide,
  evolve,
};

function decide(command: SkuClaimCommand, claim: SkuClaim | null): readonly SkuClaimEvent[] | Rejection {
  const { sku } = command;
  if (command.type === 'ClaimSku') {
    const { productId } = command;
    if (!claim) return [{ type: 'SkuClaimed', data: { sku, productId } }];
    return claim.productId === productId ? [] : reject('conflict', `${sku} belongs to ${claim.productId}.`);
  }
  const { location } = command;
  if (!claim) return reject('not_found', `There is no SKU ${sku}; add it to a product first.`);
  if (claim.locations.includes(location)) return [];
  if (claim.locations.length >= MAX_LOCATIONS) {
    return reject('rule_violated', `${sku} is stocked at ${MAX_LOCATIONS} locations; that is the most.`);
  }
  return [{ type: 'SkuStockedAt', data: { sku, location } }];
}

function evolve(claim: SkuClaim | null, { type, data }: SkuClaimEvent): SkuClaim {
  if (type === 'SkuClaimed') return { ...data, locations: [DEFAULT_LOCATION] };
  return { ...claim!, locations: [...claim!.locations, data.location] };
}
