// The steps of the checkout process: the due steps of each phase, and the commands of each step.
import { type CartCommand, cart } from '../cart/cart.js';
import {
  type CouponCommand,
  type CouponKey,
  countsOf,
  coupon as couponDecider,
  couponStream,
} from '../coupon/coupon.js';
import { lastOf } from '../kernel/collections.js';
import type { Decider } from '../kernel/decider.js';
import type { DomainEvent } from '../kernel/event.js';
import { siblingId, streamOf } from '../kernel/id.js';
import { isRejection } from '../kernel/rejection.js';
import { keyOfStream, type StreamId } from '../kernel/stream.js';
import type { Round } from '../order/checkout-state.js';
import type { Parcel } from '../order/parcels.js';
import { PAY_WITHIN_MS } from '../payment/method-kinds.js';
import { type PaymentCommand, payment as paymentDecider } from '../payment/payment.js';
import { type StockCommand, stockItem, stockStream } from '../stock/stock-item.js';
import type { Checkout, Outcome } from './checkout.js';
import type { Issued, Step } from './step.js';

/**
 * How long stock is reserved for a checkout at first. While the outcome is unknown, the reservation is extended by half of this
 * time, again and again.
 */
export const RESERVATION_MS = 20 * 60_000;

/** Stock is held longer than the customer has to pay, because an answer at the last moment takes time to arrive. */
const GRACE_MS = RESERVATION_MS - PAY_WITHIN_MS.card;

export type CheckoutStep = Step & {
  name: string;
  /** A rejection of this step changes nothing. */
  optional?: true;
  /** If stock is short, it may come from other locations or become available a little later. */
  mayWaitForStock?: true;
  /** The outcome of the payment decides how the process continues. */
  outcomeFromPayment?: true;
};

export interface Due {
  steps: readonly CheckoutStep[];
  outcome?: Outcome;
}

/**
 * The steps up to the next outcome, and that outcome if it is certain. Undefined if the process has ended. `now` is in ms of the
 * log's clock.
 */
export function nextSteps(state: Checkout, now: number): Due | undefined {
  const { phase, order } = state;
  const step = stepsOf(state);
  switch (phase) {
    case 'started':
      return order.dispatch === 'at_once'
        ? { steps: [step.take(), step.recordPayment()], outcome: { type: 'ConfirmOrder' } }
        : { steps: [...step.redeem(), ...step.releaseEarlier(), step.reserve(), step.authorise()] };
    case 'waiting':
    case 'unknown':
      return { steps: [...step.extend(now), step.authorise()] };
    case 'failing':
      return {
        steps: [step.void(), ...step.release(), ...step.giveBack(), ...step.reopen()],
        outcome: { type: 'EndCheckout' },
      };
    case 'completed':
    case 'failed':
      return undefined;
  }
}

/**
 * The steps that run after the customer got the answer. They may be taken again: if a crash skips them, the agenda runs the
 * checkout again, or `endOfRedemption` makes up for it.
 */
export function followUpSteps(state: Checkout): readonly CheckoutStep[] {
  const step = stepsOf(state);
  switch (state.phase) {
    case 'completed':
      return state.order.dispatch === 'at_once' ? [] : [step.commit(), ...step.confirmRedemptions()];
    case 'waiting':
    case 'unknown':
      return [step.park(), ...step.extend(state.startedAt)];
    case 'failed':
      return step.refuse();
    default:
      return [];
  }
}

/** The command that ends an open redemption. Undefined as long as its checkout has not ended. */
export function endOfRedemption(
  { phase }: Pick<Checkout, 'phase'>,
  redemption: CouponKey & { orderId: string },
): CouponCommand | undefined {
  if (phase === 'completed') return { type: 'ConfirmRedemption', ...redemption };
  return phase === 'failed' ? { type: 'ReleaseRedemption', ...redemption } : undefined;
}

