// Locations where a SKU can have stock. The SKU's claim records a location before stock arrives there, so a search for stock
// always finds it.
import type { CommandMeta } from '../../domain/kernel/command.js';
import { orThrow, Problem } from '../../domain/kernel/errors.js';
import { skuClaim, skuClaimStream } from '../../domain/product/sku-claim.js';
import { type StockKey, stockItem, stockStream } from '../../domain/stock/stock-item.js';
import type { SkuOwner, SkuOwners } from '../product/sku-owners.js';
import type { CommandRunner } from '../runtime/command-runner.js';

/** Metadata of a further command of a request. */
type MetaOf = (part: string) => CommandMeta;

export interface StockPlaces {
  /** Throws `not_found`. */
  ownerOf(sku: string): Promise<SkuOwner>;
  /** The product that owns the SKU. Its claim then includes the location. Throws `not_found`. */
  ownerAt(place: StockKey, metaOf: MetaOf): Promise<string>;
  /** Lets the stock item take goods back, even if there never was any stock at this location. */
  open(place: StockKey, metaOf: MetaOf): Promise<void>;
}

export interface StockPlacesDeps {
  runner: CommandRunner;
  skuOwners: SkuOwners;
}

export function createStockPlaces({ runner, skuOwners }: StockPlacesDeps): StockPlaces {
  async function ownerOf(sku: string): Promise<SkuOwner> {
    const owner = await skuOwners.of(sku);
    if (!owner) throw new Problem('not_found', `There is no SKU ${sku}; add it to a product first.`);
    return owner;
  }

  async function ownerAt({ sku, location }: StockKey, metaOf: MetaOf): Promise<string> {
    const owner = await ownerOf(sku);
    if (!owner.locations.includes(location)) {
      const stocked = { type: 'StockSkuAt', sku, location } as const;
      orThrow(await runner.execute(skuClaim, skuClaimStream(sku), stocked, metaOf(`stock at ${location}`)));
      await skuOwners.refresh(sku);
    }
    return owner.productId;
  }

  return {
    ownerOf,
    ownerAt,
    async open(place, metaOf) {
      const stream = stockStream(place);
      if ((await runner.load(stockItem, stream)).state.productId !== null) return;
      const productId = await ownerAt(place, metaOf);
      orThrow(
        await runner.execute(
          stockItem,
          stream,
          { type: 'OpenStockItem', ...place, productId },
          metaOf(`open ${stream}`),
        ),
      );
    },
  };
}
