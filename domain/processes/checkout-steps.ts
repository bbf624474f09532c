// The steps of the checkout process: what is due in each phase, as the commands that each step consists of.
import { type CartCommand, cart } from '../cart/cart.js';
import {
  type CouponCommand,
  type CouponKey,
  countsOf,
  coupon as couponDecider,
  couponStream,
} from '../coupon/coupon.js';
import type { Decider } from '../kernel/decider.js';
import type { DomainEvent } from '../kernel/event.js';
import { siblingId, streamOf } from '../kernel/id.js';
import { isRejection } from '../kernel/rejection.js';
import { keyOfStream, type StreamId } from '../kernel/stream.js';
import { type OrderCommand, order as orderDecider } from '../order/order.js';
import type { Parcel } from '../order/parcels.js';
import { PAY_WITHIN_MS } from '../payment/method-kinds.js';
import { type PaymentCommand, payment as paymentDecider } from '../payment/payment.js';
import { type StockCommand, stockItem, stockStream } from '../stock/stock-item.js';
import type { Checkout, Round } from './checkout.js';
import type { CheckoutOutcome } from './checkout-events.js';
import type { Issued, Step } from './step.js';

/** How long stock is held for a checkout at first, and so often half as long again while nobody knows how it goes on. */
export const RESERVATION_MS = 20 * 60_000;

/** Stock is held longer than the customer may take to pay: an answer of the last moment is still on its way then. */
const GRACE_MS = RESERVATION_MS - PAY_WITHIN_MS.card;

export type CheckoutStep = Step & {
  name: string;
  /** A rejection of it changes nothing. */
  optional?: true;
  /** Stock that is short may be had from other locations, or a little later. */
  waitsForStock?: true;
  /** What comes of the payment decides how the process goes on. */
  decidesByPayment?: true;
};

export interface Due {
  steps: readonly CheckoutStep[];
  outcome?: CheckoutOutcome;
}

/**
 * The steps up to the next outcome, and that outcome where it is sure; nothing if the process is at its end.
 * `now` in ms of the log's clock.
 */
