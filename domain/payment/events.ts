// The ledger of a payment: the requests to the provider and their outcomes. Amounts are in minor units of the payment's currency.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { locationSchema } from '../kernel/id.js';
import { amountSchema, currencySchema, type Money, moneySchema } from '../kernel/money.js';
import { personal, plainBefore } from '../kernel/personal.js';
import { shortText } from '../kernel/text.js';
import {
  customerIdSchema,
  orderIdSchema,
  paymentIdSchema,
  paymentMethodSchema,
  providerSchema,
  taxAmountsSchema,
} from '../order/events.js';
import { METHOD_KINDS } from './method-kinds.js';

/** What became of an operation at the provider. */
export const RECORDED_OUTCOMES = ['done', 'failed'] as const;

export const methodKindSchema = z.enum(METHOD_KINDS);

const payment = { paymentId: paymentIdSchema, orderId: orderIdSchema };
/** The id of an operation is the idempotency key that the provider gets with every attempt. */
const operation = { ...payment, operationId: z.string().min(1).max(200) };
const reference = z.string().min(1).max(200);
/** The operation id of the authorisation that is captured or refunded. Absent for the first one. */
const authorisationId = z.string().min(1).max(200).optional();
/** The reason of the operation, or of the provider's refusal. */
export const reasonSchema = z.string().min(1).max(200);

/** A term of the provider, such as `visa` or `authenticated`. */
const word = z.string().min(1).max(50);
export const cardSchema = z.strictObject({
  brand: word.optional(),
  /** The result of 3-D Secure. */
  threeDSecure: word.optional(),
});
/** The last four digits of a card's number. */
export const last4Schema = z.string().regex(/^\d{4}$/);
/** The provider's estimate of the risk of fraud. The score goes from 0 (least) to 100. */
export const riskSchema = z.strictObject({ level: word.optional(), score: z.int().min(0).max(100).optional() });

/** The data subject of secrets that the provider tells. */
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
      /** The owner of the saved payment method. */
      customerId: customerIdSchema.optional(),
    }),
  },
  /** The provider has named the payment before any money is requested. */
  PaymentIntentOpened: { version: 1, data: z.strictObject({ ...operation, providerRef: reference }) },
  /**
   * The customer has to act, such as in a 3-D Secure step. The secret lets their browser do it. `kind` says how long they may
   * take; absent: a card.
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
    personal: { ...payer, fields: ['clientSecret'], afterForgetting: 'recorded' },
  },
  /**
   * `captureBefore`: when the authorisation lapses. `multicapture`: it may be captured in several parts. `card`, `last4` and
   * `risk`: as far as the provider tells.
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
    personal: { ...payer, fields: ['last4'], afterForgetting: 'recorded' },
  },
  AuthorisationDeclined: {
    version: 1,
    data: z.strictObject({ ...operation, declineCode: z.string().min(1).max(100) }),
  },
  /** The outcome is unknown. The provider has to be asked again under the same key. */
  AuthorisationUnknown: { version: 1, data: z.strictObject(operation) },
  /** The authorised and uncaptured money was released to the customer. */
  AuthorisationLapsed: { version: 1, data: z.strictObject(operation) },
  /** `final`: the rest of the authorisation is released. */
  CaptureRequested: {
    version: 1,
    data: z.strictObject({ ...operation, authorisationId, amount: amountSchema, final: z.literal(true).optional() }),
  },
  /** `providerRef`: the provider's name for the capture. `fee`: the provider's fee for it, in the currency of its payouts. */
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
  /** Nothing is authorised and nothing can be authorised any more, even if nothing ever was. */
  PaymentVoided: { version: 1, data: z.strictObject(operation) },
  /** `taxes`: the taxes in the amount, by rate. `location`: where the returned goods arrived. */
  RefundRequested: {
    ...plainBefore,
    data: z.strictObject({
      ...operation,
      authorisationId,
      amount: amountSchema.min(1),
      reason: personal(reasonSchema),
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
  /** Staff have stated the outcome of an operation that the provider did not report. The outcome itself is the next event. */
  PaymentOperationResolved: {
    ...plainBefore,
    data: z.strictObject({ ...operation, outcome: z.enum(RECORDED_OUTCOMES), reason: personal(shortText(200)) }),
  },
} satisfies EventDefinitions;

export type RecordedOutcome = (typeof RECORDED_OUTCOMES)[number];

/** Optional details that a provider adds to an authorisation or capture. */
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
