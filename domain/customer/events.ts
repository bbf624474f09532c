// What is known of a customer beside what they buy: who they are to a payment provider, and what they saved to pay with.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { customerIdSchema, paymentMethodSchema, providerSchema } from '../order/events.js';

const customer = { customerId: customerIdSchema };

export const customerEvents = {
  /** The provider keeps the customer's methods under this name of its own. */
  ProviderCustomerLinked: {
    version: 1,
    data: z.strictObject({ ...customer, provider: providerSchema, providerRef: z.string().min(1).max(200) }),
  },
  /** Only with a provider that keeps none itself. */
  PaymentMethodSaved: { version: 1, data: z.strictObject({ ...customer, method: paymentMethodSchema }) },
  PaymentMethodRemoved: { version: 1, data: z.strictObject({ ...customer, method: paymentMethodSchema }) },
} satisfies EventDefinitions;

export type CustomerEvent = EventOf<typeof customerEvents>;