export function nextSteps(state: Checkout, now: number): Due | undefined {
  const { checkoutId, phase, order, failure, expired } = state;
  const step = stepsOf(state);
  switch (phase) {
    case 'started':
      return order.dispatch === 'at_once'
        ? {
            steps: [step.take(), step.recordPayment(), step.settle()],
            outcome: { type: 'CheckoutCompleted', data: { checkoutId } },
          }
        : { steps: [...step.redeem(), ...step.releaseEarlier(), step.reserve(), step.authorise()] };
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
        steps: [step.reject(), step.void(), step.release(), ...step.giveBack(), ...step.reopen()],
        outcome: { type: 'CheckoutFailed', data: { checkoutId, reason: expired ? 'expired' : failure!.rejected } },
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
      return [stepsOf(state).park(), ...stepsOf(state).extend(state.startedAt)];
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

/** Every step of the process, as the commands that it consists of. */
function stepsOf({ checkoutId, startedAt, phase, order, rounds, failure, expired, kind = 'card' }: Checkout) {
  const { orderId, customerId, currency, cartId, coupons, total: amount } = order;
  const { provider, method } = order.payment;
  const payment = { paymentId: siblingId('payment', orderId), orderId };
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
    method,
  } as const;

  const issue = <C extends { type: string }, S>(
    decider: Decider<C, S, DomainEvent>,
    stream: StreamId,
    ...commands: C[]
  ): Issued<C, S>[] =>
    commands.map((command) => {
      return { id: [checkoutId, command.type, ...targetOf(stream)].join('/'), stream, decider, command };
    });
  /** Left out for its own order and payment, of which there is one each: their first events fit one write unit more easily. */
  const targetOf = (stream: StreamId): string[] =>
    keyOfStream(stream) === keyOfStream(streamOf(checkoutId)) ? [] : [keyOfStream(stream)];
  /** Commands that are issued again are others than those of the first attempt. */
  const ofAttempt = (n: number, issued: readonly Issued[]): Issued[] =>
    issued.map((one) => (n === 1 ? one : { ...one, id: `${one.id}/${n}` }));

  /** In the first phase of a checkout nothing is known of its payment yet. */
  const newStreams = phase === 'started' && ({ newStreams: true } as const);
  const toOrder = (name: string, ...commands: OrderCommand[]): CheckoutStep => {
    return { name, commands: issue(orderDecider, streamOf(orderId), ...commands) };
  };
  const toPayment = (name: string, ...commands: PaymentCommand[]) => {
    const { paymentId } = payment;
    // While the customer has to act, nothing is due with the provider, which may know already that it is done.
    const provider = { call: phase === 'waiting' ? 'refresh' : 'ask', paymentId } as const;
    return { name, commands: issue(paymentDecider, streamOf(paymentId), ...commands), provider, ...newStreams };
  };
  const toStock = (commandsFor: (reservation: Reservation) => StockCommand[], of: readonly Round[] = [lastRound]) =>
    of.flatMap((round) => {
      const { reservationId, parcels } = round;
      const issued = parcels.map((parcel) =>
        issue(stockItem, stockStream(parcel), ...commandsFor({ ...parcel, reservationId })),
      );
      return ofAttempt(rounds.indexOf(round) + 1, issued.flat());
    });
  const stockStep = (name: string, ...args: Parameters<typeof toStock>): CheckoutStep => {
    return { name, commands: toStock(...args) };
  };
  const releaseAll = (of: readonly Round[]) =>
    stockStep('release', ({ quantity, ...id }) => [{ type: 'ReleaseReservation', ...id }], of);
  const counts = coupons.flatMap((coupon) => countsOf(coupon, order));
  const toCoupons = (name: string, commandFor: (count: (typeof counts)[number]) => CouponCommand): CheckoutStep[] => {
    const commands = counts.flatMap((count) => issue(couponDecider, couponStream(count), commandFor(count)));
    return commands.length === 0 ? [] : [{ name, commands }];
  };
  /** These find what is in flight by the id of the order, and nothing once it has ended. */
  const endRedemptions = (name: string, type: 'ConfirmRedemption' | 'ReleaseRedemption') =>
    toCoupons(name, ({ limit, ...count }) => ({ type, ...count, orderId })).map((step) => ({
      ...step,
      repeatable: true as const,
    }));

  return {
    redeem: () => toCoupons('redeem', (count) => ({ type: 'RedeemCoupon', ...count, orderId })),
    releaseEarlier: () => (rounds.length === 1 ? [] : [releaseAll(rounds.slice(0, -1))]),
    reserve(): CheckoutStep {
      const expiresAt = startedAt + RESERVATION_MS;
      const step = stockStep('reserve', (reservation) => [{ type: 'ReserveStock', ...reservation, expiresAt }]);
      return { ...step, waitsForStock: true };
    },
    authorise: (): CheckoutStep => ({ ...toPayment('authorise', requestAuthorisation), decidesByPayment: true }),
    /** Nobody else waits for these units: it may be long until it is known whether they are sold. */
    park(): CheckoutStep {
      const commands = toStock(({ quantity, ...id }) => [{ type: 'ParkReservation', ...id }]);
      return { name: 'park', repeatable: true, commands };
    },
    /** Up to the time that the customer may take, at once; behind it, twice in the time that stock is held at first. */
    extend(now: number): CheckoutStep[] {
      const held = PAY_WITHIN_MS[kind] + GRACE_MS;
      const halves = Math.max(0, Math.floor((2 * (now - startedAt - held)) / RESERVATION_MS) + 2);
      const lasts = held + (halves / 2) * RESERVATION_MS;
      if (lasts === RESERVATION_MS) return [];
      const expiresAt = startedAt + lasts;
      const extended = toStock(({ quantity, ...id }) => [{ type: 'ExtendReservation', ...id, expiresAt }]);
      const commands = extended.map((one) => ({ ...one, id: `${one.id}/${lasts}` }));
      return [{ name: 'extend', optional: true, repeatable: true, commands }];
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
    recordPayment: (): CheckoutStep =>
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
    reject() {
      const { rejected: reason, detail } = failure!;
      return toOrder('reject', expired ? { type: 'ExpireOrder', detail } : { type: 'RejectOrder', reason, detail });
    },
    /** Before the stock is let go: as long as money may be held, it is. */
    void: (): CheckoutStep =>
      toPayment('void', { type: 'RequestVoid', operationId: keyOfOperation('void'), ...payment }),
    release: () => releaseAll(rounds),
    giveBack: () => endRedemptions('give back', 'ReleaseRedemption'),
    confirmRedemptions: () => endRedemptions('confirm redemptions', 'ConfirmRedemption'),
    reopen(): CheckoutStep[] {
      if (!cartId) return [];
      const short = isRejection(failure!, 'out_of_stock') && { available: failure.facts.available };
      const command: CartCommand = { type: 'ReopenCart', orderId, reason: failure!.rejected, ...short };
      return [{ name: 'reopen', commands: issue(cart, streamOf(cartId), command) }];
    },
  };
}

type Reservation = Parcel & { reservationId: string };
