// Filling a cart: its lines, its destination and its shipping method.
import { z } from 'zod';
import { type Cart, type CartCommand, cart } from '../../domain/cart/cart.js';
import { cartIdSchema, lineQuantitySchema } from '../../domain/cart/events.js';
import { MAX_CARTS } from '../../domain/customer-carts/events.js';
import { addressSchema } from '../../domain/kernel/address.js';
import { shows, type View } from '../../domain/kernel/answers.js';
import { customerOf, type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { orThrow, Problem, problemOf } from '../../domain/kernel/errors.js';
import { askedId, pathId, skuSchema, streamOf } from '../../domain/kernel/id.js';
import { currencySchema } from '../../domain/kernel/money.js';
import { type Loaded, loadExisting } from '../../domain/kernel/states.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Quote } from '../../domain/pricing/quote.js';
import { tariffIdSchema } from '../../domain/tariffs/events.js';
import type { Addresses } from '../address/addresses.js';
import type { UsableCoupons } from '../coupon/usable-coupons.js';
import type { Prices } from '../product/prices.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { CurrentSettings } from '../shop/settings.js';
import type { CustomerCarts } from './customer-carts.js';
import type { OwnCarts } from './own-carts.js';
import { type CartQuotes, unsent } from './quotes.js';

const cartParams = z.strictObject({ id: pathId(cartIdSchema, 'cart_7Q2mXw') });
const lineParams = cartParams.extend({ lineId: z.string().meta({ pattern: '^[A-Za-z0-9._-]{1,100}$' }) });
/** A coupon code as a customer types it. */
const typedCodeSchema = z.string().regex(/^[A-Za-z0-9_-]{2,40}$/);
const couponParams = cartParams.extend({ code: pathId(typedCodeSchema, 'SPRING') });

const lineBody = z.strictObject({ sku: skuSchema.meta({ example: 'MUG-BLUE' }), quantity: lineQuantitySchema });
const quantityBody = z.strictObject({ quantity: lineQuantitySchema });
const createBody = z.strictObject({ currency: currencySchema.meta({ example: 'GBP' }) });
const methodBody = z.strictObject({ method: tariffIdSchema.meta({ example: 'standard' }) });

export interface CartEndpointsDeps {
  runner: CommandRunner;
  ownCarts: OwnCarts;
  customerCarts: CustomerCarts;
  prices: Prices;
  quotes: Pick<CartQuotes, 'of'>;
  coupons: Pick<UsableCoupons, 'termsOf'>;
  settings: Pick<CurrentSettings, 'refuseForeignMoney' | 'rejectionOf'>;
  addresses: Addresses;
  view: View<Cart>;
}

export function cartEndpoints(deps: CartEndpointsDeps): Endpoint[] {
  const { runner, ownCarts, customerCarts, prices, quotes, coupons, settings, addresses, view } = deps;

  async function create(request: EndpointRequest<unknown, unknown, z.output<typeof createBody>>): Promise<Reply> {
    await settings.refuseForeignMoney(request.body);
    const outcome = await customerCarts.make(request, request.body.currency);
    const made = outcome.state;
    ownCarts.made(made);
    const reply = await answer(201, streamOf(made.cartId), outcome);
    return { ...reply, headers: { Location: `/v1/carts/${made.cartId}` } };
  }

  async function addLine({
    params,
    body,
    caller,
    command,
    newId,
  }: EndpointRequest<z.output<typeof cartParams>, unknown, z.output<typeof lineBody>>): Promise<Reply> {
    const { sku, quantity } = body;
    const { stream, currency } = await ownCarts.find(params.id, caller);
    const left = await settings.rejectionOf({ currency });
    if (left) throw problemOf(left);
    const offer = (await prices.of([sku], currency)).get(sku);
    if (!offer) throw new Problem('not_found', `${sku} is currently not sold in ${currency}.`);
    const added: CartCommand = { type: 'AddCartLine', lineId: newId('line'), sku, quantity, ...offer };
    return answer(200, stream, orThrow(await runner.execute(cart, stream, added, command())));
  }

  /** Changes the line at the current price, which the customer was shown. */
  async function changeLine(
    request: EndpointRequest<z.output<typeof lineParams>, unknown, z.output<typeof quantityBody>>,
  ): Promise<Reply> {
    const { lineId, id } = request.params;
    const { stream, currency } = await ownCarts.find(id, request.caller);
    const skuIn = ({ state }: Loaded<Cart | null>) => state?.lines.find((line) => line.id === lineId)?.sku;
    // The SKU of a line never changes, so the cached state may be old.
    const known = skuIn(await runner.load(cart, stream, { maxAgeMs: Number.POSITIVE_INFINITY }));
    const sku = known ?? skuIn(await runner.load(cart, stream));
    const unitPrice = sku === undefined ? undefined : (await prices.of([sku], currency)).get(sku)?.unitPrice.amount;
    return execute(request, { type: 'ChangeCartLineQuantity', lineId, ...request.body, unitPrice });
  }

  async function setAddress(
    request: EndpointRequest<z.output<typeof cartParams>, unknown, z.output<typeof addressSchema>>,
  ): Promise<Reply> {
    await ownCarts.find(request.params.id, request.caller);
    return execute(request, { type: 'SetShippingAddress', address: await addresses.accept(request.body) });
  }

  async function chooseMethod(
    request: EndpointRequest<z.output<typeof cartParams>, unknown, z.output<typeof methodBody>>,
  ): Promise<Reply> {
    const { method } = request.body;
    const { stream } = await ownCarts.find(request.params.id, request.caller);
    // The cached state may be old. That is good enough to accept, because the checkout checks again. Before a rejection the
    // stream is read.
    const known = await loadExisting(runner, cart, stream, { maxAgeMs: Number.POSITIVE_INFINITY });
    if (unsent(await quoteWith(method, known))) {
      const rejection = unsent(await quoteWith(method, await loadExisting(runner, cart, stream)));
      if (rejection) throw problemOf(rejection);
    }
    return execute(request, { type: 'ChooseShippingMethod', method });
  }

  async function quoteWith(shippingMethod: string, { state }: Loaded<Cart>): Promise<Quote> {
    return (await quotes.of({ ...state, shippingMethod })).quote;
  }

  async function applyCoupon(request: EndpointRequest<z.output<typeof couponParams>>): Promise<Reply> {
    await ownCarts.find(request.params.id, request.caller);
    const { code: typed } = request.params;
    // The check comes before `toUpperCase`, which would turn some other letters into these.
    const code = typedCodeSchema.safeParse(typed).success ? typed.toUpperCase() : typed;
    const terms = orThrow(await coupons.termsOf(code, { customerId: customerOf(request.caller) }));
    return execute(request, { type: 'ApplyCoupon', code, terms });
  }

  async function execute(
    { params, caller, command }: Pick<EndpointRequest<{ id: string }>, 'params' | 'caller' | 'command'>,
    change: CartCommand,
  ): Promise<Reply> {
    const { stream } = await ownCarts.find(params.id, caller);
    return answer(200, stream, orThrow(await runner.execute(cart, stream, change, command())));
  }

  async function answer(status: number, stream: StreamId, loaded: Loaded<Cart>): Promise<Reply> {
    return shows(status, await view.of(loaded.state), stream, loaded);
  }

  const find = ({ params, caller }: Pick<EndpointRequest<{ id: string }>, 'params' | 'caller'>) =>
    ownCarts.find(params.id, caller);

  return [
    endpoint({
      method: 'post',
      path: '/v1/carts',
      summary: 'Create a cart',
      description: `A customer can have ${MAX_CARTS} open carts. Carts that were not changed for a day do not count. A guest can have ${MAX_CARTS} carts in total. A further cart is refused with \`rule_violated\`.`,
      roles: ['customer'],
      idempotency: 'accepted',
      body: createBody,
      answers: { 201: view.schema },
      handle: create,
    }),
    endpoint({
      method: 'post',
      path: '/v1/carts/{id}/lines',
      summary: 'Add a line to a cart',
      description: 'If the cart already has a line of this SKU, the quantity is added to it.',
      roles: ['customer'],
      idempotency: 'accepted',
      params: cartParams,
      find,
      body: lineBody,
      answers: { 200: view.schema },
      handle: addLine,
    }),
    endpoint({
      method: 'patch',
      path: '/v1/carts/{id}/lines/{lineId}',
      summary: 'Change the quantity of a line',
      roles: ['customer'],
      idempotency: 'accepted',
      params: lineParams,
      find,
      body: quantityBody,
      answers: { 200: view.schema },
      handle: changeLine,
    }),
    endpoint({
      method: 'delete',
      path: '/v1/carts/{id}/lines/{lineId}',
      summary: 'Remove a line from a cart',
      roles: ['customer'],
      idempotency: 'accepted',
      params: lineParams,
      answers: { 200: view.schema },
      handle: (request) => execute(request, { type: 'RemoveCartLine', lineId: request.params.lineId }),
    }),
    endpoint({
      method: 'put',
      path: '/v1/carts/{id}/shipping-address',
      summary: 'Set the shipping address of a cart',
      roles: ['customer'],
      idempotency: 'accepted',
      params: cartParams,
      find,
      body: addressSchema,
      answers: { 200: view.schema },
      handle: setAddress,
    }),
    endpoint({
      method: 'put',
      path: '/v1/carts/{id}/shipping-method',
      summary: 'Set the shipping method of a cart',
      roles: ['customer'],
      idempotency: 'accepted',
      params: cartParams,
      find,
      body: methodBody,
      answers: { 200: view.schema },
      handle: chooseMethod,
    }),
    endpoint({
      method: 'post',
      path: '/v1/carts/{id}/coupons/{code}',
      summary: 'Apply a coupon to a cart',
      description: 'If the cart already has the coupon, the coupon gets its current terms.',
      roles: ['customer'],
      limit: 'coupon',
      idempotency: 'accepted',
      params: couponParams,
      answers: { 200: view.schema },
      handle: applyCoupon,
    }),
    endpoint({
      method: 'delete',
      path: '/v1/carts/{id}/coupons/{code}',
      summary: 'Remove a coupon from a cart',
      roles: ['customer'],
      idempotency: 'accepted',
      params: couponParams,
      answers: { 200: view.schema },
      handle: (request) => {
        const code = askedId(typedCodeSchema, request.params.code).toUpperCase();
        return execute(request, { type: 'RemoveCoupon', code });
      },
    }),
  ];
}
