// The ledger of a payment: what was asked of the provider, and what came of it. Amounts in minor units of the payment's currency.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { amountSchema, currencySchema } from '../kernel/money.js';
import { orderIdSchema, paymentIdSchema } from '../order/events.js';

/** Who moves the money: `external` is money that somebody else moves and that is only recorded here. */
export const providerSchema = z.enum(['external', 'test']);
export const paymentMethodSchema = z.string().min(1).max(100);

const payment = { paymentId: paymentIdSchema, orderId: orderIdSchema };
/** Of one operation; its id is the idempotency key that the provider gets with every attempt. */
const operation = { ...payment, operationId: z.string().min(1).max(200) };
const reference = z.string().min(1).max(200);

export const paymentEvents = {
  AuthorisationRequested: {
    version: 1,
    data: z.strictObject({
      ...operation,
      amount: amountSchema,
      currency: currencySchema,
      provider: providerSchema,
      method: paymentMethodSchema,
    }),
  },
  PaymentAuthorised: {
    version: 1,
    data: z.strictObject({ ...operation, amount: amountSchema, providerRef: reference }),
  },
  AuthorisationDeclined: {
    version: 1,
    data: z.strictObject({ ...operation, declineCode: z.string().min(1).max(100) }),
  },
  /** The provider was asked and did not say; it has to be asked again under the same key. */
  AuthorisationUnknown: { version: 1, data: z.strictObject(operation) },
  CaptureRequested: { version: 1, data: z.strictObject({ ...operation, amount: amountSchema }) },
  PaymentCaptured: { version: 1, data: z.strictObject({ ...operation, amount: amountSchema }) },
  VoidRequested: { version: 1, data: z.strictObject(operation) },
  /** Nothing is held and nothing can be authorised any more, even if nothing ever was. */
  PaymentVoided: { version: 1, data: z.strictObject(operation) },
} satisfies EventDefinitions;

export type PaymentProviderName = z.output<typeof providerSchema>;
export type PaymentEvent = EventOf<typeof paymentEvents>;
