// The cart that a customer fills now, on whatever device; and what becomes of a guest's when the guest logs in.
import { z } from 'zod';
import { type Cart, type CartCommand, cart } from '../../domain/cart/cart.js';
import { customerOf, type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { invalidField, isProblem, Problem, StreamBusy } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import type { TokenReader } from '../identity/ports.js';
import type { GuestCarts } from '../lookups/guest-carts.js';
import type { CommandRunner, Loaded } from '../runtime/command-runner.js';
import { beside, shows } from './answers.js';
import type { CartQuotes } from './cart-quotes.js';
import { cartAnswer, viewOfCart } from './cart-view.js';

/** How often a merge starts anew because the guest still changes the cart. */
const MERGE_ROUNDS = 5;

const mergeBody = z.strictObject({
  guestToken: z
    .string()
    .regex(/^[\w.~+/-]{1,4000}=*$/, 'is not an access token')
    .meta({ description: "The access token of the guest's session" }),
});

/** Which cart a customer opened last, from a read model: the cart's stream says what has become of it since. */
export interface CurrentCarts {
  /** As new as what the caller has seen. Throws `unavailable`. */
  of(customerId: string, request: Pick<EndpointRequest, 'seen' | 'waitMs'>): Promise<string | undefined>;
}

export interface CurrentCartEndpointsDeps {
  runner: CommandRunner;
  currentCarts: CurrentCarts;
  guestCarts: GuestCarts;
  tokens: TokenReader;
  quotes: Pick<CartQuotes, 'of'>;
}

export function currentCartEndpoints(deps: CurrentCartEndpointsDeps): Endpoint[] {
  const { runner, currentCarts, guestCarts, tokens, quotes } = deps;

  async function current(request: EndpointRequest): Promise<Reply> {
    return answer(await openCartOf(customerOf(request.caller), request));
  }

  async function merge(request: EndpointRequest<unknown, unknown, z.output<typeof mergeBody>>): Promise<Reply> {
    const customerId = customerOf(request.caller);
    const guestId = await guestOf(request.body.guestToken);
    if (guestId === customerId) return current(request);
    const carts = await guestCarts.of(guestId);
    const own = (await openCartOf(customerId, request)) ?? (await mergedBefore(carts, customerId));
    const filled = carts.filter((guest) => isOpen(guest) && guest.lines.length > 0).reverse();
    if (filled.length === 0) return answer(own);
    const cartId = own?.state.cartId ?? (await createFor(filled[0]!, request));
    const refusals: unknown[] = [];
    for (const guest of filled) {
      await bringOver(guest.cartId, cartId, request).catch((error) => {
        if (!isProblem(error, 'rule_violated')) throw error;
        refusals.push(error); // the other carts may fit
      });
    }
    if (refusals.length > 0) throw refusals[0];
    return answer(await load(cartId));
  }

  async function guestOf(token: string): Promise<string> {
    const caller = await tokens.authenticate(token);
    if (caller?.guest && caller.customerId) return caller.customerId;
    throw invalidField('/guestToken', 'is not the token of a guest, or has expired');
  }

  /** Where the guest's carts went before, though the read model may not know of it yet. */
  async function mergedBefore(guests: readonly Cart[], customerId: string): Promise<Loaded<Cart> | undefined> {
    const cartId = guests.findLast(({ mergedInto }) => mergedInto)?.mergedInto;
    const found = cartId === undefined ? undefined : await load(cartId);
    return found && found.state.customerId === customerId && isOpen(found.state) ? found : undefined;
  }

  /** The same for every merge of that cart, so that two at once make one; another where that is not to be had any more. */
  async function createFor(guest: Cart, { caller, command, newId }: EndpointRequest): Promise<string> {
    const customerId = customerOf(caller);
    const { currency } = guest;
    if (caller.guest) return (await guestCarts.make(customerId, currency, beside(command('create')))).state!.cartId;
    const shared = `${guest.cartId}-m`;
    const { state } = await runner.load(cart, streamOf(shared));
    const isFree = !state || (state.customerId === customerId && isOpen(state));
    const cartId = isFree ? shared : newId('cart');
    const created: CartCommand = { type: 'CreateCart', cartId, customerId, currency };
    await runner.execute(cart, streamOf(cartId), created, beside(command(`create ${cartId}`)));
    return cartId;
  }

  /**
   * The guest's cart is closed only in the state in which its lines were taken, so that none is left behind. Where it is
   * closed already, somebody has its lines. The commands name it: a request may bring over several.
   */
  async function bringOver(fromCartId: string, toCartId: string, { command }: EndpointRequest): Promise<void> {
    const from = streamOf(fromCartId);
    for (let round = 0; round < MERGE_ROUNDS; round++) {
      const { state, position } = await load(fromCartId);
      if (!isOpen(state)) return;
      const { currency, lines, coupons } = state;
      const merged: CartCommand = { type: 'MergeCart', fromCartId, currency, lines, coupons };
      await runner.execute(
        cart,
        streamOf(toCartId),
        merged,
        beside(command(`merge ${fromCartId} ${position.version} into ${toCartId}`)),
      );
      const handOver: CartCommand = { type: 'HandOverCart', toCartId };
      const meta = {
        ...beside(command(`hand over ${fromCartId} ${position.version}`)),
        expectedVersion: position.version,
      };
      try {
        await runner.execute(cart, from, handOver, meta);
        return;
      } catch (error) {
        if (!isProblem(error, 'version_mismatch')) throw error;
      }
    }
    throw new StreamBusy(from);
  }

  async function openCartOf(
    customerId: string,
    request: Pick<EndpointRequest, 'seen' | 'waitMs'>,
  ): Promise<Loaded<Cart> | undefined> {
    const cartId = await currentCarts.of(customerId, request);
    const found = cartId === undefined ? undefined : await load(cartId);
    return found && isOpen(found.state) ? found : undefined;
  }

  function load(cartId: string): Promise<Loaded<Cart>> {
    return runner.load(cart, streamOf(cartId)) as Promise<Loaded<Cart>>;
  }

  async function answer(loaded: Loaded<Cart> | undefined): Promise<Reply> {
    if (!loaded) throw new Problem('not_found', 'There is no open cart; POST /v1/carts gives one.');
    return shows(200, await viewOfCart(loaded.state, quotes), streamOf(loaded.state.cartId), loaded);
  }

  return [
    endpoint({
      method: 'get',
      path: '/v1/carts/current',
      summary: 'The cart that the caller fills now',
      roles: ['customer'],
      answers: { 200: cartAnswer },
      handle: current,
    }),
    endpoint({
      method: 'post',
      path: '/v1/carts/current/merge',
      summary: "Take over what is in a guest's carts, once",
      description:
        "The customer's cart gets its lines, and the coupons as the guest applied them; one that this customer may not use " +
        'is refused at the checkout. A cart in another currency, or with too many lines, is refused and stays.',
      roles: ['customer'],
      limit: 'session',
      idempotency: 'accepted',
      body: mergeBody,
      answers: { 200: cartAnswer },
      handle: merge,
    }),
  ];
}

/** Nobody has its lines yet. */
function isOpen({ status }: Cart): boolean {
  return status === 'open' || status === 'abandoned';
}
