// The ledger of a payment: what was asked of the provider, and what came of it. Amounts in minor units of the payment's currency.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { locationSchema } from '../kernel/id.js';
import { amountSchema, currencySchema, type Money, moneySchema } from '../kernel/money.js';
import { personal } from '../kernel/personal.js';
import {
  customerIdSchema,
  orderIdSchema,
  paymentIdSchema,
  paymentMethodSchema,
  providerSchema,
  taxAmountsSchema,
} from '../order/events.js';
import { METHOD_KINDS } from './method-kinds.js';

export const methodKindSchema = z.enum(METHOD_KINDS);

const payment = { paymentId: paymentIdSchema, orderId: orderIdSchema };
/** Of one operation; its id is the idempotency key that the provider gets with every attempt. */
const operation = { ...payment, operationId: z.string().min(1).max(200) };
const reference = z.string().min(1).max(200);
/** The operation id of the authorisation that is captured or refunded; absent: the first. */
const authorisationId = z.string().min(1).max(200).optional();
/** Why it was done, or why the provider would not. */
export const reasonSchema = z.string().min(1).max(200);

/** A word of the provider's, such as `visa` or `authenticated`. */
const word = z.string().min(1).max(50);
export const cardSchema = z.strictObject({
  brand: word.optional(),
  /** What 3-D Secure has come to. */
  threeDSecure: word.optional(),
});
/** The last four digits of a card's number. */
export const last4Schema = z.string().regex(/^\d{4}$/);
/** How likely the provider takes it to be fraud; a score goes from 0 (least) to 100. */
export const riskSchema = z.strictObject({ level: word.optional(), score: z.int().min(0).max(100).optional() });

/** Where a provider tells secrets, whose they are. */
const payer = {
  subject: (data: { customerId?: string; paymentId: string }) => data.customerId ?? data.paymentId,
};

export const paymentEvents = {
  AuthorisationRequested: {
    version: 1,
    data: z.strictObject({
      ...operation,
      amount: amountSchema,
      currency: currencySchema,
      provider: providerSchema,
      method: paymentMethodSchema,
      /** Whose saved method it is. */
      customerId: customerIdSchema.optional(),
    }),
  },
  /** The provider has a name for the payment before it is asked for any money. */
  PaymentIntentOpened: { version: 1, data: z.strictObject({ ...operation, providerRef: reference }) },
  /**
   * The customer has to do something, such as a 3-D Secure step; the secret lets their browser do it. `kind` says how long they
   * may take; absent: a card.
   */
  PaymentActionRequired: {
    version: 1,
    data: z.strictObject({
      ...operation,
      customerId: customerIdSchema.optional(),
      providerRef: reference,
      clientSecret: personal(z.string().min(1).max(500)),
      kind: methodKindSchema.optional(),
    }),
    personal: { ...payer, fields: ['clientSecret'] },
  },
  /**
   * `captureBefore`: when what is held lapses. `multicapture`: it may be captured in several parts. `card`, `last4` and `risk`:
   * as far as the provider tells.
   */
  PaymentAuthorised: {
    version: 1,
    data: z.strictObject({
      ...operation,
      amount: amountSchema,
      providerRef: reference,
      captureBefore: z.iso.datetime().optional(),
      multicapture: z.literal(true).optional(),
      customerId: customerIdSchema.optional(),
      card: cardSchema.optional(),
      last4: personal(last4Schema).optional(),
      risk: riskSchema.optional(),
    }),
    personal: { ...payer, fields: ['last4'] },
  },
  AuthorisationDeclined: {
    version: 1,
    data: z.strictObject({ ...operation, declineCode: z.string().min(1).max(100) }),
  },
  /** The provider was asked and did not say; it has to be asked again under the same key. */
  AuthorisationUnknown: { version: 1, data: z.strictObject(operation) },
  /** What was held, and not captured, is the customer's again. */
  AuthorisationLapsed: { version: 1, data: z.strictObject(operation) },
  /** `final`: nothing is held behind it, a rest is let go. */
  CaptureRequested: {
    version: 1,
    data: z.strictObject({ ...operation, authorisationId, amount: amountSchema, final: z.literal(true).optional() }),
  },
  /** `providerRef`: what the provider calls what it took. `fee`: what it keeps for that, in the currency that it pays out in. */
  PaymentCaptured: {
    version: 1,
    data: z.strictObject({
      ...operation,
      amount: amountSchema,
      providerRef: reference.optional(),
      fee: moneySchema.optional(),
    }),
  },
  CaptureFailed: { version: 1, data: z.strictObject({ ...operation, reason: reasonSchema }) },
  VoidRequested: { version: 1, data: z.strictObject(operation) },
  /** Nothing is held and nothing can be authorised any more, even if nothing ever was. */
  PaymentVoided: { version: 1, data: z.strictObject(operation) },
  /** `taxes`: of the amount, by rate. `location`: where the goods have arrived that it is for. */
  RefundRequested: {
    version: 1,
    data: z.strictObject({
      ...operation,
      authorisationId,
      amount: amountSchema.min(1),
      reason: reasonSchema,
      taxes: taxAmountsSchema.optional(),
      location: locationSchema.optional(),
    }),
  },
  PaymentRefunded: {
    version: 1,
    data: z.strictObject({ ...operation, amount: amountSchema, providerRef: reference.optional() }),
  },
  RefundFailed: { version: 1, data: z.strictObject({ ...operation, reason: reasonSchema }) },
  /** The customer's bank takes the money back until the dispute is decided. */
  DisputeOpened: {
    version: 1,
    data: z.strictObject({
      ...payment,
      disputeId: reference,
      amount: amountSchema,
      reason: reasonSchema,
    }),
  },
  DisputeClosed: {
    version: 1,
    data: z.strictObject({ ...payment, disputeId: reference, outcome: z.enum(['won', 'lost']) }),
  },
} satisfies EventDefinitions;

/** What a provider may tell beside what it has authorised or captured. */
export interface AuthorisationDetails {
  card?: z.output<typeof cardSchema>;
  last4?: string;
  risk?: z.output<typeof riskSchema>;
}
export interface CaptureDetails {
  providerRef?: string;
  fee?: Money;
}

export type PaymentProviderName = z.output<typeof providerSchema>;
export type PaymentEvent = EventOf<typeof paymentEvents>;
