// A customer: their account, their name at payment providers, their saved methods, and that they were forgotten.
import { z } from 'zod';
import { addressSchema } from '../kernel/address.js';
import { emailKeySchema, emailSchema } from '../kernel/email.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { personal } from '../kernel/personal.js';
import { shortText } from '../kernel/text.js';
import { customerIdSchema, paymentMethodSchema, providerSchema } from '../order/events.js';

/** Addresses that an account keeps. */
export const MAX_ADDRESSES = 10;

export const customerNameSchema = shortText(100);
export const addressBookSchema = z.array(addressSchema).max(MAX_ADDRESSES);

const customer = { customerId: customerIdSchema };
const subject = ({ customerId }: { customerId: string }) => customerId;

export const customerEvents = {
  /**
   * The password is not in the log, which is for ever: it is in the store of credentials. `registrationId`: the id of the command.
   */
  AccountOpened: {
    version: 1,
    data: z.strictObject({
      ...customer,
      registrationId: z.string().min(1).max(200),
      emailKey: emailKeySchema,
      email: personal(emailSchema),
      name: personal(customerNameSchema),
    }),
    personal: { subject, fields: ['email', 'name'] },
  },
  /** The customer can read the mail of the address. */
  EmailVerified: { version: 1, data: z.strictObject(customer) },
  /** `changeId`: the id of the command. */
  PasswordChanged: { version: 1, data: z.strictObject({ ...customer, changeId: z.string().min(1).max(200) }) },
  /** Only the fields that change. */
  ProfileChanged: {
    version: 1,
    data: z.strictObject({
      ...customer,
      name: personal(customerNameSchema).optional(),
      /** All addresses of the account. */
      addresses: personal(addressBookSchema).optional(),
    }),
    personal: { subject, fields: ['name', 'addresses'] },
  },
  /** Whether the shop may send advertising. */
  ConsentChanged: { version: 1, data: z.strictObject({ ...customer, marketing: z.boolean() }) },
  /** The provider stores the customer's methods under this name. */
  ProviderCustomerLinked: {
    version: 1,
    data: z.strictObject({ ...customer, provider: providerSchema, providerRef: z.string().min(1).max(200) }),
  },
  /** Only for a provider that does not store methods itself. */
  PaymentMethodSaved: { version: 1, data: z.strictObject({ ...customer, method: paymentMethodSchema }) },
  PaymentMethodRemoved: { version: 1, data: z.strictObject({ ...customer, method: paymentMethodSchema }) },
  /** The customer was this guest before they logged in. What is held about the guest is about the customer. */
  GuestIdentified: { version: 1, data: z.strictObject({ ...customer, guestId: customerIdSchema }) },
  /** The customer is to be forgotten for ever. The work begins with this event, so that a crash cannot lose it. */
  SubjectForgotten: { version: 1, data: z.strictObject(customer) },
  /** All of it is done, also what other processes were doing for the customer at the time. */
  ForgettingCompleted: { version: 1, data: z.strictObject(customer) },
} satisfies EventDefinitions;

export type CustomerEvent = EventOf<typeof customerEvents>;

const claim = { emailKey: emailKeySchema, ...customer };

/** Which account an e-mail address belongs to. */
export const emailClaimEvents = {
  EmailClaimed: { version: 1, data: z.strictObject(claim) },
  /** The account is forgotten; another one may have the address. */
  EmailReleased: { version: 1, data: z.strictObject(claim) },
} satisfies EventDefinitions;

export type EmailClaimEvent = EventOf<typeof emailClaimEvents>;
