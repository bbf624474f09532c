// The steps of the checkout process: what is due in each phase, as the commands that each step consists of.
import type { CartCommand } from '../cart/cart.js';
import { type CouponCommand, type CouponKey, countsOf, couponStream } from '../coupon/coupon.js';
import type { Rejection } from '../kernel/errors.js';
import { siblingId, streamOf } from '../kernel/id.js';
import { keyOfStream, type StreamId } from '../kernel/stream.js';
import type { OrderCommand } from '../order/order.js';
import type { Parcel } from '../order/parcels.js';
import { totalsOf } from '../order/worth.js';
import type { PaymentCommand } from '../payment/payment.js';
import { type StockCommand, stockStream } from '../stock/stock-item.js';
import { type Checkout, EXPIRED, type Round } from './checkout.js';
import type { CheckoutOutcome } from './checkout-events.js';
import type { Issued } from './issued.js';

/** How long stock is held for a checkout; counted anew while it waits for an answer. */
export const RESERVATION_MS = 20 * 60_000;

/** What the runner issues to one aggregate, in order for each stream; the streams do not depend on each other. */
export type CheckoutStep = {
  name: string;
  /** Good to have: that it is rejected changes nothing. */
  optional?: true;
  /** Taking it twice changes nothing, however much later: its commands need not be looked for in the past of their streams. */
  repeatable?: true;
} & (
  | { aggregate: 'order'; commands: readonly Issued<OrderCommand>[] }
  | { aggregate: 'stock'; commands: readonly Issued<StockCommand>[] }
  /** Afterwards the provider is asked whatever `dueCall` of the payment says. */
  | { aggregate: 'payment'; commands: readonly Issued<PaymentCommand>[] }
  | { aggregate: 'coupon'; commands: readonly Issued<CouponCommand>[] }
  | { aggregate: 'cart'; commands: readonly Issued<CartCommand>[] }
);

export interface Due {
  steps: readonly CheckoutStep[];
  outcome?: CheckoutOutcome;
}

/**
 * The steps up to the next outcome, and that outcome where it is sure; nothing if the process is at its end.
 * `now` in ms of the log's clock.
 */
export function nextSteps(state: Checkout, now: number): Due | undefined {
  const { checkoutId, phase, order, failure } = state;
  const step = stepsOf(state);
  switch (phase) {
    case 'started':
      return order.dispatch === 'at_once'
        ? {
            steps: [step.place(), step.take(), step.recordPayment(), step.settle()],
            outcome: { type: 'CheckoutCompleted', data: { checkoutId } },
          }
        : { steps: [step.place(), ...step.redeem(), ...step.releaseEarlier(), step.reserve(), step.authorise()] };
    case 'waiting':
    case 'unknown':
      return { steps: [...step.extend(now), step.authorise()] };
    case 'authorised':
      return {
        steps: [step.commit(), step.confirm()],
        outcome: { type: 'CheckoutCompleted', data: { checkoutId } },
      };
    case 'failing':
      return {
        steps: [
          step.reject(reasonOf(failure!), failure!.detail),
          step.void(),
          step.release(),
          ...step.giveBack(),
          ...step.reopen(failure!),
        ],
        outcome: { type: 'CheckoutFailed', data: { checkoutId, reason: reasonOf(failure!) } },
      };
    case 'completed':
    case 'failed':
      return undefined;
  }
}

/**
 * The steps that follow the answer to the customer. If a crash leaves them out, `endOfRedemption` and the next run of a checkout
 * that waits make up for it.
 */
export function stepsBehind(state: Checkout): readonly CheckoutStep[] {
  switch (state.phase) {
    case 'completed':
      return stepsOf(state).confirmRedemptions();
    case 'waiting':
    case 'unknown':
      return [stepsOf(state).park()];
    default:
      return [];
  }
}

/** What becomes of a redemption that is still in flight; nothing as long as its checkout has not ended. */
export function endOfRedemption(
  { phase }: Pick<Checkout, 'phase'>,
  redemption: CouponKey & { orderId: string },
): CouponCommand | undefined {
  if (phase === 'completed') return { type: 'ConfirmRedemption', ...redemption };
  return phase === 'failed' ? { type: 'ReleaseRedemption', ...redemption } : undefined;
}

function reasonOf({ rejected, extra }: Rejection): string {
  return extra?.declineCode === EXPIRED ? EXPIRED : rejected;
}

