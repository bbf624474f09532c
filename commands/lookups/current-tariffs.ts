// The tables that carts are priced by, as they are now. Whoever keeps rates elsewhere gives its own `Tariffs`; a service that
// prices each parcel takes the place of `CartQuotes`, and names its methods here.
import type { Clock } from '../../domain/kernel/clock.js';
import { SHIPPING_TABLE, type ShippingTable, shippingTable } from '../../domain/tariffs/shipping-table.js';
import { TAX_TABLE, type TaxTable, taxTable } from '../../domain/tariffs/tax-table.js';
import type { CommandRunner } from '../runtime/command-runner.js';

/** So long after a change another process may still price by the old tables. */
const TARIFFS_TTL_MS = 5_000;

export interface Tariffs {
  current(): Promise<{ taxTable: TaxTable; shippingTable: ShippingTable }>;
  /** A table was changed here: the next look reads it again. */
  changed(): void;
}

export interface TariffsDeps {
  runner: Pick<CommandRunner, 'load'>;
  clock: Clock;
}

export function createTariffs({ runner, clock }: TariffsDeps): Tariffs {
  let known: { since: number; tables: ReturnType<typeof load> } | undefined;

  async function load() {
    const [tax, shipping] = await Promise.all([
      runner.load(taxTable, TAX_TABLE),
      runner.load(shippingTable, SHIPPING_TABLE),
    ]);
    return { taxTable: tax.state, shippingTable: shipping.state };
  }

  return {
    current() {
      const now = clock();
      if (known && now - known.since < TARIFFS_TTL_MS) return known.tables;
      const look = { since: now, tables: load() };
      known = look;
      // What failed is asked again by whoever comes next.
      look.tables.catch(() => {
        if (known === look) known = undefined;
      });
      return look.tables;
    },
    changed() {
      known = undefined;
    },
  };
}
