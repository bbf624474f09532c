// The current tables that price carts. A shop that keeps its rates elsewhere supplies its own `Tariffs`. A service that prices
// each parcel replaces `CartQuotes`, and names its methods here.
import type { Clock } from '../../domain/kernel/clock.js';
import type { States } from '../../domain/kernel/states.js';
import { SHIPPING_TABLE, type ShippingTable, shippingTable } from '../../domain/tariffs/shipping-table.js';
import { TAX_TABLE, type TaxTable, taxTable } from '../../domain/tariffs/tax-table.js';
import { type BriefMemory, createBriefMemory } from '../runtime/brief-memory.js';

/** How long after a change another process may still price by the old tables. */
const TARIFFS_TTL_MS = 5_000;

export type Tariffs = BriefMemory<{ taxTable: TaxTable; shippingTable: ShippingTable }>;

export interface TariffsDeps {
  runner: States;
  clock: Clock;
}

export function createTariffs({ runner, clock }: TariffsDeps): Tariffs {
  async function load() {
    const [tax, shipping] = await Promise.all([
      runner.load(taxTable, TAX_TABLE),
      runner.load(shippingTable, SHIPPING_TABLE),
    ]);
    return { taxTable: tax.state, shippingTable: shipping.state };
  }
  return createBriefMemory({ load, ttlMs: TARIFFS_TTL_MS, clock });
}
