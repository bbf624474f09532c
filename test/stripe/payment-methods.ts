// Customers and their saved cards, and the test card of each payment method.
import { defined } from '../../domain/kernel/json.js';
import { the } from '../the.js';
import { declineMessage, TEST_CARDS, type TestCard } from './cards.js';
import { invalidRequest, StripeRefusal } from './errors.js';
import { type Form, group, integer, mergedMetadata, text } from './form.js';
import {
  type Books,
  type CardFace,
  type Customer,
  type Emit,
  NO_BILLING_DETAILS,
  type PaymentMethod,
} from './objects.js';

export type PaymentMethods = ReturnType<typeof createPaymentMethods>;

export function createPaymentMethods(books: Books, emit: Emit) {
  const cards = new Map<string, TestCard>();
  /** Cards whose owner authenticated for later use. */
  const setUp = new Set<string>();
  /** A payment method without a customer pays once. */
  const usedUp = new Set<string>();

  function create(card: TestCard, form: Form = {}): PaymentMethod {
    const given = group(form, 'card');
    const method = books.put<PaymentMethod>({
      ...books.common('payment_method', 'pm'),
      billing_details: NO_BILLING_DETAILS,
      card: { ...faceOf(card, given), networks: null, wallet: null },
      customer: null,
      livemode: false,
      metadata: mergedMetadata({}, form),
      type: 'card',
    });
    cards.set(method.id, card);
    return method;
  }

  /** Each use of Stripe's test names (`pm_card_visa`) makes a new payment method. */
  function named(name: string, param: string): PaymentMethod {
    const card = TEST_CARDS[name];
    return card ? create(card) : books.get('payment_method', name, param);
  }

  return {
    named,
    cardOf: (method: PaymentMethod) => the(cards.get(method.id)),
    isSetUp: (method: PaymentMethod) => setUp.has(method.id),
    markSetUp: (method: PaymentMethod) => setUp.add(method.id),

    /** Throws if the payment method cannot pay for this customer, or without one. */
    assertUsable(method: PaymentMethod, customer: string | null): void {
      if (method.customer && method.customer !== customer) {
        throw invalidRequest(
          'The payment method belongs to a customer: the payment must name that customer to be allowed to use it.',
          { param: 'payment_method' },
        );
      }
      if (usedUp.has(method.id)) {
        throw invalidRequest(
          'The provided PaymentMethod was used before without being attached to a Customer, or was detached: it may not be used again.',
          { param: 'payment_method' },
        );
      }
    },

    used(method: PaymentMethod): void {
      if (!method.customer) usedUp.add(method.id);
    },

    create(form: Form): PaymentMethod {
      const number = text(group(form, 'card'), 'number');
      const token = text(group(form, 'card'), 'token');
      const card = Object.entries(TEST_CARDS).find(
        ([name, known]) =>
          known.number === number || (token !== undefined && name === token.replace('tok_', 'pm_card_')),
      )?.[1];
      if (!card) throw invalidRequest('Your card number is incorrect.', { code: 'incorrect_number', param: 'number' });
      return create(card, form);
    },

    attach(id: string, form: Form): PaymentMethod {
      const customer = books.get('customer', text(form, 'customer') ?? '', 'customer');
      const method = named(id, 'id');
      if (usedUp.has(method.id)) {
        throw invalidRequest('This PaymentMethod was previously used or detached and may not be attached again.');
      }
      const { decline, isSavable } = the(cards.get(method.id));
      if (decline && !isSavable) {
        const { code, declineCode } = decline;
        const body = { type: 'card_error', code, message: declineMessage(decline) } as const;
        throw new StripeRefusal(402, { ...body, ...defined({ decline_code: declineCode }) });
      }
      method.customer = customer.id;
      emit('payment_method.attached', method);
      return method;
    },

    detach(id: string): PaymentMethod {
      const method = books.get('payment_method', id);
      if (!method.customer) throw invalidRequest('The payment method you provided is not attached to a customer.');
      const customer = method.customer;
      method.customer = null;
      usedUp.add(method.id);
      emit('payment_method.detached', method, { customer });
      return method;
    },

    createCustomer(form: Form): Customer {
      const customer = books.put<Customer>({
        ...books.common('customer', 'cus'),
        description: text(form, 'description') ?? null,
        email: text(form, 'email') ?? null,
        livemode: false,
        metadata: mergedMetadata({}, form),
        name: text(form, 'name') ?? null,
      });
      emit('customer.created', customer);
      return customer;
    },

    updateCustomer(id: string, form: Form): Customer {
      const customer = books.get('customer', id);
      for (const field of ['description', 'email', 'name'] as const) {
        if (form[field] !== undefined) customer[field] = text(form, field) ?? null;
      }
      customer.metadata = mergedMetadata(customer.metadata, form);
      return customer;
    },

    deleteCustomer(id: string) {
      const customer = books.get('customer', id);
      for (const method of books.all('payment_method')) {
        if (method.customer === id) {
          method.customer = null;
          usedUp.add(method.id);
        }
      }
      books.remove(customer);
      return { id, object: 'customer' as const, deleted: true as const };
    },
  };
}

const EXPIRY_MONTH = 12;
const EXPIRY_YEAR = 2034;

function faceOf(card: TestCard, given: Form): CardFace {
  return {
    brand: card.brand,
    country: 'US',
    exp_month: integer(given, 'exp_month') ?? EXPIRY_MONTH,
    exp_year: integer(given, 'exp_year') ?? EXPIRY_YEAR,
    funding: card.funding ?? 'credit',
    last4: card.number.slice(-4),
  };
}
