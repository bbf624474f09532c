// A customer: their account, in relation to payment providers, and as somebody who can be forgotten.
import type { Address } from '../kernel/address.js';
import type { Decider } from '../kernel/decider.js';
import { defined, sameJson } from '../kernel/json.js';
import type { Personal } from '../kernel/personal.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import type { PaymentProviderName } from '../payment/events.js';
import { type CustomerEvent, customerEvents } from './events.js';

/** More would be of no use. */
const MAX_SAVED_METHODS = 20;

export type CustomerCommand = { customerId: string } & (
  | { type: 'LinkProviderCustomer'; provider: PaymentProviderName; providerRef: string }
  | { type: 'SavePaymentMethod'; method: string }
  | { type: 'RemovePaymentMethod'; method: string }
  /** `registrationId` makes a repeat recognisable. */
  | ({ type: 'OpenAccount'; registrationId: string; emailKey: string } & Record<'email' | 'name', Personal<string>>)
  | { type: 'VerifyEmail' }
  /** `changeId` makes a repeat recognisable. */
  | { type: 'ChangePassword'; changeId: string }
  | ({ type: 'ReviseAccount' } & AccountChanges)
  | { type: 'IdentifyGuest'; guestId: string }
  | { type: 'ForgetCustomer' }
  | { type: 'CompleteForgetting' }
);

/** Absent: it does not change. */
export interface AccountChanges {
  name?: Personal<string> | undefined;
  addresses?: Personal<readonly Address[]> | undefined;
  marketing?: boolean | undefined;
}

export interface Account {
  registrationId: string;
  email: Personal<string>;
  name: Personal<string>;
  isVerified: boolean;
  addresses?: Personal<readonly Address[]>;
  /** The last answer to whether the shop may send advertising, and its time in ms. */
  marketing?: { agreed: boolean; at: number };
  /** In ms. */
  openedAt: number;
  /** Of the password. */
  lastChangeId?: string;
}

export interface Customer {
  /** Absent for guests, and once the customer is forgotten. */
  account?: Account;
  /** Of the account's address. It stays when the customer is forgotten, so that the claim on the address can be released. */
  emailKey?: string;
  /** The customer's name at each provider. */
  providerRefs: Readonly<Partial<Record<PaymentProviderName, string>>>;
  /** Oldest first. */
  methods: readonly string[];
  /** The guests that the customer was before they logged in. Absent: none. It stays when they are forgotten. */
  guests?: readonly string[];
  /** Set once the customer is forgotten: whether the work that follows is done. Nothing is recorded for them any more. */
  forgetting?: 'begun' | 'completed';
}

export const customer: Decider<CustomerCommand, Customer, CustomerEvent> = {
  category: 'customer',
  events: customerEvents,
  initialState: { providerRefs: {}, methods: [] },
  decide,
  evolve,
  snapshot: { foldVersion: 3, every: 100 },
};

