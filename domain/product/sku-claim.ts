// The claim on a SKU: it belongs permanently to the first product that claims it. The claim also lists the possible locations of
// its stock.
import { type Decider, existing } from '../kernel/decider.js';
import { DEFAULT_LOCATION } from '../kernel/id.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import { type StreamId, streamId } from '../kernel/stream.js';
import { type SkuClaimEvent, skuClaimEvents } from './events.js';

/** Most locations of one SKU. A search for stock reads one stream per location. */
export const MAX_LOCATIONS = 50;

export interface SkuClaim {
  sku: string;
  productId: string;
  /** In order of first use. The default location is always included. */
  locations: readonly string[];
}

export function skuClaimStream(sku: string): StreamId {
  return streamId('sku', sku);
}

export type SkuClaimCommand =
  | { type: 'ClaimSku'; sku: string; productId: string }
  /** Recorded before the first movement at a location. */
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
    return reject('rule_violated', `${sku} is already stocked at ${MAX_LOCATIONS} locations, which is the maximum.`);
  }
  return [{ type: 'SkuStockedAt', data: { sku, location } }];
}

function evolve(claim: SkuClaim | null, { type, data }: SkuClaimEvent): SkuClaim {
  if (type === 'SkuClaimed') return { ...data, locations: [DEFAULT_LOCATION] };
  const known = existing(claim, type);
  return { ...known, locations: [...known.locations, data.location] };
}
