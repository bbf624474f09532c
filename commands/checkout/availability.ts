// Plans from which locations the goods of a cart are taken, before the cart is submitted. The plan promises nothing; only the
// later reservation does. So a SKU with a single location and no recent shortage is not looked up, which saves a read. Units that
// other checkouts hold at this moment count as available: the reservation waits for them.
import { LRUCache } from 'lru-cache';
import { DEFAULT_LOCATION } from '../../domain/kernel/id.js';
import { isRejection, type Rejection, reject } from '../../domain/kernel/rejection.js';
import { type Parcel, type StockNeed, stockNeeds } from '../../domain/order/parcels.js';
import type { SkuOwners } from '../product/sku-owners.js';
import type { StockAllocator } from '../stock/allocator.js';

const REMEMBERED_SHORTAGES = 10_000;

export interface Availability {
  /** Undefined if everything comes from the default location. */
  allocationOf(lines: readonly StockNeed[]): Promise<Allocation | undefined>;
  /** Records that a checkout ran short of these SKUs, so the next checkout looks them up first. */
  recordShortage(skus: readonly string[]): void;
}

type Allocation = Parcel[] | Rejection<'out_of_stock'>;

export interface AvailabilityDeps {
  skuOwners: Pick<SkuOwners, 'of'>;
  allocator: StockAllocator;
  /** Number of shortages to remember. */
  cacheSize?: number;
}

export function createAvailability(deps: AvailabilityDeps): Availability {
  const { skuOwners, allocator, cacheSize = REMEMBERED_SHORTAGES } = deps;
  const short = new LRUCache<string, true>({ max: cacheSize });

  async function allocate(needs: readonly StockNeed[]): Promise<Allocation> {
    const plan = await allocator.allocate(needs);
    if (Array.isArray(plan)) {
      for (const { sku } of needs) short.delete(sku);
      return plan;
    }
    const { short: available, ifReleased } = plan;
    if (ifReleased) return [...ifReleased];
    return reject('out_of_stock', `There is not enough of ${Object.keys(available).join(', ')}.`, { available });
  }

  async function allocationOf(lines: readonly StockNeed[]): Promise<Allocation | undefined> {
    const needs = stockNeeds(lines);
    const owners = await Promise.all(needs.map(({ sku }) => skuOwners.of(sku)));
    const onlyChoice = needs.map((need, index) => {
      const [location = DEFAULT_LOCATION, ...others] = owners[index]?.locations ?? [];
      return others.length > 0 || short.has(need.sku) ? undefined : { ...need, location };
    });
    const certain = onlyChoice.filter((parcel) => parcel !== undefined);
    const parcels = certain.length === needs.length ? certain : await allocate(needs);
    if (isRejection(parcels)) return parcels;
    return parcels.every(({ location }) => location === DEFAULT_LOCATION) ? undefined : parcels;
  }

  return {
    allocationOf,
    recordShortage(skus) {
      for (const sku of skus) short.set(sku, true);
    },
  };
}
