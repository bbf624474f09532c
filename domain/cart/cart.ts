// A cart: one currency, frozen once submitted, at most one order. The order's id follows from the cart and the attempt.
import type { Address } from '../kernel/address.js';
import { pairs } from '../kernel/collections.js';
import { type Decider, existing } from '../kernel/decider.js';
import { siblingId } from '../kernel/id.js';
import { defined, sameJson } from '../kernel/json.js';
import { RETRY_HORIZON_MS } from '../kernel/limits.js';
import type { Money } from '../kernel/money.js';
import type { Personal } from '../kernel/personal.js';
import { isRejection, type Rejection, reject } from '../kernel/rejection.js';
import { MAX_COUPONS, type OrderLine, type Shipping } from '../order/events.js';
import { orderLines, refusalOfContents } from '../order/order-lines.js';
import {
  CART_IDLE_MS,
  type CartEvent,
  type CartLineData,
  cartEvents,
  MAX_CART_LINES,
  MAX_LINE_QUANTITY,
  MAX_MERGED_LINES,
} from './events.js';

export type CartCommand =
  | { type: 'CreateCart'; cartId: string; customerId: string; currency: string }
  /** Everything but the quantity comes from the catalogue. A SKU that is already in the cart is added to its line. */
  | ({ type: 'AddCartLine'; unitPrice: Money } & Omit<CartLineData, 'unitPrice'>)
  /**
   * `unitPrice` is the current price, in minor units, which the customer accepts by this change. Absent if the SKU is not sold
   * now.
   */
  | { type: 'ChangeCartLineQuantity'; lineId: string; quantity: number; unitPrice?: number | undefined }
  | { type: 'RemoveCartLine'; lineId: string }
  | { type: 'SetShippingAddress'; address: Personal<Address> }
  | { type: 'ChooseShippingMethod'; method: string }
  | ({ type: 'ApplyCoupon' } & CartCoupon)
  | { type: 'RemoveCoupon'; code: string }
  /** With the current prices, the lines in the same sequence. Without `shipping` if the method does not ship to the address. */
  | ({ type: 'SubmitCart'; lines: readonly OrderLine[]; shipping?: Shipping } & Omit<
      Submission,
      'orderId' | 'lines' | 'shipping'
    >)
  | { type: 'ReopenCart'; orderId: string; reason: string; available?: Readonly<Record<string, number>> }
  /** Closes the cart for the first customer who takes it over. `insteadOf`: the cart that has declined its lines. */
  | { type: 'HandOverCart'; customerId: string; toCartId: string; insteadOf?: string }
  /** Takes the contents of a cart that was handed over, and no unit twice. */
  | ({ type: 'MergeCart'; fromCartId: string } & Pick<Cart, 'currency' | 'lines' | 'coupons'>)
  /** Makes the rejection of a merge final, unless the lines have come in after all. */
  | { type: 'DeclineMerge'; fromCartId: string }
  /** Sent by a timer. Only the cart knows whether it has been idle. */
  | { type: 'AbandonCart' };

export type CartCoupon = Extract<CartEvent, { type: 'CartCouponApplied' }>['data'];

type Submission = Omit<Extract<CartEvent, { type: 'CartSubmitted' }>['data'], 'cartId' | 'customerId'>;

export type CartLine = Omit<CartLineData, 'lineId'> & { id: string };

export const CART_STATUSES = ['open', 'submitted', 'abandoned', 'merged'] as const;

export interface Cart {
  cartId: string;
  customerId: string;
  currency: string;
  status: (typeof CART_STATUSES)[number];
  /** Unit prices are in minor units of the cart's currency, as the customer accepted them. Current prices may differ. */
  lines: readonly CartLine[];
  /** Ids of additions within the retry horizon, with their time in ms. Each id adds once. */
  additions: readonly { id: string; at: number }[];
  /** Quantity of each SKU taken from other carts. */
  merged: readonly { cartId: string; taken: readonly { sku: string; quantity: number }[] }[];
  coupons: readonly CartCoupon[];
  shippingAddress?: Personal<Address>;
  shippingMethod?: string;
  /** How many times the cart was submitted. */
  attempts: number;
  /** Set on a submitted cart: the contents of its order apart from lines and address. */
  submission?: Submission;
  /** The carts whose lines this cart has declined. */
  declined: readonly string[];
  /** Set on a merged cart: the cart that gets its lines, and the customer who took it over. */
  mergedInto?: string;
  takenBy?: string;
  /** In ms of the log's clock: the last change, and the time since which the log counts the cart as in use. */
  changedAt: number;
  activeSince: number;
}

