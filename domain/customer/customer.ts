// A customer: in relation to payment providers, and as somebody who can be forgotten.
import type { Decider } from '../kernel/decider.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import type { PaymentProviderName } from '../payment/events.js';
import { type CustomerEvent, customerEvents } from './events.js';

/** More would be of no use. */
const MAX_SAVED_METHODS = 20;

export type CustomerCommand = { customerId: string } & (
  | { type: 'LinkProviderCustomer'; provider: PaymentProviderName; providerRef: string }
  | { type: 'SavePaymentMethod'; method: string }
  | { type: 'RemovePaymentMethod'; method: string }
  | { type: 'ForgetCustomer' }
  | { type: 'CompleteForgetting' }
);

export interface Customer {
  /** The customer's name at each provider. */
  providerRefs: Readonly<Partial<Record<PaymentProviderName, string>>>;
  /** Oldest first. */
  methods: readonly string[];
  /** Set once the customer is forgotten: whether the work that follows is done. Nothing is recorded for them any more. */
  forgetting?: 'begun' | 'completed';
}

export const customer: Decider<CustomerCommand, Customer, CustomerEvent> = {
  category: 'customer',
  events: customerEvents,
  initialState: { providerRefs: {}, methods: [] },
  decide,
  evolve,
  snapshot: { foldVersion: 1, every: 100 },
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

function evolve(state: Customer, event: CustomerEvent): Customer {
  switch (event.type) {
    case 'ProviderCustomerLinked': {
      const { provider, providerRef } = event.data;
      return { ...state, providerRefs: { ...state.providerRefs, [provider]: providerRef } };
    }
    case 'PaymentMethodSaved':
      return { ...state, methods: [...state.methods, event.data.method] };
    case 'PaymentMethodRemoved':
      return { ...state, methods: state.methods.filter((method) => method !== event.data.method) };
    case 'SubjectForgotten':
      return { ...state, methods: [], forgetting: 'begun' };
    case 'ForgettingCompleted':
      return { ...state, forgetting: 'completed' };
  }
}
