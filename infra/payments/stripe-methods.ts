// Saved cards at Stripe, attached to the Stripe customer of our customer. The first saved card creates that customer.
import Stripe from 'stripe';
import type { SavedMethod, SavedMethods } from '../../commands/payment/payment-methods.js';
import type { ProviderCustomers } from '../../commands/payment/provider-customers.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { Problem, Unavailable } from '../../domain/kernel/errors.js';
import { publicDeclineCode } from '../../domain/payment/ledger.js';

const MAX_LISTED_METHODS = 100;

export interface StripeMethodsDeps {
  stripe: Stripe;
  customers: ProviderCustomers;
}

export function createStripeMethods({ stripe, customers }: StripeMethodsDeps): SavedMethods {
  async function linked(customerId: string, meta: CommandMeta): Promise<string> {
    const known = await customers.refOf(customerId);
    if (known !== undefined) return known;
    const options = { idempotencyKey: `${customerId}/customer` };
    const { id } = await stripe.customers.create({ metadata: { customerId } }, options);
    return customers.link(customerId, id, meta);
  }

  return {
    async of(customerId) {
      const ref = await customers.refOf(customerId);
      if (ref === undefined) return [];
      return toldOf(async () => {
        const listing = stripe.customers.listPaymentMethods(ref, { type: 'card', limit: MAX_LISTED_METHODS });
        const { data } = (await unlessDeleted(listing)) ?? { data: [] };
        return data.map(viewOf);
      });
    },

    save: (customerId, method, meta) =>
      toldOf(async () => {
        const customer = await linked(customerId, meta);
        const options = { idempotencyKey: `${meta.id}/attach` };
        return viewOf(await stripe.paymentMethods.attach(method, { customer }, options));
      }),

    remove: (customerId, id, meta) =>
      toldOf(async () => {
        const ref = await customers.refOf(customerId);
        const method = ref === undefined ? undefined : await stripe.paymentMethods.retrieve(id);
        if (!method || idOf(method.customer) !== ref) throw new Problem('not_found', `There is no ${id}.`);
        await stripe.paymentMethods.detach(id, {}, { idempotencyKey: `${meta.id}/detach` });
      }),

    async forget(customerId) {
      const ref = await customers.refOf(customerId);
      if (ref !== undefined) await toldOf(() => unlessDeleted(stripe.customers.del(ref)));
    },
  };
}

/** Undefined if Stripe no longer has the customer. */
async function unlessDeleted<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeInvalidRequestError && error.statusCode === 404) return undefined;
    throw error;
  }
}

function viewOf({ id, card }: Stripe.PaymentMethod): SavedMethod {
  if (!card) return { id };
  const { brand, last4, exp_month: expiresMonth, exp_year: expiresYear } = card;
  return { id, brand, last4, expiresMonth, expiresYear };
}

function idOf(reference: string | { id: string } | null): string | undefined {
  return typeof reference === 'string' ? reference : reference?.id;
}

/** Converts Stripe's rejections to problems of the API. */
async function toldOf<T>(asked: () => Promise<T>): Promise<T> {
  try {
    return await asked();
  } catch (error) {
    if (error instanceof Stripe.errors.StripeCardError) {
      const { message, decline_code, code = 'generic_decline' } = error;
      throw new Problem('payment_declined', message, { declineCode: publicDeclineCode(decline_code ?? code) });
    }
    if (error instanceof Stripe.errors.StripeInvalidRequestError) {
      throw new Problem(error.statusCode === 404 ? 'not_found' : 'rule_violated', error.message);
    }
    if (error instanceof Stripe.errors.StripeError) {
      throw Object.assign(new Unavailable('Stripe', String(error)), { cause: error });
    }
    throw error;
  }
}
