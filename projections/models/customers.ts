// Customers with an account, for staff who look them up. Personal values stay sealed. A customer who is forgotten is not here any more.
import { type Account, customer } from '../../domain/customer/customer.js';
import type { CustomerEvent } from '../../domain/customer/events.js';
import { type Handler, projection } from '../runtime/projection.js';

export interface CustomerDocument {
  customerId: string;
  /** Keyed hash of the address. */
  emailKey: string;
  account: Account;
}

type Shown = Extract<
  CustomerEvent,
  { type: 'AccountOpened' | 'EmailVerified' | 'ProfileChanged' | 'ConsentChanged' | 'SubjectForgotten' }
>;

/** A guest has a stream, too, but no account and so no document. */
const folded: Handler<CustomerDocument, Shown> = {
  keys: ({ data }) => [data.customerId],
  evolve(before, event, customerId, at) {
    const state = customer.evolve({ ...customer.initialState, ...before }, event, at);
    if (!state.account || state.emailKey === undefined) return before && null;
    return { customerId, emailKey: state.emailKey, account: state.account };
  },
};

export const customers = projection<CustomerDocument, Shown>({
  name: 'customers',
  version: 1,
  categories: ['customer'],
  fields: { emailKey: 'keyword' },
  on: {
    AccountOpened: folded,
    EmailVerified: folded,
    ProfileChanged: folded,
    ConsentChanged: folded,
    SubjectForgotten: folded,
  },
});

export interface CustomerQueries {
  byId(customerId: string): Promise<CustomerDocument | undefined>;
  byEmailKey(emailKey: string): Promise<CustomerDocument | undefined>;
}
