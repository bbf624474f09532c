// Makes the carts of customers. Each cart is first listed in a stream of its customer. The list bounds the number of carts, and a
// merge finds all carts of a guest by it, in their current state: the read model may lag behind.
import { type Cart, type CartCommand, cart } from '../../domain/cart/cart.js';
import {
  type CustomerCartsCommand,
  customerCarts,
  customerCartsStream,
  firstCartOf,
} from '../../domain/customer-carts/customer-carts.js';
import { beside, type CommandMeta } from '../../domain/kernel/command.js';
import { customerOf, type EndpointRequest } from '../../domain/kernel/endpoint.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { isRejection } from '../../domain/kernel/rejection.js';
import type { CommandRunner, Outcome } from '../runtime/command-runner.js';

/** Whose cart it is, and what makes a repeat of the request find it. */
type Request = Pick<EndpointRequest, 'caller' | 'command' | 'newId'> & Seen;

type Seen = Pick<EndpointRequest, 'seen' | 'waitMs'>;

export interface CustomerCarts {
  /**
   * Makes one more: a single append for the first of a guest. A repeat of the request gets the one that it made; `purpose`
   * tells several of one request apart. Throws `rule_violated` where there are too many.
   */
  make(request: Request, currency: string, purpose?: string): Promise<Outcome<Cart | null>>;
  /** The id of one more cart of a customer who is no guest. It counts already and is still to be made. Throws as `make` does. */
  count(request: Request): Promise<string>;
  /** Every one that a guest had before it was asked, the oldest first. */
  ofGuest(guestId: string): Promise<Cart[]>;
}

/** Which carts are in use, from a read model. */
export interface CartsInUse {
  /**
   * Whether each of these is: neither closed nor untouched for a day. One that does not show yet is absent. As new as what
   * the caller has seen. Throws `unavailable`.
   */
  inUse(cartIds: readonly string[], request: Seen): Promise<ReadonlyMap<string, boolean>>;
}

export interface CustomerCartsDeps {
  runner: CommandRunner;
  currentCarts: CartsInUse;
}

export function createCustomerCarts({ runner, currentCarts }: CustomerCartsDeps): CustomerCarts {
  async function makeForGuest({ caller, command }: Request, currency: string, purpose: string) {
    const customerId = customerOf(caller);
    const meta = beside(command(purpose && `create ${purpose}`));
    const first = await create(firstCartOf(customerId), customerId, currency, { ...meta, expectedVersion: 0 });
    if (!isRejection(first, 'version_mismatch')) return orThrow(first);
    const counted = { type: 'CountGuestCart', customerId, requestId: meta.id } as const;
    const listed = orThrow(await list(counted, command(`count ${purpose}`))).state;
    const { cartId } = listed.find(({ requestId }) => requestId === meta.id)!;
    return create(cartId, customerId, currency, meta).then(orThrow);
  }

  async function count(request: Request): Promise<string> {
    const { caller, command, newId } = request;
    const [customerId, cartId] = [customerOf(caller), newId('cart')];
    const meta = command(`count ${cartId}`);
    const counted = { type: 'CountCart', customerId, cartId, requestId: meta.id } as const;
    let listed = await list(counted, meta);
    if (isRejection(listed, 'rule_violated')) {
      listed = await list({ ...counted, shown: await shownOf(customerId, request) }, meta);
    }
    orThrow(listed);
    return cartId;
  }

  /** Asked only where the list is full, so that no cart waits for a read model, or is refused with it. */
  async function shownOf(customerId: string, request: Seen) {
    const { state } = await runner.load(customerCarts, customerCartsStream(customerId));
    const shown = await currentCarts.inUse(
      state.map(({ cartId }) => cartId),
      request,
    );
    const those = (inUse: boolean) => [...shown].flatMap(([cartId, used]) => (used === inUse ? [cartId] : []));
    return { open: those(true), closed: those(false) };
  }

  function list(command: CustomerCartsCommand, meta: CommandMeta) {
    return runner.execute(customerCarts, customerCartsStream(command.customerId), command, beside(meta));
  }

  function create(cartId: string, customerId: string, currency: string, meta: CommandMeta) {
    const created: CartCommand = { type: 'CreateCart', cartId, customerId, currency };
    return runner.execute(cart, streamOf(cartId), created, { ...meta, newStream: true });
  }

  return {
    async make(request, currency, purpose = '') {
      if (request.caller.guest) return makeForGuest(request, currency, purpose);
      const meta = beside(request.command(purpose));
      return create(await count(request), customerOf(request.caller), currency, meta).then(orThrow);
    },
    count,
    async ofGuest(guestId) {
      const { state: listed } = await runner.load(customerCarts, customerCartsStream(guestId));
      const ids = [firstCartOf(guestId), ...listed.map(({ cartId }) => cartId)];
      const loaded = await Promise.all(ids.map((cartId) => runner.load(cart, streamOf(cartId))));
      return loaded.flatMap(({ state }) => state ?? []);
    },
  };
}
