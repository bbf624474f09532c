// The payment provider's name for a customer. A link is made once and never changes, so it is cached.
import { LRUCache } from 'lru-cache';
import { customer } from '../../domain/customer/customer.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import type { PaymentProviderName } from '../../domain/payment/events.js';
import type { CommandRunner } from '../runtime/command-runner.js';

const REMEMBERED_CUSTOMERS = 20_000;

export interface ProviderCustomers {
  refOf(customerId: string): Promise<string | undefined>;
  /** Returns the link that counts: an earlier one stays. */
  link(customerId: string, providerRef: string, meta: CommandMeta): Promise<string>;
}

export interface ProviderCustomersDeps {
  runner: CommandRunner;
  provider: PaymentProviderName;
}

export function createProviderCustomers({ runner, provider }: ProviderCustomersDeps): ProviderCustomers {
  const known = new LRUCache<string, string>({ max: REMEMBERED_CUSTOMERS });

  function remembered(customerId: string, providerRef: string | undefined): string | undefined {
    if (providerRef !== undefined) known.set(customerId, providerRef);
    return providerRef;
  }

  return {
    async refOf(customerId) {
      const found = known.get(customerId);
      if (found !== undefined) return found;
      const { state } = await runner.load(customer, streamOf(customerId));
      return remembered(customerId, state.providerRefs[provider]);
    },
    async link(customerId, providerRef, meta) {
      const command = { type: 'LinkProviderCustomer', customerId, provider, providerRef } as const;
      const { state } = orThrow(await runner.execute(customer, streamOf(customerId), command, meta));
      return remembered(customerId, state.providerRefs[provider])!;
    },
  };
}
