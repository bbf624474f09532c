// A customer's account, as they see it and as support does.
import { z } from 'zod';
import type { Account } from '../../domain/customer/customer.js';
import { addressBookSchema } from '../../domain/customer/events.js';
import type { View } from '../../domain/kernel/answers.js';
import { defined } from '../../domain/kernel/json.js';
import { type Opener, opened } from './opened.js';

export const accountSchema = z
  .strictObject({
    id: z.string(),
    guest: z.boolean().meta({ description: 'There is no account' }),
    name: z.string().optional(),
    email: z.string().optional(),
    emailVerified: z.boolean(),
    addresses: addressBookSchema,
    consent: z.strictObject({
      marketing: z.boolean().meta({ description: 'The shop may send advertising' }),
      at: z.iso.datetime().optional().meta({ description: 'When the customer said so' }),
    }),
    openedAt: z.iso.datetime().optional(),
  })
  .meta({ id: 'Account' });

export type AccountView = z.output<typeof accountSchema>;

export interface ShownCustomer {
  customerId: string;
  /** Absent for guests. */
  account?: Account | undefined;
}

export function createAccountView(personal: Opener): View<ShownCustomer, AccountView> {
  return {
    schema: accountSchema,
    async of({ customerId: id, account }) {
      if (!account) return { id, guest: true, emailVerified: false, addresses: [], consent: { marketing: false } };
      const { marketing, openedAt, isVerified: emailVerified } = account;
      const [name, email, addresses = []] = await Promise.all([
        opened(account.name, personal),
        opened(account.email, personal),
        opened(account.addresses, personal),
      ]);
      return {
        id,
        guest: false,
        emailVerified,
        addresses: [...addresses],
        consent: { marketing: marketing?.agreed ?? false, ...defined({ at: marketing && timeOf(marketing.at) }) },
        openedAt: timeOf(openedAt),
        ...defined({ name, email }),
      };
    },
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
