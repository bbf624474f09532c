// Saved payment methods of customers. The payment provider stores them; the shop never sees a card, only the provider's name for
// it.
import { z } from 'zod';
import type { View } from '../../domain/kernel/answers.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { customerOf, type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { paymentMethodSchema } from '../../domain/order/events.js';

export interface SavedMethod {
  /** The id to pay with at a checkout. */
  id: string;
  brand?: string;
  last4?: string;
  expiresMonth?: number;
  expiresYear?: number;
}

/**
 * Port: the store of saved methods. Throws `not_found` for a method that does not exist, `payment_declined` for one that the bank
 * refuses.
 */
export interface SavedMethods {
  of(customerId: string): Promise<SavedMethod[]>;
  save(customerId: string, method: string, meta: CommandMeta): Promise<SavedMethod>;
  remove(customerId: string, id: string, meta: CommandMeta): Promise<void>;
  /** Deletes the customer and their methods at the provider. Repeating it does no harm. */
  forget(customerId: string): Promise<void>;
}

export interface PaymentMethodEndpointsDeps {
  methods: Pick<SavedMethods, 'save' | 'remove'>;
  view: View<SavedMethod>;
}

export function paymentMethodEndpoints({ methods, view }: PaymentMethodEndpointsDeps): Endpoint[] {
  return [
    endpoint({
      method: 'post',
      path: '/v1/me/payment-methods',
      summary: 'Save a payment method',
      roles: ['customer'],
      idempotency: 'accepted',
      body: z.strictObject({ paymentMethod: paymentMethodSchema.meta({ example: 'pm_card_visa' }) }),
      answers: { 201: view.schema },
      problems: ['payment_declined'],
      async handle({ caller, body, command }) {
        const saved = await methods.save(customerOf(caller), body.paymentMethod, command());
        return { status: 201, body: await view.of(saved) };
      },
    }),
    endpoint({
      method: 'delete',
      path: '/v1/me/payment-methods/{id}',
      summary: 'Delete a saved payment method',
      roles: ['customer'],
      idempotency: 'accepted',
      params: z.strictObject({ id: paymentMethodSchema }),
      answers: { 204: z.void() },
      async handle({ caller, params, command }) {
        await methods.remove(customerOf(caller), params.id, command());
        return { status: 204 };
      },
    }),
  ];
}
