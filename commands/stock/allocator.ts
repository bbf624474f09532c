// The locations that an order's units can come from now, read from the stock streams, because a read model may lag.

import type { States } from '../../domain/kernel/states.js';
import type { Parcel, StockNeed } from '../../domain/order/parcels.js';
import { planAllocation, type Shortage, type StockLevel } from '../../domain/stock/allocation.js';
import {
  availableOf,
  heldByCheckoutsOf,
  heldFor,
  type StockItem,
  type StockKey,
  stockItem,
  stockStream,
} from '../../domain/stock/stock-item.js';
import type { SkuOwner, SkuOwners } from '../product/sku-owners.js';

export interface StockAllocator {
  /** Units of the reservation `heldBy` count as available: it is released for the new allocation. */
  allocate(needs: readonly StockNeed[], heldBy?: string): Promise<Parcel[] | Shortage>;
  /** The stock of a SKU at every possible location. */
  levels(sku: string): Promise<StockLevel[]>;
  /** Every location that these units can come from. */
  placesOf(needs: readonly StockNeed[]): Promise<StockKey[]>;
}

export interface StockAllocatorDeps {
  runner: States;
  skuOwners: SkuOwners;
}

export function createStockAllocator({ runner, skuOwners }: StockAllocatorDeps): StockAllocator {
  async function placesOf(
    needs: readonly Pick<StockNeed, 'sku'>[],
    ownerOf: (sku: string) => Promise<SkuOwner | undefined> = skuOwners.of,
  ): Promise<StockKey[]> {
    const skus = [...new Set(needs.map(({ sku }) => sku))];
    const owners = await Promise.all(skus.map(async (sku) => ({ sku, owner: await ownerOf(sku) })));
    return owners.flatMap(({ sku, owner }) => (owner?.locations ?? []).map((location) => ({ sku, location })));
  }

  function levelsAt(places: readonly StockKey[], heldBy?: string): Promise<StockLevel[]> {
    return Promise.all(
      places.map(async (place) => {
        const { state } = await runner.load(stockItem, stockStream(place));
        return levelOf(place, state, heldBy === undefined ? 0 : heldFor(state, heldBy));
      }),
    );
  }

  return {
    placesOf: (needs) => placesOf(needs),
    levels: async (sku) => levelsAt(await placesOf([{ sku }], skuOwners.refresh)),
    async allocate(needs, heldBy) {
      const plan = planAllocation(needs, await levelsAt(await placesOf(needs), heldBy));
      if (!('short' in plan)) return plan;
      // Another process may have added a location that has the missing units.
      return planAllocation(needs, await levelsAt(await placesOf(needs, skuOwners.refresh), heldBy));
    },
  };
}

/** `held`: units of a reservation that will be released for this allocation. */
export function levelOf(
  { sku, location }: StockKey,
  item: StockItem,
  held = 0,
): StockLevel & { heldByCheckouts: number } {
  const { backorderLimit = 0 } = item.policy;
  return {
    sku,
    location,
    available: availableOf(item) + held,
    heldByCheckouts: Math.max(0, heldByCheckoutsOf(item) - held),
    backorderLimit,
  };
}
