// A customer: their name at payment providers, their saved methods, and that they were forgotten.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { customerIdSchema, paymentMethodSchema, providerSchema } from '../order/events.js';

const customer = { customerId: customerIdSchema };

export const customerEvents = {
  /** The provider stores the customer's methods under this name. */
  ProviderCustomerLinked: {
    version: 1,
    data: z.strictObject({ ...customer, provider: providerSchema, providerRef: z.string().min(1).max(200) }),
  },
  /** Only for a provider that does not store methods itself. */
  PaymentMethodSaved: { version: 1, data: z.strictObject({ ...customer, method: paymentMethodSchema }) },
  PaymentMethodRemoved: { version: 1, data: z.strictObject({ ...customer, method: paymentMethodSchema }) },
  /** The customer is to be forgotten for ever. The work begins with this event, so that a crash cannot lose it. */
  SubjectForgotten: { version: 1, data: z.strictObject(customer) },
  /** All of it is done, also what other processes were doing for the customer at the time. */
  ForgettingCompleted: { version: 1, data: z.strictObject(customer) },
} satisfies EventDefinitions;

export type CustomerEvent = EventOf<typeof customerEvents>;