/** All steps of the process, with their commands. */
function stepsOf({ checkoutId, startedAt, phase, order, rounds, failure, kind = 'card' }: Checkout) {
  const { orderId, customerId, currency, cartId, coupons, total: amount } = order;
  const { provider, method } = order.payment;
  const payment = { paymentId: siblingId('payment', orderId), orderId };
  const lastRound = lastOf(rounds);
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
  /**
   * The target is left out of the id for the payment of this checkout, since there is only one. Its first events then fit one
   * write unit more easily.
   */
  const targetOf = (stream: StreamId): string[] =>
    keyOfStream(stream) === keyOfStream(streamOf(checkoutId)) ? [] : [keyOfStream(stream)];
  /** A further attempt needs new command ids. */
  const ofAttempt = (n: number, issued: readonly Issued[]): Issued[] =>
    issued.map((one) => (n === 1 ? one : { ...one, id: `${one.id}/${n}` }));

  /** In the first phase of a checkout its payment stream does not exist yet. */
  const newStreams = phase === 'started' && ({ newStreams: true } as const);
  const toPayment = (name: string, ...commands: PaymentCommand[]) => {
    const { paymentId } = payment;
    // While the customer has to act, no call to the provider is due. The provider may already know that the customer has acted.
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
  const releases = (of: readonly Round[]) =>
    toStock(({ quantity, ...id }) => [{ type: 'ReleaseReservation', ...id }], of);
  const refused = new Set(refusedParcels(failure, lastRound).map(stockStream));
  const counts = coupons.flatMap((coupon) => countsOf(coupon, order));
  const toCoupons = (name: string, commandFor: (count: (typeof counts)[number]) => CouponCommand): CheckoutStep[] => {
    const commands = counts.flatMap((count) => issue(couponDecider, couponStream(count), commandFor(count)));
    return commands.length === 0 ? [] : [{ name, commands }];
  };
  /** These commands find the open redemption by order id and do nothing once it has ended, so they are repeatable. */
  const endRedemptions = (name: string, type: 'ConfirmRedemption' | 'ReleaseRedemption') =>
    toCoupons(name, ({ limit, ...count }) => ({ type, ...count, orderId })).map((step) => ({
      ...step,
      repeatable: true as const,
    }));

  return {
    redeem: () => toCoupons('redeem', (count) => ({ type: 'RedeemCoupon', ...count, orderId })),
    releaseEarlier(): CheckoutStep[] {
      return rounds.length === 1 ? [] : [{ name: 'release', commands: releases(rounds.slice(0, -1)) }];
    },
    reserve(): CheckoutStep {
      const expiresAt = startedAt + RESERVATION_MS;
      const step = stockStep('reserve', (reservation) => [{ type: 'ReserveStock', ...reservation, expiresAt }]);
      return { ...step, mayWaitForStock: true };
    },
    authorise: (): CheckoutStep => ({ ...toPayment('authorise', requestAuthorisation), outcomeFromPayment: true }),
    /** Tells stock that no other checkout should wait for these units, because it may take long until the sale is decided. */
    park(): CheckoutStep {
      const commands = toStock(({ quantity, ...id }) => [{ type: 'ParkReservation', ...id }]);
      return { name: 'park', repeatable: true, commands };
    },
    /** Extends at once to the time that the customer has to pay, and after that twice per `RESERVATION_MS`. */
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
    commit(): CheckoutStep {
      const commands = toStock((reservation) => [{ type: 'CommitReservation', ...reservation }]);
      return { name: 'commit', repeatable: true, commands };
    },

    /** Goods that have already left are only recorded: stock cannot reject it. */
    take: () => stockStep('take', (reservation) => [{ type: 'ShipAtOnce', ...reservation }]),
    /** Money that was already received: requested and recorded in one commit. */
    recordPayment: (): CheckoutStep =>
      toPayment(
        'pay',
        requestAuthorisation,
        { type: 'RecordAuthorised', operationId: authorisationId, amount, providerRef: orderId },
        { type: 'RequestCapture', operationId: keyOfOperation('capture'), amount, rest: 0, final: true },
        { type: 'RecordCaptured', operationId: keyOfOperation('capture') },
      ),

    /** Before the stock is released: the stock is held as long as money may be held. */
    void: (): CheckoutStep =>
      toPayment('void', { type: 'RequestVoid', operationId: keyOfOperation('void'), ...payment }),
    /**
     * Parcels that were refused are left to `refuse`: hundreds of customers may be told that a SKU is sold out, and must not wait
     * for each other's commits to its stream.
     */
    release(): CheckoutStep[] {
      const held = releases(rounds).filter(({ stream }) => !refused.has(stream));
      return held.length === 0 ? [] : [{ name: 'release', commands: held }];
    },
    /** The release of what is not held stops a worker that is late with its reservation. Otherwise that would stay until it expires. */
    refuse(): CheckoutStep[] {
      const behind = releases(rounds).filter(({ stream }) => refused.has(stream));
      return behind.length === 0 ? [] : [{ name: 'refuse', repeatable: true, commands: behind }];
    },
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

/** The parcels that the stock items refused: those of a SKU that was short, if it has no other parcel that may be held. */
function refusedParcels(failure: Checkout['failure'], { parcels }: Round): Parcel[] {
  if (!failure || !isRejection(failure, 'out_of_stock')) return [];
  const short = Object.keys(failure.facts.available);
  return parcels.filter(({ sku }) => short.includes(sku) && parcels.filter((other) => other.sku === sku).length === 1);
}