/** Every step of the process, as the commands that it consists of. */
function stepsOf({ checkoutId, startedAt, order, rounds }: Checkout) {
  const { provider, paymentMethod, dispatch, occurredAt, ...contents } = order;
  const { orderId, customerId, currency, cartId, coupons = [] } = order;
  const payment = { paymentId: siblingId('payment', orderId), orderId };
  const amount = totalsOf(order).total;
  const lastRound = rounds.at(-1)!;
  const keyOfOperation = (name: string) => `${checkoutId}/${name}`;
  const authorisationId = keyOfOperation('authorise');
  const requestAuthorisation = {
    type: 'RequestAuthorisation',
    operationId: authorisationId,
    ...payment,
    customerId,
    amount,
    currency,
    provider,
    method: paymentMethod,
  } as const;

  const issue = <C extends { type: string }>(stream: StreamId, ...commands: C[]): Issued<C>[] =>
    commands.map((command) => ({ id: [checkoutId, command.type, ...targetOf(stream)].join('/'), stream, command }));
  /** Left out for its own order and payment, of which there is one each: their first events fit one write unit more easily. */
  const targetOf = (stream: StreamId): string[] =>
    keyOfStream(stream) === keyOfStream(streamOf(checkoutId)) ? [] : [keyOfStream(stream)];
  /** Commands that are issued again are others than those of the first attempt. */
  const ofAttempt = <C>(n: number, issued: readonly Issued<C>[]): Issued<C>[] =>
    issued.map((one) => (n === 1 ? one : { ...one, id: `${one.id}/${n}` }));

  const toOrder = (name: string, ...commands: OrderCommand[]): CheckoutStep => {
    return { name, aggregate: 'order', commands: issue(streamOf(orderId), ...commands) };
  };
  const toPayment = (name: string, ...commands: PaymentCommand[]): CheckoutStep => {
    return { name, aggregate: 'payment', commands: issue(streamOf(payment.paymentId), ...commands) };
  };
  const toStock = (commandsFor: (reservation: Reservation) => StockCommand[], of: readonly Round[] = [lastRound]) =>
    of.flatMap((round) => {
      const { reservationId, parcels } = round;
      const issued = parcels.map((parcel) => issue(stockStream(parcel), ...commandsFor({ ...parcel, reservationId })));
      return ofAttempt(rounds.indexOf(round) + 1, issued.flat());
    });
  const stockStep = (name: string, ...args: Parameters<typeof toStock>): CheckoutStep => {
    return { name, aggregate: 'stock', commands: toStock(...args) };
  };
  const releaseAll = (of: readonly Round[]) =>
    stockStep('release', ({ quantity, ...id }) => [{ type: 'ReleaseReservation', ...id }], of);
  const counts = coupons.flatMap((coupon) => countsOf(coupon, order));
  const toCoupons = (name: string, commandFor: (count: (typeof counts)[number]) => CouponCommand): CheckoutStep[] => {
    const commands = counts.flatMap((count) => issue(couponStream(count), commandFor(count)));
    return commands.length === 0 ? [] : [{ name, aggregate: 'coupon', commands }];
  };
  /** These find what is in flight by the id of the order, and nothing once it has ended. */
  const endRedemptions = (name: string, type: 'ConfirmRedemption' | 'ReleaseRedemption') =>
    toCoupons(name, ({ limit, ...count }) => ({ type, ...count, orderId })).map((step) => ({
      ...step,
      repeatable: true as const,
    }));

  return {
    place: () => toOrder('place', { type: 'PlaceOrder', contents }),
    redeem: () => toCoupons('redeem', (count) => ({ type: 'RedeemCoupon', ...count, orderId })),
    releaseEarlier: () => (rounds.length === 1 ? [] : [releaseAll(rounds.slice(0, -1))]),
    reserve() {
      const expiresAt = startedAt + RESERVATION_MS;
      return stockStep('reserve', (reservation) => [{ type: 'ReserveStock', ...reservation, expiresAt }]);
    },
    authorise: () => toPayment('authorise', requestAuthorisation),
    /** Nobody else waits for these units: it may be long until it is known whether they are sold. */
    park(): CheckoutStep {
      const commands = toStock(({ quantity, ...id }) => [{ type: 'ParkReservation', ...id }]);
      return { name: 'park', repeatable: true, aggregate: 'stock', commands };
    },
    /** Twice in the time that stock is held. */
    extend(now: number): CheckoutStep[] {
      const count = Math.floor((2 * (now - startedAt)) / RESERVATION_MS);
      if (count < 1) return [];
      const expiresAt = startedAt + (1 + count / 2) * RESERVATION_MS;
      const commands = toStock(({ quantity, ...id }) => [{ type: 'ExtendReservation', ...id, expiresAt }]);
      return [{ name: 'extend', optional: true, aggregate: 'stock', commands: ofAttempt(count, commands) }];
    },
    commit: () => stockStep('commit', (reservation) => [{ type: 'CommitReservation', ...reservation }]),
    confirm() {
      const { reservationId, parcels } = lastRound;
      const moved = rounds.length > 1 && { reservationId, allocation: [...parcels] };
      return toOrder('confirm', { type: 'ConfirmOrder', ...moved });
    },

    /** What has left already is there to be written down: stock cannot refuse it. */
    take: () => stockStep('take', (reservation) => [{ type: 'ShipAtOnce', ...reservation }]),
    /** Money that is in already: asked for and answered in one commit. */
    recordPayment: () =>
      toPayment(
        'pay',
        requestAuthorisation,
        { type: 'RecordAuthorised', operationId: authorisationId, amount, providerRef: orderId },
        { type: 'RequestCapture', operationId: keyOfOperation('capture'), amount, rest: 0, final: true },
        { type: 'RecordCaptured', operationId: keyOfOperation('capture') },
      ),
    settle: () =>
      toOrder(
        'settle',
        { type: 'ConfirmOrder' },
        { type: 'RecordFulfilled', fulfilmentId: keyOfOperation('dispatch') },
      ),

    /** First: it is the order that says whether it is given up, or another worker has confirmed it meanwhile. */
    reject: (reason: string, detail: string) => toOrder('reject', { type: 'RejectOrder', reason, detail }),
    /** Before the stock is let go: as long as money may be held, it is. */
    void: () => toPayment('void', { type: 'RequestVoid', operationId: keyOfOperation('void'), ...payment }),
    release: () => releaseAll(rounds),
    giveBack: () => endRedemptions('give back', 'ReleaseRedemption'),
    confirmRedemptions: () => endRedemptions('confirm redemptions', 'ConfirmRedemption'),
    reopen({ rejected, extra }: Rejection): CheckoutStep[] {
      if (!cartId) return [];
      const available = extra?.available as Record<string, number> | undefined;
      const command: CartCommand = { type: 'ReopenCart', orderId, reason: rejected, ...(available && { available }) };
      return [{ name: 'reopen', aggregate: 'cart', commands: issue(streamOf(cartId), command) }];
    },
  };
}

type Reservation = Parcel & { reservationId: string };
