// Checks out a cart: turns it into an order at the current prices.
import { z } from 'zod';
import { type Cart, cart } from '../../domain/cart/cart.js';
import { cartIdSchema } from '../../domain/cart/events.js';
import { versionMismatch } from '../../domain/kernel/command.js';
import { type EmailKeyOf, emailSchema } from '../../domain/kernel/email.js';
import { type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { orThrow, problemOf } from '../../domain/kernel/errors.js';
import { pathId } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import { moneySchema } from '../../domain/kernel/money.js';
import { isRejection, type Rejection, reject } from '../../domain/kernel/rejection.js';
import { type Loaded, loadExisting } from '../../domain/kernel/states.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { paymentMethodSchema } from '../../domain/order/events.js';
import type { PaymentProviderName } from '../../domain/payment/events.js';
import { orderOfCart } from '../../domain/processes/checkout.js';
import type { OwnCarts } from '../cart/own-carts.js';
import type { ShownOrders } from '../order/shown-orders.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { Availability } from './availability.js';
import type { CheckoutProcess } from './process.js';
import type { Submissions } from './submissions.js';

const cartParams = z.strictObject({ id: pathId(cartIdSchema, 'cart_7Q2mXw') });

const checkoutBody = z.strictObject({
  paymentMethod: paymentMethodSchema.meta({ example: 'pm_card_visa' }),
  email: emailSchema.optional().meta({ example: 'ada@example.com' }),
  acceptPrices: z
    .boolean()
    .default(false)
    .meta({ description: 'Accept the current unit prices, even if the cart showed others' }),
  total: moneySchema.optional().meta({
    description:
      'The total that the customer was shown. The customer never pays more: if tax or shipping has risen since, the ' +
      'answer is `price_changed`. Without it, only unit prices are compared',
  }),
});

export interface CheckoutEndpointDeps {
  runner: CommandRunner;
  ownCarts: OwnCarts;
  submissions: Submissions;
  availability: Pick<Availability, 'recordShortage'>;
  process: Pick<CheckoutProcess, 'run'>;
  view: ShownOrders;
  /** The provider that charges the customer. */
  provider: PaymentProviderName;
  emailKeyOf: EmailKeyOf;
}

export function checkoutEndpoint(deps: CheckoutEndpointDeps): Endpoint {
  const { runner, ownCarts, submissions, availability, process, view, provider, emailKeyOf } = deps;

  async function handle(request: CheckoutRequest): Promise<Reply> {
    const { params, caller, requestId, command } = request;
    const { stream } = await ownCarts.find(params.id, caller);
    const { state, commitNo } = await submit(stream, request);
    const { actor } = command();
    const { checkout, seen } = await process.run(orderOfCart(state), { correlationId: requestId, actor });
    const written = [...seen, [stream, commitNo] as const];
    const { orderId } = checkout.order;
    const { failure } = checkout;
    if (failure) {
      if (failure.rejected === 'out_of_stock') availability.recordShortage(Object.keys(failure.facts?.available ?? {}));
      throw problemOf(failure, written);
    }
    const shown = await view.of({ orderId, written: seen });
    return {
      status: checkout.phase === 'completed' ? 201 : 202,
      body: shown,
      ...defined({ version: shown?.version }),
      headers: { Location: `/v1/orders/${orderId}` },
      seen: written,
    };
  }

  /**
   * First tries the cart as this process last knew it: the append proves that it is current, which saves a read. A rejection
   * proves nothing, so the command is then decided again on the cart as stored.
   */
  async function submit(stream: StreamId, request: CheckoutRequest): Promise<Submitted> {
    const known = await loadExisting(runner, cart, stream, { maxAgeMs: Number.POSITIVE_INFINITY });
    if (known.state.status === 'open') {
      const first = await submitAs(known, stream, request);
      if (!isRejection(first)) return first;
    }
    return orThrow(await submitAs(await loadExisting(runner, cart, stream), stream, request));
  }

  /** A cart that is already submitted stays as it is. Only its checkout is run to its end. */
  async function submitAs(
    loaded: Loaded<Cart>,
    stream: StreamId,
    { body, command }: CheckoutRequest,
  ): Promise<Submitted | Rejection> {
    if (loaded.state.status === 'submitted') return submitted(loaded);
    const { paymentMethod, email, ...agreement } = body;
    const emailKey = email === undefined ? {} : { emailKey: emailKeyOf(email) };
    const priced = await submissions.of(loaded.state, { ...agreement, ...emailKey });
    if (isRejection(priced)) return priced;
    const contact = { ...defined({ email }), ...emailKey };
    const choice = { provider, method: paymentMethod };
    const submission = { type: 'SubmitCart', ...priced, payment: choice, ...contact } as const;
    // The order must match what was priced. Even a changed address would change the tax.
    const asked = command();
    const { version } = loaded.position;
    const mismatch = versionMismatch(asked.expectedVersion, version);
    if (mismatch) return mismatch;
    const outcome = await runner.execute(cart, stream, submission, { ...asked, expectedVersion: version });
    // The caller named no version, so it continues with the cart that another request has submitted meanwhile.
    if (isRejection(outcome, 'version_mismatch') && asked.expectedVersion === undefined) {
      return submitted(await loadExisting(runner, cart, stream));
    }
    return isRejection(outcome) ? outcome : submitted(outcome);
  }

  return endpoint({
    method: 'post',
    path: '/v1/carts/{id}/checkout',
    summary: 'Check out a cart',
    description:
      'Orders the lines of the cart and pays for them. 201: the order is confirmed and its payment is authorised. 202: ' +
      'the order is pending. If it has a `nextAction`, the customer has to act with its `clientSecret`: to confirm a card ' +
      'payment (3-D Secure) within 15 minutes, to pay a voucher within 5 days, or a bank transfer within 7 days. The order at `Location` then shows whether it is confirmed. If the checkout is ' +
      'refused, the cart stays open or is opened again. While the order is pending, the cart is submitted: another checkout ' +
      'of it answers the same order, also if it names another card. To pay with another card, cancel the order ' +
      '(POST /v1/orders/{id}/cancel), which opens the cart again. Then check out with a new `Idempotency-Key`.',
    roles: ['customer'],
    idempotency: 'required',
    params: cartParams,
    find: ({ params, caller }) => ownCarts.find(params.id, caller),
    body: checkoutBody,
    answers: { 201: view.schema, 202: view.schema },
    problems: ['payment_declined', 'out_of_stock', 'price_changed'],
    handle,
  });
}

type CheckoutRequest = EndpointRequest<z.output<typeof cartParams>, unknown, z.output<typeof checkoutBody>>;

interface Submitted {
  state: Cart;
  commitNo: number;
}

function submitted({ state, position }: Loaded<Cart>): Submitted | Rejection {
  if (state.status === 'submitted') return { state, commitNo: position.commitNo };
  // Another request changed the cart in between, or this repeats a request whose checkout has failed since.
  return reject('conflict', `${state.cartId} is not submitted; read it and check out again.`);
}