/** The first link stays. Later calls use it. */
function decide(command: CustomerCommand, state: Customer): readonly CustomerEvent[] | Rejection {
  const { customerId } = command;
  const { forgetting } = state;
  if (command.type === 'ForgetCustomer') {
    return forgetting ? [] : [{ type: 'SubjectForgotten', data: { customerId } }];
  }
  if (command.type === 'CompleteForgetting') {
    if (forgetting === undefined) return reject('conflict', `${customerId} was not forgotten.`);
    return forgetting === 'completed' ? [] : [{ type: 'ForgettingCompleted', data: { customerId } }];
  }
  if (forgetting && command.type !== 'RemovePaymentMethod') {
    return reject('rule_violated', `${customerId} was forgotten; start a new session.`);
  }
  if (command.type === 'OpenAccount') {
    const { type: _, ...data } = command;
    if (state.account?.registrationId === command.registrationId) return [];
    if (state.account) return reject('conflict', `${customerId} has an account already.`);
    return [{ type: 'AccountOpened', data }];
  }
  if (command.type === 'VerifyEmail' || command.type === 'ChangePassword' || command.type === 'ReviseAccount') {
    if (!state.account) return reject('rule_violated', `${customerId} has no account; POST /v1/customers opens one.`);
    if (command.type === 'ReviseAccount') return revised(command, state.account);
    if (command.type === 'ChangePassword') {
      const { changeId } = command;
      if (state.account.lastChangeId === changeId) return [];
      return [{ type: 'PasswordChanged', data: { customerId, changeId } }];
    }
    return state.account.isVerified ? [] : [{ type: 'EmailVerified', data: { customerId } }];
  }
  if (command.type === 'IdentifyGuest') {
    const { guestId } = command;
    if (guestId === customerId || state.guests?.includes(guestId)) return [];
    return [{ type: 'GuestIdentified', data: { customerId, guestId } }];
  }
  if (command.type === 'LinkProviderCustomer') {
    const { provider, providerRef } = command;
    if (state.providerRefs[provider] !== undefined) return [];
    return [{ type: 'ProviderCustomerLinked', data: { customerId, provider, providerRef } }];
  }
  const { method } = command;
  const isSaved = state.methods.includes(method);
  if (command.type === 'RemovePaymentMethod') {
    return isSaved ? [{ type: 'PaymentMethodRemoved', data: { customerId, method } }] : [];
  }
  if (isSaved) return [];
  if (state.methods.length >= MAX_SAVED_METHODS) {
    return reject('rule_violated', `A customer saves at most ${MAX_SAVED_METHODS} payment methods; remove one first.`);
  }
  return [{ type: 'PaymentMethodSaved', data: { customerId, method } }];
}

function revised(
  { customerId, name, addresses, marketing }: Extract<CustomerCommand, { type: 'ReviseAccount' }>,
  account: Account,
): readonly CustomerEvent[] {
  const changes = defined({
    name: sameJson(name, account.name) ? undefined : name,
    addresses: sameJson(addresses, account.addresses ?? [])
      ? undefined
      : (addresses as Personal<Address[]> | undefined),
  });
  const events: CustomerEvent[] = [];
  if (Object.keys(changes).length > 0) events.push({ type: 'ProfileChanged', data: { customerId, ...changes } });
  if (marketing !== undefined && marketing !== account.marketing?.agreed) {
    events.push({ type: 'ConsentChanged', data: { customerId, marketing } });
  }
  return events;
}

function evolve(state: Customer, event: CustomerEvent, at: number): Customer {
  const inAccount = (changes: Partial<Account>): Customer =>
    state.account ? { ...state, account: { ...state.account, ...changes } } : state;
  switch (event.type) {
    case 'AccountOpened': {
      const { customerId: _, emailKey, ...account } = event.data;
      return { ...state, emailKey, account: { ...account, isVerified: false, openedAt: at } };
    }
    case 'EmailVerified':
      return inAccount({ isVerified: true });
    case 'PasswordChanged':
      return inAccount({ lastChangeId: event.data.changeId });
    case 'ProfileChanged': {
      const { customerId: _, ...changes } = event.data;
      return inAccount(defined(changes));
    }
    case 'ConsentChanged':
      return inAccount({ marketing: { agreed: event.data.marketing, at } });
    case 'ProviderCustomerLinked': {
      const { provider, providerRef } = event.data;
      return { ...state, providerRefs: { ...state.providerRefs, [provider]: providerRef } };
    }
    case 'PaymentMethodSaved':
      return { ...state, methods: [...state.methods, event.data.method] };
    case 'PaymentMethodRemoved':
      return { ...state, methods: state.methods.filter((method) => method !== event.data.method) };
    case 'GuestIdentified':
      return { ...state, guests: [...(state.guests ?? []), event.data.guestId] };
    case 'SubjectForgotten': {
      const { account: _, ...rest } = state;
      return { ...rest, methods: [], forgetting: 'begun' };
    }
    case 'ForgettingCompleted':
      return { ...state, forgetting: 'completed' };
  }
}
