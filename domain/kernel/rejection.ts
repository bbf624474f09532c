// Rejections by a decider or by the command path before it. They are values; only faults are thrown.
import type { Money } from './money.js';

/** What a caller needs to act on a rejection, by code. `detail` holds the sentence. */
export interface RejectionFacts {
  not_found: {
    /** The coupon that does not exist. */
    coupon?: string;
  };
  conflict: NoFacts;
  rule_violated: {
    /** The locations that hold the units, if one has to be chosen. */
    locations?: readonly string[];
    /** The amount that can still be refunded, in minor units. */
    refundable?: number;
    /** The methods that ship to the address. */
    shippingMethods?: readonly string[];
    /** The coupon that does not apply. */
    coupon?: string;
  };
  /** Available units, by SKU. */
  out_of_stock: { available: Readonly<Record<string, number>> };
  payment_declined: { declineCode: string };
  price_changed: { changes: readonly PriceChange[]; total: { was?: Money; now: Money } };
  /** The current version of the stream. */
  version_mismatch: { version: number };
  command_expired: NoFacts;
  too_large: NoFacts;
}

export interface PriceChange {
  sku: string;
  was: Money;
  now: Money;
}

export type NoFacts = Record<string, never>;

export type RejectionCode = keyof RejectionFacts;

export type Rejection<C extends RejectionCode = RejectionCode> = {
  [K in C]: {
    rejected: K;
    /** One sentence that states the broken rule and the relevant values. */
    detail: string;
    facts: RejectionFacts[K];
  };
}[C];

/** Arguments whose first one, the facts, may be omitted if no fact is required. */
export type OptionalIfEmpty<F, Next = never> = NoFacts extends F ? [facts?: F, next?: Next] : [facts: F, next?: Next];

export function reject<C extends RejectionCode>(
  rejected: C,
  detail: string,
  ...[facts]: OptionalIfEmpty<RejectionFacts[C]>
): Rejection<C> {
  return { rejected, detail, facts: facts ?? {} } as Rejection<C>;
}

export function isRejection<C extends RejectionCode>(result: object, code: C): result is Rejection<C>;
export function isRejection(result: object): result is Rejection;
export function isRejection(result: object, code?: RejectionCode): boolean {
  return 'rejected' in result && (code === undefined || result.rejected === code);
}
