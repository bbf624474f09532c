// Where goods can be taken from at this moment: read from the stock's own streams, because a read model may be behind.
import { planAllocation } from '../../domain/stock/allocation.js';
import { promisableOf, stockItem, stockStream } from '../../domain/stock/stock-item.js';
import type { CommandRunner } from '../runtime/command-runner.js';

export interface StockAllocator {
  /** What each location has to give, or what there is of each SKU that is short. */
  allocate(needs: readonly { sku: string; quantity: number }[]): Promise<ReturnType<typeof planAllocation>>;
}

export interface StockAllocatorDeps {
  runner: Pick<CommandRunner, 'load'>;
  /** Where there can be stock of a SKU, as of now. */
  locationsOf(sku: string): Promise<readonly string[]>;
}

export function createStockAllocator({ runner, locationsOf }: StockAllocatorDeps): StockAllocator {
  async function levelsOf(sku: string) {
    const locations = await locationsOf(sku);
    return Promise.all(
      locations.map(async (location) => {
        const { state } = await runner.load(stockItem, stockStream({ sku, location }));
        return { sku, location, available: promisableOf(state) };
      }),
    );
  }

  return {
    async allocate(needs) {
      const levels = await Promise.all(needs.map(({ sku }) => levelsOf(sku)));
      return planAllocation(needs, levels.flat());
    },
  };
}
