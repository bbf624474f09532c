// Addresses that orders can be sent to: in a country of the shop, with all fields that the post and the tax need there.
import { addressAsKept } from '../../domain/address/rules.js';
import type { Address } from '../../domain/kernel/address.js';
import { invalidFields } from '../../domain/kernel/errors.js';
import { isTaxedByRegion } from '../../domain/tariffs/tax-table.js';
import type { CurrentSettings } from '../shop/settings.js';
import type { Tariffs } from '../tariffs/current-tariffs.js';

export interface Addresses {
  /** Returns the address in its stored form. Throws `invalid_request` with the fields that are wrong or missing. */
  accept(address: Address): Promise<Address>;
}

export interface AddressesDeps {
  settings: Pick<CurrentSettings, 'refuseForeignCountry'>;
  tariffs: Pick<Tariffs, 'current'>;
}

export function createAddresses({ settings, tariffs }: AddressesDeps): Addresses {
  return {
    async accept(address) {
      await settings.refuseForeignCountry(address);
      const { taxTable } = await tariffs.current();
      const checked = addressAsKept(address, isTaxedByRegion(taxTable, address.country));
      if ('faults' in checked) throw invalidFields(checked.faults);
      return checked.address;
    },
  };
}
