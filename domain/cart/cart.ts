// A cart: one currency, frozen once submitted, and at most one order: its id follows from the cart and the attempt.
import type { Address } from '../kernel/address.js';
import type { Decider } from '../kernel/decider.js';
import { type Rejection, reject } from '../kernel/errors.js';
import { siblingId } from '../kernel/id.js';
import { sameJson } from '../kernel/json.js';
import type { Money } from '../kernel/money.js';
import type { Personal } from '../kernel/personal.js';
import type { Shipping } from '../order/events.js';
import { totalsOf } from '../order/order.js';
import type { PaymentProviderName } from '../payment/events.js';
import { type CartEvent, cartEvents, MAX_CART_LINES, MAX_LINE_QUANTITY } from './events.js';

export type CartCommand =
  | { type: 'CreateCart'; cartId: string; customerId: string; currency: string }
  /** Title and price come from the catalogue. A SKU that is in the cart already is added to its line. */
  | { type: 'AddCartLine'; lineId: string; sku: string; title: string; quantity: number; unitPrice: Money }
  | { type: 'ChangeCartLineQuantity'; lineId: string; quantity: number }
  | { type: 'RemoveCartLine'; lineId: string }
  | { type: 'SetShippingAddress'; address: Personal<Address> }
  | ({ type: 'ChooseShippingMethod' } & Shipping)
  /** `unitPrices`: what the catalogue asks now, per SKU, in the cart's currency; the order takes these. */
  | ({ type: 'SubmitCart'; unitPrices: Readonly<Record<string, number>> } & PaymentChoice)
  | { type: 'ReopenCart'; orderId: string; reason: string; available?: Readonly<Record<string, number>> };

interface PaymentChoice {
  provider: PaymentProviderName;
  paymentMethod: string;
  email?: Personal<string>;
}

export interface CartLine {
  id: string;
  sku: string;
  title: string;
  quantity: number;
  /** Minor units of the cart's currency. */
  unitPrice: number;
}

export interface Cart {
  cartId: string;
  customerId: string;
  currency: string;
  status: 'open' | 'submitted';
  lines: readonly CartLine[];
  /** Ids under which something was ever added; each adds once. */
  additionIds: readonly string[];
  shippingAddress?: Personal<Address>;
  shipping?: Shipping;
  /** How often it was submitted. */
  attempts: number;
  /** Of a submitted cart. */
  submission?: { orderId: string } & PaymentChoice;
}

export const cart: Decider<CartCommand, Cart | null, CartEvent> = {
  category: 'cart',
  events: cartEvents,
  initialState: null,
  decide,
  evolve,
};

/** What the cart comes to, in minor units of its currency. */
export function cartTotals({ lines, shipping }: Cart) {
  const amount = shipping?.amount ?? 0;
  return { shipping: amount, ...totalsOf(lines.map(lineWithTotal), amount) };
}

export function lineWithTotal(line: CartLine): CartLine & { total: number } {
  return { ...line, total: line.quantity * line.unitPrice };
}

function decide(command: CartCommand, state: Cart | null): readonly CartEvent[] | Rejection {
  if (command.type === 'CreateCart') {
    const { cartId, customerId, currency } = command;
    if (!state) return [{ type: 'CartCreated', data: { cartId, customerId, currency } }];
    const repeated = state.customerId === customerId && state.currency === currency;
    return repeated ? [] : reject('conflict', `${cartId} exists already.`);
  }
  if (!state) return reject('not_found', 'There is no such cart.');
  if (command.type === 'ReopenCart') {
    const { orderId, reason, available } = command;
    if (state.submission?.orderId !== orderId) return [];
    return [{ type: 'CartReopened', data: { orderId, reason, ...(available && { available }) } }];
  }
  if (state.status === 'submitted') {
    if (command.type === 'SubmitCart') return [];
    return reject('conflict', `${state.cartId} is submitted as ${state.submission?.orderId}; it no longer changes.`);
  }

  switch (command.type) {
    case 'AddCartLine':
      return addLine(command, state);
    case 'ChangeCartLineQuantity': {
      const { lineId, quantity } = command;
      const line = state.lines.find(({ id }) => id === lineId);
      if (!line) return reject('not_found', `${state.cartId} has no line ${lineId}.`);
      return line.quantity === quantity ? [] : changeQuantity(lineId, quantity);
    }
    case 'RemoveCartLine': {
      const { lineId } = command;
      if (state.lines.some(({ id }) => id === lineId)) return [{ type: 'CartLineRemoved', data: { lineId } }];
      return state.additionIds.includes(lineId) ? [] : reject('not_found', `${state.cartId} has no line ${lineId}.`);
    }
    case 'SetShippingAddress': {
      const { address } = command;
      if (sameJson(address, state.shippingAddress)) return [];
      return [{ type: 'ShippingAddressSet', data: { customerId: state.customerId, address } }];
    }
    case 'ChooseShippingMethod': {
      const { method, amount } = command;
      if (sameJson({ method, amount }, state.shipping)) return [];
      return [{ type: 'ShippingMethodChosen', data: { method, amount } }];
    }
    case 'SubmitCart':
      return submit(command, state);
  }
}

