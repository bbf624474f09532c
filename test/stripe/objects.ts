// Stripe's objects with the fields that a shop reads, and the store that holds them. Stripe's own OpenAPI document validates
// them.
import { createHash } from 'node:crypto';
import { invalidRequest, resourceMissing } from './errors.js';
import { type Form, integer, text } from './form.js';

interface Common<Kind extends string> {
  id: string;
  object: Kind;
  /** Unix seconds. */
  created: number;
}

export interface PaymentIntent extends Common<'payment_intent'> {
  amount: number;
  amount_capturable: number;
  amount_received: number;
  automatic_payment_methods: { enabled: boolean; allow_redirects?: string } | null;
  canceled_at: number | null;
  cancellation_reason: string | null;
  capture_method: string;
  client_secret: string;
  confirmation_method: string;
  currency: string;
  customer: string | null;
  description: string | null;
  last_payment_error: object | null;
  latest_charge: string | null;
  livemode: false;
  metadata: Record<string, string>;
  next_action: object | null;
  payment_method: string | null;
  payment_method_options: { card: { request_multicapture?: string; request_three_d_secure: string } };
  payment_method_types: string[];
  processing: null;
  setup_future_usage: string | null;
  status:
    | 'canceled'
    | 'requires_action'
    | 'requires_capture'
    | 'requires_confirmation'
    | 'requires_payment_method'
    | 'succeeded';
}

export interface Charge extends Common<'charge'> {
  amount: number;
  amount_captured: number;
  amount_refunded: number;
  balance_transaction: string | null;
  billing_details: BillingDetails;
  captured: boolean;
  currency: string;
  customer: string | null;
  description: string | null;
  disputed: boolean;
  failure_code: string | null;
  failure_message: string | null;
  livemode: false;
  metadata: Record<string, string>;
  outcome: {
    network_status: string;
    reason: string | null;
    risk_level: string;
    risk_score: number;
    type: string;
  };
  paid: boolean;
  payment_intent: string;
  payment_method: string;
  payment_method_details: { type: 'card'; card: ChargedCard };
  refunded: boolean;
  status: 'failed' | 'succeeded';
}

interface ChargedCard extends CardFace {
  amount_authorized: number | null;
  /** Unix seconds until which the authorisation can be captured. */
  capture_before?: number;
  multicapture: { status: 'available' | 'unavailable' };
  three_d_secure: { result: string } | null;
}

export interface CardFace {
  brand: string;
  country: string;
  exp_month: number;
  exp_year: number;
  funding: string;
  last4: string;
}

export interface BillingDetails {
  address: null;
  email: null;
  name: null;
  phone: null;
  tax_id: null;
}

export interface Refund extends Common<'refund'> {
  amount: number;
  balance_transaction: string | null;
  charge: string;
  currency: string;
  failure_reason?: string;
  metadata: Record<string, string>;
  payment_intent: string;
  reason: string | null;
  status: 'failed' | 'pending' | 'succeeded';
}

/** The amount of a charge, and Stripe's fee. */
export interface BalanceTransaction extends Common<'balance_transaction'> {
  amount: number;
  /** Unix seconds. */
  available_on: number;
  balance_type: 'payments';
  currency: string;
  description: null;
  exchange_rate: null;
  fee: number;
  fee_details: [];
  net: number;
  reporting_category: 'charge';
  source: string;
  status: 'pending';
  type: 'charge';
}

export interface Dispute extends Common<'dispute'> {
  amount: number;
  balance_transactions: [];
  charge: string;
  currency: string;
  enhanced_eligibility_types: [];
  evidence: object;
  evidence_details: object;
  is_charge_refundable: boolean;
  livemode: false;
  metadata: Record<string, string>;
  payment_intent: string;
  reason: string;
  status: 'lost' | 'needs_response' | 'warning_needs_response' | 'won';
}

export interface Customer extends Common<'customer'> {
  description: string | null;
  email: string | null;
  livemode: false;
  metadata: Record<string, string>;
  name: string | null;
}

export interface PaymentMethod extends Common<'payment_method'> {
  billing_details: BillingDetails;
  card: CardFace & { networks: null; wallet: null };
  customer: string | null;
  livemode: false;
  metadata: Record<string, string>;
  type: 'card';
}