export const cart: Decider<CartCommand, Cart | null, CartEvent> = {
  category: 'cart',
  events: cartEvents,
  initialState: null,
  decide,
  evolve,
  snapshot: { foldVersion: 2, every: 200 },
};

function decide(command: CartCommand, state: Cart | null, now: number): readonly CartEvent[] | Rejection {
  if (command.type === 'CreateCart') {
    const { cartId, customerId, currency } = command;
    if (!state) return [{ type: 'CartCreated', data: { cartId, customerId, currency } }];
    const repeated = state.customerId === customerId && state.currency === currency;
    return repeated ? [] : reject('conflict', `${cartId} already exists.`);
  }
  if (!state) return reject('not_found', 'There is no such cart.');
  if (command.type === 'ReopenCart') return reopen(command, state);
  if (command.type === 'AbandonCart') return abandon(state, now);
  if (command.type === 'DeclineMerge') return decline(command, state);
  if (isFrozen(state)) return whenFrozen(command, state);

  const events = change(command, state);
  if (state.status === 'open' || isRejection(events) || events.length === 0) return events;
  return [{ type: 'CartStillActive', data: { cartId: state.cartId, since: now } }, ...events];
}

/** Submitted, or merged into another cart. Any other cart can be filled; one that was abandoned is then open again. */
export function isFrozen({ status }: Pick<Cart, 'status'>): boolean {
  return status === 'submitted' || status === 'merged';
}

function whenFrozen(command: Change, state: Cart): readonly CartEvent[] | Rejection {
  const { cartId, submission } = state;
  if (submission) {
    if (command.type === 'SubmitCart') return [];
    return reject('conflict', `${cartId} is submitted as ${submission.orderId}; it cannot change.`);
  }
  if (command.type === 'HandOverCart' && command.customerId === state.takenBy) return redirect(command, state);
  return reject('conflict', `${cartId} was merged into another cart; it cannot change.`);
}

type Change = Exclude<CartCommand, { type: 'CreateCart' | 'ReopenCart' | 'AbandonCart' | 'DeclineMerge' }>;

function change(command: Change, state: Cart): readonly CartEvent[] | Rejection {
  const { cartId, lines, coupons } = state;
  switch (command.type) {
    case 'AddCartLine':
      return addLine(command, state);
    case 'ChangeCartLineQuantity': {
      const { lineId, quantity, unitPrice } = command;
      const line = lines.find(({ id }) => id === lineId);
      if (!line) return reject('not_found', `${cartId} has no line ${lineId}.`);
      const isSame = line.quantity === quantity && line.unitPrice === (unitPrice ?? line.unitPrice);
      return isSame ? [] : changeLine(line, quantity, unitPrice);
    }
    case 'RemoveCartLine': {
      const { lineId } = command;
      if (lines.some(({ id }) => id === lineId)) return [{ type: 'CartLineRemoved', data: { lineId } }];
      return wasAdded(state, lineId) ? [] : reject('not_found', `${cartId} has no line ${lineId}.`);
    }
    case 'SetShippingAddress': {
      const { address } = command;
      if (sameJson(address, state.shippingAddress)) return [];
      return [{ type: 'ShippingAddressSet', data: { customerId: state.customerId, address } }];
    }
    case 'ChooseShippingMethod': {
      const { method } = command;
      return method === state.shippingMethod ? [] : [{ type: 'ShippingMethodChosen', data: { method } }];
    }
    case 'ApplyCoupon': {
      const { code, terms } = command;
      const known = coupons.find((coupon) => coupon.code === code);
      if (known && sameJson(known.terms, terms)) return [];
      if (known || coupons.length < MAX_COUPONS) return [{ type: 'CartCouponApplied', data: { code, terms } }];
      return reject('rule_violated', `A cart has at most ${MAX_COUPONS} coupons.`);
    }
    case 'RemoveCoupon': {
      const { code } = command;
      return coupons.some((coupon) => coupon.code === code) ? [{ type: 'CartCouponRemoved', data: { code } }] : [];
    }
    case 'SubmitCart':
      return submit(command, state);
    case 'MergeCart':
      return merge(command, state);
    case 'HandOverCart':
      return handOver(command, state);
  }
}

