// Where an order's units can come from right now: read from the stock streams, because a read model may be behind.
import type { Parcel, StockNeed } from '../../domain/order/parcels.js';
import { planAllocation, type Shortage, type StockLevel } from '../../domain/stock/allocation.js';
import {
  availableOf,
  heldFor,
  passingOf,
  type StockItem,
  type StockKey,
  stockItem,
  stockStream,
} from '../../domain/stock/stock-item.js';
import type { SkuOwner, SkuOwners } from '../product/sku-owners.js';
import type { CommandRunner } from '../runtime/command-runner.js';

export interface StockAllocator {
  /** What the reservation `heldBy` holds can be had, too: it is given back for what is allocated. */
  allocate(needs: readonly StockNeed[], heldBy?: string): Promise<Parcel[] | Shortage>;
  /** What there is of a SKU, at every location that it can lie at. */
  levels(sku: string): Promise<StockLevel[]>;
  /** Every location that these can come from. */
  placesOf(needs: readonly StockNeed[]): Promise<StockKey[]>;
}

export interface StockAllocatorDeps {
  runner: Pick<CommandRunner, 'load'>;
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
      // What is short may be found at a location that another process has added.
      return planAllocation(needs, await levelsAt(await placesOf(needs, skuOwners.refresh), heldBy));
    },
  };
}

/** `held`: units of a reservation that is being made, which it gives back for others. */
export function levelOf({ sku, location }: StockKey, item: StockItem, held = 0): StockLevel & { passing: number } {
  const { backorderLimit = 0 } = item.policy;
  return {
    sku,
    location,
    available: availableOf(item) + held,
    passing: Math.max(0, passingOf(item) - held),
    backorderLimit,
  };
}
