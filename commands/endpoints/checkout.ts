// Turning a cart into an order, at the prices of this moment.
import { z } from 'zod';
import { type Cart, cart } from '../../domain/cart/cart.js';
import { type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { type OrderView, orderViewSchema } from '../../domain/order/order-view.js';
import { type PaymentProviderName, paymentMethodSchema } from '../../domain/payment/events.js';
import { checkoutOfCart } from '../../domain/processes/checkout.js';
import type { CheckoutProcess } from '../processes/checkout-process.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { OwnCarts } from './own-carts.js';
import type { Prices } from './prices.js';

const cartParams = z.strictObject({ id: z.string().meta({ example: 'cart_7Q2mXw' }) });

const checkoutBody = z.strictObject({
  paymentMethod: paymentMethodSchema.meta({ example: 'pm_card_visa' }),
  email: z.email().max(254).optional().meta({ example: 'ada@example.com' }),
  acceptPrices: z.boolean().default(false).meta({ description: 'Take the present prices, whatever the cart showed' }),
});

/** Reads an order as its customer sees it, from its streams: never behind. */
interface OrderReader {
  byId(orderId: string): Promise<OrderView | undefined>;
}

export interface CheckoutEndpointDeps {
  runner: CommandRunner;
  ownCarts: OwnCarts;
  prices: Prices;
  process: Pick<CheckoutProcess, 'run'>;
  orders: OrderReader;
  /** Who is asked for the money. */
  provider: PaymentProviderName;
}

export function checkoutEndpoint(deps: CheckoutEndpointDeps): Endpoint {
  const { runner, ownCarts, prices, process, orders, provider } = deps;

  async function handle(
    request: EndpointRequest<z.output<typeof cartParams>, unknown, z.output<typeof checkoutBody>>,
  ): Promise<Reply> {
    const { params, caller, requestId, command } = request;
    const { stream } = await ownCarts.find(params.id, caller);
    const submitted = await submit(stream, request);
    const { actor } = command();
    const { checkout, seen } = await process.run(checkoutOfCart(submitted.state), { correlationId: requestId, actor });
    const { orderId } = checkout.order;
    const { failure } = checkout;
    if (failure) throw new Problem(failure.rejected, failure.detail, failure.extra);
    const view = await orders.byId(orderId);
    return {
      status: checkout.phase === 'completed' ? 201 : 202,
      body: view,
      headers: { Location: `/v1/orders/${orderId}` },
      seen: [...seen, [stream, submitted.commitNo]],
    };
  }

  /** A cart that is submitted already stays as it is: its checkout is only run to its end. */
  async function submit(
    stream: StreamId,
    { body, command }: Pick<EndpointRequest<unknown, unknown, z.output<typeof checkoutBody>>, 'body' | 'command'>,
  ): Promise<{ state: Cart; commitNo: number }> {
    const { state, position } = await runner.load(cart, stream);
    const open = state!;
    if (open.status === 'submitted') return { state: open, commitNo: position.commitNo };
    const unitPrices = await presentPrices(open);
    if (!body.acceptPrices) refuseChanges(open, unitPrices);
    const { paymentMethod, email } = body;
    const submission = { type: 'SubmitCart', unitPrices, provider, paymentMethod, ...(email && { email }) } as const;
    const outcome = await runner.execute(cart, stream, submission, command());
    if (outcome.state!.status !== 'submitted') {
      // A repeat of a request whose checkout has failed since.
      throw new Problem('conflict', 'This checkout failed and the cart is open again; check out again.');
    }
    return { state: outcome.state!, commitNo: outcome.position.commitNo };
  }

  async function presentPrices({ lines, currency }: Cart): Promise<Record<string, number>> {
    const skus = lines.map(({ sku }) => sku);
    const offers = await prices.of(skus, currency);
    return Object.fromEntries([...offers].map(([sku, { unitPrice }]) => [sku, unitPrice.amount]));
  }

  return endpoint({
    method: 'post',
    path: '/v1/carts/{id}/checkout',
    summary: 'Order what is in a cart, and pay for it',
    roles: ['customer'],
    idempotency: 'required',
    params: cartParams,
    body: checkoutBody,
    answers: { 201: orderViewSchema, 202: orderViewSchema },
    handle,
  }) as Endpoint;
}

function refuseChanges({ lines, currency }: Cart, unitPrices: Readonly<Record<string, number>>): void {
  const changes = lines.flatMap(({ sku, unitPrice }) => {
    const now = unitPrices[sku];
    if (now === undefined || now === unitPrice) return [];
    return [{ sku, was: { amount: unitPrice, currency }, now: { amount: now, currency } }];
  });
  if (changes.length === 0) return;
  const skus = changes.map(({ sku }) => sku).join(', ');
  throw new Problem('price_changed', `The price of ${skus} has changed; acceptPrices takes it.`, { changes });
}