function addLine(
  { type, unitPrice, ...line }: Extract<CartCommand, { type: 'AddCartLine' }>,
  state: Cart,
): readonly CartEvent[] | Rejection {
  const { currency, lines } = state;
  const { lineId, sku, quantity } = line;
  if (wasAdded(state, lineId)) return [];
  if (unitPrice.currency !== currency) {
    return reject('rule_violated', `The cart is in ${currency}, but the price of ${sku} is in ${unitPrice.currency}.`);
  }
  const known = lines.find((other) => other.sku === sku);
  if (known) return changeLine(known, known.quantity + quantity, unitPrice.amount, lineId);
  if (lines.length >= MAX_CART_LINES) return reject('rule_violated', `A cart has at most ${MAX_CART_LINES} lines.`);
  return [{ type: 'CartLineAdded', data: { ...line, unitPrice: unitPrice.amount } }];
}

function changeLine(
  line: CartLine,
  quantity: number,
  unitPrice: number | undefined,
  additionId?: string,
): readonly CartEvent[] | Rejection {
  if (quantity > MAX_LINE_QUANTITY) {
    return reject('rule_violated', `A line has at most ${MAX_LINE_QUANTITY} units, not ${quantity}.`);
  }
  const taken = unitPrice !== undefined && unitPrice !== line.unitPrice && { unitPrice };
  const data = { lineId: line.id, quantity, ...defined({ additionId }), ...taken };
  return [{ type: 'CartLineQuantityChanged', data }];
}

function submit(
  { type, shipping, ...priced }: Extract<CartCommand, { type: 'SubmitCart' }>,
  { cartId, customerId, lines, shippingAddress, shippingMethod, attempts }: Cart,
): readonly CartEvent[] | Rejection {
  if (lines.length === 0) return reject('rule_violated', `${cartId} is empty.`);
  if (!shippingAddress) return reject('rule_violated', `${cartId} needs a shipping address.`);
  if (!shippingMethod) return reject('rule_violated', `${cartId} needs a shipping method.`);
  if (!shipping)
    return reject('rule_violated', `${shippingMethod} cannot send ${cartId}; choose another shipping method.`);
  const fits =
    shipping.method === shippingMethod &&
    priced.lines.length === lines.length &&
    pairs(priced.lines, lines).every(([cost, line]) => cost.sku === line.sku && cost.quantity === line.quantity);
  if (!fits) return reject('conflict', `${cartId} has changed meanwhile; read it and check out again.`);
  const refusal = refusalOfContents({ ...priced, shipping });
  if (refusal) return refusal;
  const orderId = orderIdOf(cartId, attempts + 1);
  const costs = priced.lines.map(({ id, sku, title, quantity, total, ...cost }) => cost);
  return [{ type: 'CartSubmitted', data: { cartId, customerId, orderId, ...priced, lines: costs, shipping } }];
}

/** The lines of the order that the cart was submitted for. */
export function linesOfOrder({ lines, submission }: Pick<Cart, 'lines' | 'submission'>): OrderLine[] {
  if (!submission) return [];
  return orderLines(pairs(lines, submission.lines).map(([line, cost]) => ({ ...line, ...cost })));
}

/** `cart_X` becomes `order_X`. If that order fails and the cart is submitted again, it becomes `order_X-2`. */
function orderIdOf(cartId: string, attempt: number): string {
  const first = siblingId('order', cartId);
  return attempt === 1 ? first : `${first}-${attempt}`;
}

