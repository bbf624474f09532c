// Creates the carts of customers. Each cart is first listed in a stream of its customer. The list limits the number of carts. A
// merge uses it to find all carts of a guest in their current state, because the read model may lag.
import { type Cart, type CartCommand, cart } from '../../domain/cart/cart.js';
import {
  type CustomerCartsCommand,
  customerCarts,
  customerCartsStream,
  firstCartOf,
} from '../../domain/customer-carts/customer-carts.js';
import { type CommandMeta, withoutExpectedVersion } from '../../domain/kernel/command.js';
import { customerOf, type EndpointRequest } from '../../domain/kernel/endpoint.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { isRejection } from '../../domain/kernel/rejection.js';
import type { CommandRunner, Outcome } from '../runtime/command-runner.js';

/** The owner of the cart, and the ids by which a repeated request finds it. */
type Request = Pick<EndpointRequest, 'caller' | 'command' | 'newId'> & Seen;

type Seen = Pick<EndpointRequest, 'seen' | 'waitMs'>;

export interface CustomerCarts {
  /**
   * Creates one more cart; the first one of a guest takes a single append. A repeated request gets the cart that it created.
   * `purpose` distinguishes several carts of one request. Throws `rule_violated` if there are too many.
   */
  make(request: Request, currency: string, purpose?: string): Promise<Outcome<Cart>>;
  /**
   * The id of one more cart of a customer who is not a guest. The cart counts already, and the caller creates it. Throws as
   * `make` does.
   */
  count(request: Request): Promise<string>;
  /** All carts that a guest had before the call, the oldest first. */
  ofGuest(guestId: string): Promise<Cart[]>;
}

/** The carts that are in use, from a read model. */
export interface CartsInUse {
  /**
   * Tells for each cart whether it is in use: neither closed nor untouched for a day. A cart that the read model does not show
   * yet is absent. At least as new as what the caller has seen. Throws `unavailable`.
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
    const meta = withoutExpectedVersion(command(purpose && `create ${purpose}`));
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

  /** Called only if the list is full, so that creating a cart does not normally depend on a read model. */
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
    return runner.execute(
      customerCarts,
      customerCartsStream(command.customerId),
      command,
      withoutExpectedVersion(meta),
    );
  }

  function create(cartId: string, customerId: string, currency: string, meta: CommandMeta) {
    const created: CartCommand = { type: 'CreateCart', cartId, customerId, currency };
    return runner.execute(cart, streamOf(cartId), created, { ...meta, newStream: true });
  }

  return {
    async make(request, currency, purpose = '') {
      if (request.caller.guest) return makeForGuest(request, currency, purpose);
      const meta = withoutExpectedVersion(request.command(purpose));
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
