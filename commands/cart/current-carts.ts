// The merge of a guest's carts into the customer's cart, when the guest logs in.
import { z } from 'zod';
import type { Cart } from '../../domain/cart/cart.js';
import { shows, type View } from '../../domain/kernel/answers.js';
import { type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { Problem, problemOf } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import type { Loaded } from '../../domain/kernel/states.js';
import { type GuestMerge, guestTokenSchema } from './guest-merge.js';

const mergeBody = z.strictObject({ guestToken: guestTokenSchema });

export interface CurrentCartEndpointsDeps {
  guests: GuestMerge;
  view: View<Cart>;
}

export function currentCartEndpoints({ guests, view }: CurrentCartEndpointsDeps): Endpoint[] {
  async function merge(request: EndpointRequest<unknown, unknown, z.output<typeof mergeBody>>): Promise<Reply> {
    const guestId = await guests.guestOf(request.body.guestToken);
    const { shown, rejections } = await guests.merge(guestId, request);
    if (rejections[0]) throw problemOf(rejections[0]);
    return answer(shown);
  }

  async function answer(loaded: Loaded<Cart> | undefined): Promise<Reply> {
    if (!loaded) throw new Problem('not_found', 'There is no open cart; POST /v1/carts creates one.');
    return shows(200, await view.of(loaded.state), streamOf(loaded.state.cartId), loaded);
  }

  return [
    endpoint({
      method: 'post',
      path: '/v1/carts/current/merge',
      summary: "Merge a guest's carts into the current cart",
      description:
        "The customer's cart gets the lines of the guest's carts, once: a repeat adds nothing. It also gets their coupons, with " +
        'the terms that the guest got. A coupon that this customer may not use is refused at the checkout. A cart in another ' +
        'currency, or with too many lines, is refused and stays as it is.',
      roles: ['customer'],
      limit: 'session',
      idempotency: 'accepted',
      body: mergeBody,
      answers: { 200: view.schema },
      handle: merge,
    }),
  ];
}