export interface StripeEvent extends Common<'event'> {
  api_version: string;
  data: { object: StripeObject; previous_attributes?: object };
  livemode: false;
  pending_webhooks: number;
  request: { id: string | null; idempotency_key: string | null };
  type: string;
}

export type StripeObject =
  | PaymentIntent
  | Charge
  | BalanceTransaction
  | Refund
  | Dispute
  | Customer
  | PaymentMethod
  | StripeEvent;
/** Emits an event about an object. `previous` holds the old values of changed fields. */
export type Emit = (type: string, object: StripeObject, previous?: object) => void;

export type Kind = StripeObject['object'];
export type OfKind<K extends Kind> = Extract<StripeObject, { object: K }>;

export const NO_BILLING_DETAILS: BillingDetails = { address: null, email: null, name: null, phone: null, tax_id: null };

/** Stripe returns ten entries by default, and at most a hundred. */
const LIST_LIMIT_DEFAULT_ENTRIES = 10;
const LIST_LIMIT_MAX_ENTRIES = 100;

export type Books = ReturnType<typeof createBooks>;

export function createBooks(seed: string, seconds: () => number) {
  const objects = new Map<string, StripeObject>();
  const byKind = new Map<Kind, Set<StripeObject>>();
  let made = 0;

  /** The same seed and the same requests give the same ids. */
  function newId(prefix: string): string {
    made += 1;
    const digest = createHash('sha256').update(`${seed} ${made}`).digest('base64');
    return `${prefix}_${digest.replace(/[+/=]/g, '').slice(0, 24)}`;
  }

  function put<O extends StripeObject>(object: O): O {
    objects.set(object.id, object);
    const same = byKind.get(object.object) ?? new Set();
    byKind.set(object.object, same.add(object));
    return object;
  }

  function remove(object: StripeObject): void {
    objects.delete(object.id);
    byKind.get(object.object)?.delete(object);
  }

  /** `param` names the parameter with the id. The id in a path is `id`, and only that one gives 404. */
  function get<K extends Kind>(kind: K, id: string, param = 'id'): OfKind<K> {
    const found = objects.get(id);
    if (found?.object !== kind) throw resourceMissing(kind, id, param);
    return found as OfKind<K>;
  }

  const all = <K extends Kind>(kind: K): OfKind<K>[] => [...(byKind.get(kind) ?? [])] as OfKind<K>[];

  /** Newest first, as Stripe lists them. */
  function list<K extends Kind>(kind: K, url: string, query: Form, fits: (object: OfKind<K>) => boolean) {
    const limit = integer(query, 'limit') ?? LIST_LIMIT_DEFAULT_ENTRIES;
    if (limit < 1 || limit > LIST_LIMIT_MAX_ENTRIES) {
      throw invalidRequest(`This value must be between 1 and ${LIST_LIMIT_MAX_ENTRIES}.`, { param: 'limit' });
    }
    const found = all(kind).filter((object) => fits(object) && createdWithin(object.created, query));
    const newestFirst = found.reverse();
    const after = text(query, 'starting_after');
    const before = text(query, 'ending_before');
    const from = after === undefined ? 0 : newestFirst.indexOf(get(kind, after, 'starting_after')) + 1;
    const to =
      before === undefined ? Number.POSITIVE_INFINITY : newestFirst.indexOf(get(kind, before, 'ending_before'));
    const rest = newestFirst.slice(from, to);
    const data = before === undefined ? rest.slice(0, limit) : rest.slice(-limit);
    return { object: 'list' as const, url, has_more: rest.length > data.length, data };
  }

  return {
    newId,
    put,
    get,
    all,
    list,
    find: (id: string) => objects.get(id),
    remove,
    common: <K extends Kind>(object: K, prefix: string) => ({ id: newId(prefix), object, created: seconds() }),
  };
}

function createdWithin(created: number, query: Form): boolean {
  const range = query.created;
  if (range === undefined || Array.isArray(range)) return true;
  if (typeof range === 'string') return created === Number(range);
  const at = (name: string, otherwise: number) => integer(range, name) ?? otherwise;
  return (
    created > at('gt', Number.NEGATIVE_INFINITY) &&
    created >= at('gte', Number.NEGATIVE_INFINITY) &&
    created < at('lt', Number.POSITIVE_INFINITY) &&
    created <= at('lte', Number.POSITIVE_INFINITY)
  );
}
