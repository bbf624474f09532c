// The paths of Stripe's API that the stand-in serves, with their names in Stripe's OpenAPI document.
import { StripeRefusal } from './errors.js';
import type { Form } from './form.js';
import type { Books, Kind, OfKind } from './objects.js';
import type { PaymentIntents } from './payment-intents.js';
import type { PaymentMethods } from './payment-methods.js';
import type { Refunds } from './refunds.js';

type Handler = (form: Form, id: string) => object;

export interface Route {
  name: string;
  id: string;
  handle: Handler;
}

interface Parts {
  books: Books;
  intents: PaymentIntents;
  methods: PaymentMethods;
  refunds: Refunds;
}

const PAGING: readonly string[] = ['created', 'ending_before', 'expand', 'limit', 'starting_after'];

export function createRoutes({ books, intents, methods, refunds }: Parts) {
  /** A list, filtered by the query parameters that are fields of the listed objects. */
  const listOf =
    <K extends Kind>(kind: K, url: string, ...fields: (keyof OfKind<K> & string)[]): Handler =>
    (query) => {
      const notServed = Object.keys(query).find((name) => ![...PAGING, ...fields].includes(name));
      if (notServed) throw new StripeRefusal(501, { type: 'api_error', message: `Not in the stand-in: ${notServed}.` });
      return books.list(kind, url, query, (object) =>
        fields.every((field) => query[field] === undefined || query[field] === object[field]),
      );
    };
  const one =
    (kind: Kind): Handler =>
    (_form, id) =>
      books.get(kind, id);

  const handlers: Record<string, Handler> = {
    'GET /v1/payment_intents': listOf('payment_intent', '/v1/payment_intents', 'customer'),
    'POST /v1/payment_intents': (form) => intents.create(form),
    'GET /v1/payment_intents/{intent}': one('payment_intent'),
    'POST /v1/payment_intents/{intent}': (form, id) => intents.update(intents.find(id), form),
    'POST /v1/payment_intents/{intent}/confirm': (form, id) => intents.confirm(intents.find(id), form),
    'POST /v1/payment_intents/{intent}/capture': (form, id) => intents.capture(intents.find(id), form),
    'POST /v1/payment_intents/{intent}/cancel': (form, id) => intents.cancel(intents.find(id), form),
    'GET /v1/charges': listOf('charge', '/v1/charges', 'customer', 'payment_intent'),
    'GET /v1/charges/{charge}': one('charge'),
    'GET /v1/refunds': listOf('refund', '/v1/refunds', 'charge', 'payment_intent'),
    'POST /v1/refunds': (form) => refunds.create(form),
    'GET /v1/refunds/{refund}': one('refund'),
    'GET /v1/disputes': listOf('dispute', '/v1/disputes', 'charge', 'payment_intent'),
    'GET /v1/disputes/{dispute}': one('dispute'),
    'GET /v1/customers': listOf('customer', '/v1/customers', 'email'),
    'POST /v1/customers': (form) => methods.createCustomer(form),
    'GET /v1/customers/{customer}': one('customer'),
    'POST /v1/customers/{customer}': (form, id) => methods.updateCustomer(id, form),
    'DELETE /v1/customers/{customer}': (_form, id) => methods.deleteCustomer(id),
    'GET /v1/customers/{customer}/payment_methods': (query, id) =>
      books.list('payment_method', `/v1/customers/${id}/payment_methods`, query, ({ customer }) => customer === id),
    'GET /v1/payment_methods': listOf('payment_method', '/v1/payment_methods', 'customer', 'type'),
    'POST /v1/payment_methods': (form) => methods.create(form),
    'GET /v1/payment_methods/{payment_method}': one('payment_method'),
    'POST /v1/payment_methods/{payment_method}/attach': (form, id) => methods.attach(id, form),
    'POST /v1/payment_methods/{payment_method}/detach': (_form, id) => methods.detach(id),
    'GET /v1/events': listOf('event', '/v1/events'),
    'GET /v1/events/{id}': one('event'),
  };

  const patterns = Object.entries(handlers).map(([name, handle]) => ({
    name,
    handle,
    pattern: new RegExp(`^${name.replace(/\{\w+\}/, '([^/]+)')}$`),
  }));

  return (method: string, path: string): Route | undefined => {
    for (const { name, handle, pattern } of patterns) {
      const match = pattern.exec(`${method} ${path}`);
      if (match) return { name, handle, id: match[1] ?? '' };
    }
    return undefined;
  };
}