function reopen(
  { orderId, reason, available }: Extract<CartCommand, { type: 'ReopenCart' }>,
  { cartId, submission }: Cart,
): readonly CartEvent[] {
  if (submission?.orderId !== orderId) return [];
  return [{ type: 'CartReopened', data: { cartId, orderId, reason, ...defined({ available }) } }];
}

function handOver(
  { customerId, toCartId }: Extract<CartCommand, { type: 'HandOverCart' }>,
  { cartId }: Cart,
): readonly CartEvent[] {
  return [{ type: 'CartHandedOver', data: { cartId, toCartId, customerId } }];
}

/** For the same customer only the receiving cart may change, and only to replace the cart that the caller saw decline. */
function redirect(command: Extract<CartCommand, { type: 'HandOverCart' }>, state: Cart): readonly CartEvent[] {
  const { toCartId, insteadOf } = command;
  return insteadOf === state.mergedInto && toCartId !== insteadOf ? handOver(command, state) : [];
}

function decline(
  { fromCartId }: Extract<CartCommand, { type: 'DeclineMerge' }>,
  { cartId, merged, declined }: Cart,
): readonly CartEvent[] {
  const isSettled = declined.includes(fromCartId) || merged.some((other) => other.cartId === fromCartId);
  return isSettled ? [] : [{ type: 'CartMergeDeclined', data: { cartId, fromCartId } }];
}

/** Units taken from that cart before are left out, so the merge may be repeated after more was added to that cart. */
function merge(
  { fromCartId, currency, lines, coupons }: Extract<CartCommand, { type: 'MergeCart' }>,
  { cartId, currency: own, lines: before, coupons: applied, merged, declined }: Cart,
): readonly CartEvent[] | Rejection {
  if (declined.includes(fromCartId)) return reject('conflict', `${cartId} has declined the lines of ${fromCartId}.`);
  if (currency !== own) return reject('rule_violated', `${cartId} is in ${own}, but ${fromCartId} is in ${currency}.`);
  const taken = merged.find((other) => other.cartId === fromCartId)?.taken;
  const fresh = lines.flatMap(({ id, ...line }) => {
    const quantity = line.quantity - (taken?.find(({ sku }) => sku === line.sku)?.quantity ?? 0);
    return quantity > 0 ? [{ lineId: id, ...line, quantity }] : [];
  });
  const promised = missingCoupons(coupons, applied);
  if (fresh.length === 0) return promised;
  const skus = new Set([...before, ...fresh].map(({ sku }) => sku));
  if (skus.size > MAX_MERGED_LINES) {
    return reject('rule_violated', `${cartId} and ${fromCartId} have more than ${MAX_MERGED_LINES} lines together.`);
  }
  return [{ type: 'CartMerged', data: { cartId, fromCartId, lines: fresh } }, ...promised];
}

/** The coupons keep the terms promised to the guest. They are appended to those of the cart, as many as fit. */
function missingCoupons(coupons: readonly CartCoupon[], applied: readonly CartCoupon[]): readonly CartEvent[] {
  return coupons
    .filter(({ code }) => !applied.some((other) => other.code === code))
    .slice(0, MAX_COUPONS - applied.length)
    .map((data) => ({ type: 'CartCouponApplied', data }));
}

function abandon({ cartId, status, changedAt, activeSince }: Cart, now: number): readonly CartEvent[] {
  if (status !== 'open') return [];
  if (changedAt + CART_IDLE_MS <= now) return [{ type: 'CartAbandoned', data: { cartId } }];
  return activeSince === changedAt ? [] : [{ type: 'CartStillActive', data: { cartId, since: changedAt } }];
}

function evolve(state: Cart | null, event: CartEvent, at: number): Cart {
  const { type, data } = event;
  if (type === 'CartCreated') {
    const nothing = { lines: [], additions: [], merged: [], declined: [], coupons: [], attempts: 0 };
    return { ...data, status: 'open', ...nothing, changedAt: at, activeSince: at };
  }
  const known = existing(state, type);
  switch (type) {
    case 'CartAbandoned':
      return { ...known, status: 'abandoned' };
    case 'CartStillActive':
      return { ...known, status: 'open', activeSince: data.since };
    default:
      return changed({ ...known, changedAt: at }, event, at);
  }
}

