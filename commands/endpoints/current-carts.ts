// The cart that a customer fills now, on whatever device; and what becomes of a guest's when the guest logs in.
import { z } from 'zod';
import { type Cart, type CartCommand, cart } from '../../domain/cart/cart.js';
import { customerOf, type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { isProblem, Problem, StreamBusy } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import type { TokenReader } from '../identity/ports.js';
import type { CommandRunner, Loaded } from '../runtime/command-runner.js';
import { beside, shows } from './answers.js';
import type { CartQuotes } from './cart-quotes.js';
import { cartAnswer, viewOfCart } from './cart-view.js';

/** How often a merge starts anew because the guest still changes the cart. */
const MERGE_ROUNDS = 5;

const mergeBody = z.strictObject({
  guestToken: z.string().min(1).max(4_000).meta({ description: "The access token of the guest's session" }),
});

/** Which cart a customer opened last, from a read model: the cart's stream says what has become of it since. */
export interface CurrentCarts {
  /** As new as what the caller has seen. Throws `unavailable`. */
  of(customerId: string, request: Pick<EndpointRequest, 'seen' | 'waitMs'>): Promise<string | undefined>;
}

export interface CurrentCartEndpointsDeps {
  runner: CommandRunner;
  currentCarts: CurrentCarts;
  tokens: TokenReader;
  quotes: Pick<CartQuotes, 'of'>;
}

export function currentCartEndpoints({ runner, currentCarts, tokens, quotes }: CurrentCartEndpointsDeps): Endpoint[] {
  async function current(request: EndpointRequest): Promise<Reply> {
    const found = await openCartOf(customerOf(request.caller), request);
    if (!found) throw new Problem('not_found', 'There is no open cart; POST /v1/carts gives one.');
    return answer(found);
  }

  async function merge(request: EndpointRequest<unknown, unknown, z.output<typeof mergeBody>>): Promise<Reply> {
    const customerId = customerOf(request.caller);
    const guestId = await guestOf(request.body.guestToken);
    const guest = guestId === customerId ? undefined : await openCartOf(guestId, request);
    if (!guest || guest.state.lines.length === 0) return current(request);
    const own = await openCartOf(customerId, request);
    const cartId = own?.state.cartId ?? (await createFor(customerId, guest.state, request));
    await bringOver(guest.state.cartId, cartId, request);
    return answer((await runner.load(cart, streamOf(cartId))) as Loaded<Cart>);
  }

  async function guestOf(token: string): Promise<string> {
    const caller = await tokens.authenticate(token);
    if (caller?.guest && caller.customerId) return caller.customerId;
    const detail = 'is not the token of a guest, or has expired';
    throw new Problem('invalid_request', `/guestToken ${detail}.`, { errors: [{ pointer: '/guestToken', detail }] });
  }

  /** The same id for every merge of that cart, so that two at once make one cart. */
  async function createFor(customerId: string, guest: Cart, { command }: EndpointRequest): Promise<string> {
    const cartId = `${guest.cartId}-m`;
    const created: CartCommand = { type: 'CreateCart', cartId, customerId, currency: guest.currency };
    await runner.execute(cart, streamOf(cartId), created, beside(command('create')));
    return cartId;
  }

  /**
   * The guest's cart is closed only in the state in which its lines were taken, so that none is left behind. The command
   * names it: a repeat of the request may find that cart closed, and bring over another one.
   */
  async function bringOver(fromCartId: string, toCartId: string, { command }: EndpointRequest): Promise<void> {
    const from = streamOf(fromCartId);
    for (let round = 0; round < MERGE_ROUNDS; round++) {
      const { state, position } = await runner.load(cart, from);
      const { status, currency, lines } = state!;
      if (status === 'submitted' || status === 'merged') return;
      const merged: CartCommand = { type: 'MergeCart', fromCartId, currency, lines };
      await runner.execute(
        cart,
        streamOf(toCartId),
        merged,
        beside(command(`merge ${fromCartId} ${position.version}`)),
      );
      const handOver: CartCommand = { type: 'HandOverCart', toCartId };
      const meta = { ...beside(command(`hand over ${position.version}`)), expectedVersion: position.version };
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
    if (cartId === undefined) return undefined;
    const { state, position } = await runner.load(cart, streamOf(cartId));
    return state?.status === 'open' || state?.status === 'abandoned' ? { state, position } : undefined;
  }

  async function answer(loaded: Loaded<Cart>): Promise<Reply> {
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
      summary: "Take over what is in a guest's cart, once",
      roles: ['customer'],
      idempotency: 'accepted',
      body: mergeBody,
      answers: { 200: cartAnswer },
      handle: merge,
    }),
  ] as Endpoint[];
}