function addLine(
  { lineId, sku, title, quantity, unitPrice }: Extract<CartCommand, { type: 'AddCartLine' }>,
  { currency, lines, additionIds }: Cart,
): readonly CartEvent[] | Rejection {
  if (additionIds.includes(lineId)) return [];
  if (unitPrice.currency !== currency) {
    return reject('rule_violated', `The cart is in ${currency}, the price of ${sku} in ${unitPrice.currency}.`);
  }
  const known = lines.find((line) => line.sku === sku);
  if (known) return changeQuantity(known.id, known.quantity + quantity, lineId);
  if (lines.length >= MAX_CART_LINES) return reject('rule_violated', `A cart has at most ${MAX_CART_LINES} lines.`);
  return [{ type: 'CartLineAdded', data: { lineId, sku, title, quantity, unitPrice: unitPrice.amount } }];
}

function changeQuantity(lineId: string, quantity: number, additionId?: string): readonly CartEvent[] | Rejection {
  if (quantity > MAX_LINE_QUANTITY) {
    return reject('rule_violated', `A line has at most ${MAX_LINE_QUANTITY} units, not ${quantity}.`);
  }
  return [{ type: 'CartLineQuantityChanged', data: { lineId, quantity, ...(additionId && { additionId }) } }];
}

function submit(
  { unitPrices, provider, paymentMethod, email }: Extract<CartCommand, { type: 'SubmitCart' }>,
  { cartId, customerId, lines, shippingAddress, shipping, attempts }: Cart,
): readonly CartEvent[] | Rejection {
  if (lines.length === 0) return reject('rule_violated', `${cartId} is empty.`);
  if (!shippingAddress) return reject('rule_violated', `${cartId} needs a shipping address.`);
  if (!shipping) return reject('rule_violated', `${cartId} needs a shipping method.`);
  const gone = lines.find(({ sku }) => !Object.hasOwn(unitPrices, sku));
  if (gone) return reject('rule_violated', `${gone.sku} has no price now: check out again, or remove line ${gone.id}.`);
  return [
    {
      type: 'CartSubmitted',
      data: {
        cartId,
        customerId,
        orderId: orderIdOf(cartId, attempts + 1),
        unitPrices: Object.fromEntries(lines.map(({ sku }) => [sku, unitPrices[sku]!])),
        provider,
        paymentMethod,
        ...(email !== undefined && { email }),
      },
    },
  ];
}

/** `cart_X` becomes `order_X`; if that fails and it is submitted again, `order_X-2`. */
function orderIdOf(cartId: string, attempt: number): string {
  const first = siblingId('order', cartId);
  return attempt === 1 ? first : `${first}-${attempt}`;
}

function evolve(state: Cart | null, { type, data }: CartEvent): Cart {
  if (type === 'CartCreated') return { ...data, status: 'open', lines: [], additionIds: [], attempts: 0 };
  const known = state!;
  switch (type) {
    case 'CartLineAdded': {
      const { lineId, ...line } = data;
      return {
        ...known,
        lines: [...known.lines, { id: lineId, ...line }],
        additionIds: [...known.additionIds, lineId],
      };
    }
    case 'CartLineQuantityChanged': {
      const { lineId, quantity, additionId } = data;
      return {
        ...known,
        lines: known.lines.map((line) => (line.id === lineId ? { ...line, quantity } : line)),
        additionIds: additionId ? [...known.additionIds, additionId] : known.additionIds,
      };
    }
    case 'CartLineRemoved':
      return { ...known, lines: known.lines.filter(({ id }) => id !== data.lineId) };
    case 'ShippingAddressSet':
      return { ...known, shippingAddress: data.address };
    case 'ShippingMethodChosen':
      return { ...known, shipping: data };
    case 'CartSubmitted': {
      const { orderId, provider, paymentMethod, email, unitPrices } = data;
      return {
        ...known,
        status: 'submitted',
        lines: known.lines.map((line) => ({ ...line, unitPrice: unitPrices[line.sku] ?? line.unitPrice })),
        attempts: known.attempts + 1,
        submission: { orderId, provider, paymentMethod, ...(email !== undefined && { email }) },
      };
    }
    case 'CartReopened': {
      const { submission, ...open } = known;
      return { ...open, status: 'open' };
    }
  }
}
