// Takes over a guest's cart. The cart's own stream decides who was first, so it is neither taken twice nor both taken and bought.
// Then its lines go into a cart of the taker, whose stream records whether they came in. Each step may be repeated: to finish an
// interrupted take-over, request it again.
import { type Cart, type CartCommand, cart } from '../../domain/cart/cart.js';
import { withoutExpectedVersion } from '../../domain/kernel/command.js';
import { customerOf, type EndpointRequest } from '../../domain/kernel/endpoint.js';
import { orThrow, StreamBusy } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { isRejection, type Rejection } from '../../domain/kernel/rejection.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { CustomerCarts } from './customer-carts.js';

/** Number of carts to try, one after the other, if each declines the lines. */
const MERGE_ROUNDS = 5;

export interface TakeOverDeps {
  runner: CommandRunner;
  customerCarts: Pick<CustomerCarts, 'make' | 'count'>;
}

/**
 * The cart that now has the guest's lines: `into`, unless they went elsewhere before. Undefined if another customer has them. A
 * rejection if they do not fit; the guest's cart then stays as it is.
 */
export type TakeOver = (
  guest: Cart,
  into: Cart | undefined,
  request: EndpointRequest,
) => Promise<{ cartId: string } | Rejection<'rule_violated'> | undefined>;

export function createTakeOver({ runner, customerCarts }: TakeOverDeps): TakeOver {
  async function take(guest: Cart, into: Cart | undefined, request: EndpointRequest) {
    const fits = into && cart.decide(mergeOf(guest), into, 0);
    if (fits && isRejection(fits, 'rule_violated')) return fits;
    const open = fits === undefined || isRejection(fits) ? undefined : into;
    return handOver(guest, { toCartId: open?.cartId ?? (await newCartFor(guest, request)) }, request);
  }

  /** Undefined if the cart was taken by another customer, or was bought. */
  async function handOver(
    { cartId }: Cart,
    to: { toCartId: string; insteadOf?: string },
    { caller, command }: EndpointRequest,
  ): Promise<Cart | undefined> {
    const handed: CartCommand = { type: 'HandOverCart', customerId: customerOf(caller), ...to };
    const meta = withoutExpectedVersion(command(`hand over ${cartId} to ${to.toCartId}`));
    const outcome = await runner.execute(cart, streamOf(cartId), handed, meta);
    return isRejection(outcome, 'conflict') ? undefined : orThrow(outcome).state;
  }

  /** True unless that cart has declined the lines. If it does not exist yet, it is created here. */
  async function bring(guest: Cart, toCartId: string, { caller, command }: EndpointRequest): Promise<boolean> {
    const to = streamOf(toCartId);
    const { currency } = guest;
    const created: CartCommand = { type: 'CreateCart', cartId: toCartId, customerId: customerOf(caller), currency };
    const step = (name: string) => withoutExpectedVersion(command(`${name} ${guest.cartId} into ${toCartId}`));
    const merge = () => runner.execute(cart, to, mergeOf(guest), step('merge'));
    let merged = await merge();
    if (isRejection(merged, 'not_found')) {
      orThrow(await runner.execute(cart, to, created, step('create for')));
      merged = await merge();
    }
    if (!isRejection(merged, 'conflict') && !isRejection(merged, 'rule_violated')) {
      orThrow(merged);
      return true;
    }
    const declined: CartCommand = { type: 'DeclineMerge', fromCartId: guest.cartId };
    const { state } = orThrow(await runner.execute(cart, to, declined, step('decline')));
    return !state.declined.includes(guest.cartId);
  }

  /**
   * A guest's cart is created at once. A customer's cart is named by the take-over first and created later, so that no race
   * leaves an empty one.
   */
  async function newCartFor({ cartId, currency }: Cart, request: EndpointRequest): Promise<string> {
    const { caller } = request;
    if (!caller.guest) return customerCarts.count(request);
    return (await customerCarts.make(request, currency, `for ${cartId}`)).state.cartId;
  }

  return async (guest, into, request) => {
    let taken: Awaited<ReturnType<typeof take>> =
      guest.takenBy === customerOf(request.caller) ? guest : await take(guest, into, request);
    for (let round = 0; round < MERGE_ROUNDS; round++) {
      if (taken === undefined || isRejection(taken)) return taken;
      const to = taken.mergedInto!;
      if (taken.lines.length === 0 || (await bring(taken, to, request))) return { cartId: to };
      taken = await handOver(taken, { toCartId: await newCartFor(guest, request), insteadOf: to }, request);
    }
    throw new StreamBusy(streamOf(guest.cartId));
  };
}

function mergeOf({ cartId, currency, lines, coupons }: Cart): CartCommand {
  return { type: 'MergeCart', fromCartId: cartId, currency, lines, coupons };
}
