// The merge of a guest's carts into the customer's cart, when the guest logs in.
import { z } from 'zod';
import { type Cart, cart, isFrozen } from '../../domain/cart/cart.js';
import { shows, type View } from '../../domain/kernel/answers.js';
import { customerOf, type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { invalidField, Problem, problemOf } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { isRejection, type Rejection } from '../../domain/kernel/rejection.js';
import type { Loaded } from '../../domain/kernel/states.js';
import type { TokenReader } from '../identity/ports.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { CustomerCarts } from './customer-carts.js';
import { createTakeOver } from './take-over.js';

const mergeBody = z.strictObject({
  guestToken: z
    .string()
    .regex(/^[\w.~+/-]{1,4000}=*$/, 'is not an access token')
    .meta({ description: "The access token of the guest's session" }),
});

/** Port: the cart that a customer opened last, unless it is frozen by now. */
export interface CurrentCarts {
  /** At least as new as what the caller has seen. Throws `unavailable`. */
  of(customerId: string, request: Pick<EndpointRequest, 'seen' | 'waitMs'>): Promise<Loaded<Cart> | undefined>;
}

export interface CurrentCartEndpointsDeps {
  runner: CommandRunner;
  currentCarts: CurrentCarts;
  customerCarts: CustomerCarts;
  tokens: TokenReader;
  view: View<Cart>;
}

export function currentCartEndpoints(deps: CurrentCartEndpointsDeps): Endpoint[] {
  const { runner, currentCarts, customerCarts, tokens, view } = deps;
  const takeOver = createTakeOver({ runner, customerCarts });

  async function merge(request: EndpointRequest<unknown, unknown, z.output<typeof mergeBody>>): Promise<Reply> {
    const customerId = customerOf(request.caller);
    const guestId = await guestOf(request.body.guestToken);
    if (guestId === customerId) return answer(await currentCarts.of(customerId, request));
    const carts = await customerCarts.ofGuest(guestId);
    let own = (await currentCarts.of(customerId, request)) ?? (await takenBefore(carts, customerId));
    const places = own ? [own.state.cartId] : [];
    const rejections: Rejection[] = [];
    const wanted = carts.filter(
      (guest) => guest.takenBy === customerId || (!isFrozen(guest) && guest.lines.length > 0),
    );
    for (const guest of wanted.reverse()) {
      const taken = await takeOver(guest, own?.state, request);
      if (taken === undefined) continue;
      if (isRejection(taken)) {
        rejections.push(taken); // the other carts may fit
        continue;
      }
      places.push(taken.cartId);
      if (!own || own.state.cartId === taken.cartId) own = await load(taken.cartId);
    }
    if (rejections[0]) throw problemOf(rejections[0]);
    for (const cartId of places) {
      const shown = await load(cartId);
      if (!isFrozen(shown.state)) return answer(shown);
    }
    return answer(undefined);
  }

  async function guestOf(token: string): Promise<string> {
    const caller = await tokens.authenticate(token);
    if (caller?.guest && caller.customerId) return caller.customerId;
    throw invalidField('/guestToken', 'is not a guest token, or has expired');
  }

  /** For the case that the customer's read model does not yet show which cart got the lines taken over before. */
  async function takenBefore(guests: readonly Cart[], customerId: string): Promise<Loaded<Cart> | undefined> {
    const cartId = guests.findLast(({ takenBy }) => takenBy === customerId)?.mergedInto;
    const found = cartId === undefined ? undefined : await runner.load(cart, streamOf(cartId));
    return found?.state && !isFrozen(found.state) ? (found as Loaded<Cart>) : undefined;
  }

  function load(cartId: string): Promise<Loaded<Cart>> {
    return runner.load(cart, streamOf(cartId)) as Promise<Loaded<Cart>>;
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
