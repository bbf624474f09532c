// Where an order's units can come from right now: read from the stock streams, because a read model may be behind.
import type { Parcel, StockNeed } from '../../domain/order/parcels.js';
import { planAllocation, type Shortage, type StockLevel } from '../../domain/stock/allocation.js';
import { availableOf, heldFor, stockItem, stockStream } from '../../domain/stock/stock-item.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { SkuOwner, SkuOwners } from './sku-owners.js';

export interface StockAllocator {
  /** What the reservation `heldBy` holds can be had, too: it is given back for what is allocated. */
  allocate(needs: readonly StockNeed[], heldBy?: string): Promise<Parcel[] | Shortage>;
  /** What there is of a SKU, at every location that it can lie at. */
  levels(sku: string): Promise<StockLevel[]>;
}

export interface StockAllocatorDeps {
  runner: Pick<CommandRunner, 'load'>;
  skuOwners: SkuOwners;
}

export function createStockAllocator({ runner, skuOwners }: StockAllocatorDeps): StockAllocator {
  async function levelsOf(
    needs: readonly StockNeed[],
    heldBy: string | undefined,
    ownerOf: (sku: string) => Promise<SkuOwner | undefined>,
  ): Promise<StockLevel[]> {
    const skus = [...new Set(needs.map(({ sku }) => sku))];
    const owners = await Promise.all(skus.map(async (sku) => ({ sku, owner: await ownerOf(sku) })));
    const places = owners.flatMap(({ sku, owner }) => (owner?.locations ?? []).map((location) => ({ sku, location })));
    return Promise.all(
      places.map(async (place) => {
        const { state } = await runner.load(stockItem, stockStream(place));
        const { backorderLimit = 0 } = state.policy;
        const held = heldBy === undefined ? 0 : heldFor(state, heldBy);
        return { ...place, available: availableOf(state) + held, backorderLimit };
      }),
    );
  }

  return {
    levels: (sku) => levelsOf([{ sku, quantity: 1 }], undefined, skuOwners.refresh),
    async allocate(needs, heldBy) {
      const plan = planAllocation(needs, await levelsOf(needs, heldBy, skuOwners.of));
      if (!('short' in plan)) return plan;
      // What is short may be found at a location that another process has added.
      return planAllocation(needs, await levelsOf(needs, heldBy, skuOwners.refresh));
    },
  };
}
