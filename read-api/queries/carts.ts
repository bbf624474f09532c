// Carts of the caller, folded from their streams, so they are always current.
import { z } from 'zod';
import { type Cart, cart } from '../../domain/cart/cart.js';
import { cartIdSchema } from '../../domain/cart/events.js';
import { shows, type View, wholeList, wholeListAnswer } from '../../domain/kernel/answers.js';
import { type Caller, customerOf, type Endpoint, endpoint, type Reply, visible } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { askedId, pathId, streamOf } from '../../domain/kernel/id.js';
import { moneySchema } from '../../domain/kernel/money.js';
import type { Loaded, States } from '../../domain/kernel/states.js';
import type { CartQuotes } from '../views/cart.js';
import type { CurrentCartReader } from './current-carts.js';

const params = z.strictObject({ id: pathId(cartIdSchema, 'cart_7Q2mXw') });
const shippingOption = z.strictObject({ method: z.string(), title: z.string(), amount: moneySchema });

export interface CartQueryDeps {
  states: States;
  currentCarts: Pick<CurrentCartReader, 'of'>;
  quotes: Pick<CartQuotes, 'shippingOptions'>;
  view: View<Cart>;
}

export function cartQueries({ states, currentCarts, quotes, view }: CartQueryDeps): Endpoint[] {
  async function load(id: string, caller: Caller): Promise<Loaded<Cart>> {
    const { state, position } = await states.load(cart, streamOf(askedId(cartIdSchema, id)));
    return { state: visible(state, id, caller), position };
  }

  async function answer(loaded: Loaded<Cart>): Promise<Reply> {
    return shows(200, await view.of(loaded.state), streamOf(loaded.state.cartId), loaded);
  }

  return [
    endpoint({
      method: 'get',
      path: '/v1/carts/current',
      summary: 'Get the current cart of the caller',
      roles: ['customer'],
      answers: { 200: view.schema },
      async handle(request) {
        const found = await currentCarts.of(customerOf(request.caller), request);
        if (!found) throw new Problem('not_found', 'There is no open cart; POST /v1/carts creates one.');
        return answer(found);
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/carts/{id}',
      summary: 'Get a cart',
      roles: ['customer'],
      params,
      answers: { 200: view.schema },
      handle: async ({ params, caller }) => answer(await load(params.id, caller)),
    }),
    endpoint({
      method: 'get',
      path: '/v1/carts/{id}/shipping-methods',
      summary: 'List the shipping methods of a cart',
      description: 'Each method has its price for this cart.',
      roles: ['customer'],
      params,
      answers: { 200: wholeListAnswer(shippingOption) },
      async handle({ params, caller }) {
        const { state } = await load(params.id, caller);
        const { currency } = state;
        const options = await quotes.shippingOptions(state);
        return {
          status: 200,
          body: wholeList(options.map((option) => ({ ...option, amount: { amount: option.amount, currency } }))),
        };
      },
    }),
  ];
}