type ChangeEvent = Exclude<CartEvent, { type: 'CartCreated' | 'CartAbandoned' | 'CartStillActive' }>;

function changed(known: Cart, { type, data }: ChangeEvent, at: number): Cart {
  const { lines, coupons } = known;
  switch (type) {
    case 'CartLineAdded': {
      const { lineId, ...line } = data;
      return remember({ ...known, lines: [...lines, { id: lineId, ...line }] }, [lineId], at);
    }
    case 'CartLineQuantityChanged': {
      const { lineId, quantity, additionId, unitPrice } = data;
      const after = lines.map((line) => {
        return line.id === lineId ? { ...line, quantity, unitPrice: unitPrice ?? line.unitPrice } : line;
      });
      return remember({ ...known, lines: after }, additionId ? [additionId] : [], at);
    }
    case 'CartLineRemoved':
      return { ...known, lines: lines.filter(({ id }) => id !== data.lineId) };
    case 'ShippingAddressSet':
      return { ...known, shippingAddress: data.address };
    case 'ShippingMethodChosen':
      return { ...known, shippingMethod: data.method };
    case 'CartCouponApplied':
      return { ...known, coupons: [...coupons.filter(({ code }) => code !== data.code), data] };
    case 'CartCouponRemoved':
      return { ...known, coupons: coupons.filter(({ code }) => code !== data.code) };
    case 'CartSubmitted': {
      const { cartId, customerId, ...submission } = data;
      return {
        ...known,
        status: 'submitted',
        lines: pairs(lines, submission.lines).map(([line, { unitPrice }]) => ({ ...line, unitPrice })),
        attempts: known.attempts + 1,
        submission,
      };
    }
    case 'CartReopened': {
      const { submission, ...open } = known;
      return { ...open, status: 'open', activeSince: at };
    }
    case 'CartMerged':
      return withMerged(known, data, at);
    case 'CartHandedOver':
      return { ...known, status: 'merged', mergedInto: data.toCartId, takenBy: data.customerId };
    case 'CartMergeDeclined':
      return { ...known, declined: [...known.declined, data.fromCartId] };
  }
}

function withMerged(
  known: Cart,
  { fromCartId, lines }: Extract<CartEvent, { type: 'CartMerged' }>['data'],
  at: number,
): Cart {
  const arrived = new Map(lines.map((line) => [line.sku, line]));
  const more = known.lines.map((line) => {
    const quantity = line.quantity + (arrived.get(line.sku)?.quantity ?? 0);
    return { ...line, quantity: Math.min(quantity, MAX_LINE_QUANTITY) };
  });
  const skus = new Set(known.lines.map(({ sku }) => sku));
  const others = lines.filter(({ sku }) => !skus.has(sku)).map(({ lineId, ...line }) => ({ id: lineId, ...line }));
  const earlier = known.merged.find(({ cartId }) => cartId === fromCartId)?.taken ?? [];
  const taken = new Map(earlier.map(({ sku, quantity }) => [sku, quantity]));
  for (const { sku, quantity } of lines) taken.set(sku, (taken.get(sku) ?? 0) + quantity);
  const after = {
    ...known,
    lines: [...more, ...others],
    merged: [
      ...known.merged.filter(({ cartId }) => cartId !== fromCartId),
      { cartId: fromCartId, taken: [...taken].map(([sku, quantity]) => ({ sku, quantity })) },
    ],
  };
  const ids = lines.map(({ lineId }) => lineId);
  return remember(after, ids, at);
}

function remember(known: Cart, ids: readonly string[], at: number): Cart {
  const recent = known.additions.filter((addition) => addition.at + RETRY_HORIZON_MS >= at);
  return { ...known, additions: [...recent, ...ids.map((id) => ({ id, at }))] };
}

function wasAdded({ additions }: Cart, lineId: string): boolean {
  return additions.some(({ id }) => id === lineId);
}
