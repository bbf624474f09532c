// The checkout process, pure: which steps are due, and the record of what came of them. Whoever runs it issues the
// commands of `nextSteps` in order, records the outcome first-come, and follows the record, be it its own or another's.
//
//   started ───────► authorised ──► completed     place, redeem, reserve, authorise │ commit, confirm
//    │  ├► waiting ──┤   │                        the customer has to act, but not for ever
//    │  ├► unknown ──┘   │                        the provider is asked again, the stock stays reserved
//    │  └► started       │                        stock is short here: once more, from other locations
//    └───────────────────┴──────► failing ──► failed     reject, void, release, reopen
//                                    └──────► completed  the order says that another worker has sold it meanwhile
import type { Cart, CartCommand } from '../cart/cart.js';
import { type CouponCommand, couponStream } from '../coupon/coupon.js';
import type { Decider } from '../kernel/decider.js';
import { type ProblemCode, type Rejection, reject } from '../kernel/errors.js';
import { siblingId, streamOf } from '../kernel/id.js';
import type { StreamId } from '../kernel/stream.js';
import type { OrderCommand } from '../order/order.js';
import { atDefaultLocation, type Parcel } from '../order/parcels.js';
import { totalsOf } from '../order/worth.js';
import type { Payment, PaymentCommand } from '../payment/payment.js';
import { type StockCommand, stockStream } from '../stock/stock-item.js';
import { type CheckoutEvent, type CheckoutOrder, type CheckoutOutcome, checkoutEvents } from './checkout-events.js';

const MAX_NAMED_SKUS = 10;

/** How long a customer has to pay. */
export const CHECKOUT_MS = 15 * 60_000;

/** How long stock is held for a checkout; counted anew while it waits for an answer. */
export const RESERVATION_MS = 20 * 60_000;

/** How often stock is asked for, each time elsewhere, before the customer is told that it is short. */
export const MAX_ROUNDS = 3;

/** As which an order is rejected that nobody paid in time. */
const EXPIRED = 'expired';

export type CheckoutCommand =
  | { type: 'StartCheckout'; order: CheckoutOrder }
  | { type: 'RecordOutcome'; outcome: CheckoutOutcome };

export interface Checkout {
  checkoutId: string;
  /** In ms of the log's clock. */
  startedAt: number;
  phase: 'started' | 'waiting' | 'unknown' | 'authorised' | 'failing' | 'completed' | 'failed';
  order: CheckoutOrder;
  /** Where stock was asked for, the last attempt last. */
  rounds: readonly Round[];
  /** Why it is failing or has failed, as the customer is told. */
  failure?: Rejection;
}

export const checkout: Decider<CheckoutCommand, Checkout | null, CheckoutEvent> = {
  category: 'checkout',
  events: checkoutEvents,
  initialState: null,
  decide,
  evolve,
};

export interface Round {
  reservationId: string;
  parcels: readonly Parcel[];
}

/** What the runner issues to one aggregate, in order for each stream; the streams do not depend on each other. */
export type CheckoutStep = {
  name: string;
  /** Good to have: that it is rejected changes nothing. */
  optional?: true;
} & (
  | { aggregate: 'order'; commands: readonly Issued<OrderCommand>[] }
  | { aggregate: 'stock'; commands: readonly Issued<StockCommand>[] }
  /** Afterwards the provider is asked whatever `dueCall` of the payment says. */
  | { aggregate: 'payment'; commands: readonly Issued<PaymentCommand>[] }
  | { aggregate: 'coupon'; commands: readonly Issued<CouponCommand>[] }
  | { aggregate: 'cart'; commands: readonly Issued<CartCommand>[] }
);

export interface Issued<C> {
  /** Command id, the same whoever issues it: `<process>/<command>[/<target>]`; a process sends each command to a target once. */
  id: string;
  stream: StreamId;
  command: C;
}

/** The id under which the outcome of a process is recorded; one of each kind is enough, but for each further round. */
export function outcomeCommandId({ type, data }: CheckoutOutcome): string {
  const id = `${data.checkoutId}/record/${type}`;
  return type === 'CheckoutReallocated' ? `${id}/${data.round}` : id;
}

/** The checkout of a submitted cart; the same whoever starts it. */
export function checkoutOfCart({
  cartId,
  customerId,
  currency,
  shippingAddress,
  submission,
}: Cart): CheckoutCommand & { type: 'StartCheckout' } {
  if (!submission) throw new Error(`${cartId} is not submitted.`);
  return {
    type: 'StartCheckout',
    order: {
      ...submission,
      customerId,
      placedBy: 'customer',
      currency,
      ...(shippingAddress && { shippingAddress }),
      cartId,
      dispatch: 'later',
    },
  };
}

export function checkoutIdOf(orderId: string): string {
  return siblingId('checkout', orderId);
}

/**
 * The steps up to the next outcome, and that outcome where it is sure; nothing if the process is at its end.
 * `now` in ms of the log's clock.
 */
export function nextSteps(
  state: Checkout,
  now: number,
): { steps: readonly CheckoutStep[]; outcome?: CheckoutOutcome } | undefined {
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
 * What to record when commands of a step were rejected. An order that cannot be rejected is confirmed. Nothing for an undoing, which has to succeed some time, and for
 * an order dispatched at once: the goods are gone, so the books have to be mended and the process run again.
 */
export function outcomeOfRejections(
  { checkoutId, phase, order }: Checkout,
  step: string,
  rejections: readonly Rejection[],
): CheckoutOutcome | undefined {
  if (step === 'reject') return { type: 'CheckoutCompleted', data: { checkoutId } };
  if (phase === 'failing' || order.dispatch === 'at_once') return undefined;
  const other = rejections.find(({ rejected }) => rejected !== 'out_of_stock');
  if (other) {
    return { type: 'CheckoutRefused', data: { checkoutId, step, code: other.rejected, detail: other.detail } };
  }
  const available = Object.assign({}, ...rejections.map(({ extra }) => extra?.available)) as Record<string, number>;
  return { type: 'CheckoutStockShort', data: { checkoutId, available } };
}

/** What to record when the provider has been asked. A payment that is being voided was given up by somebody: the record says why. */
export function outcomeOfPayment(
  { checkoutId, startedAt }: Checkout,
  { paymentId, status, authorisation }: Payment,
  now: number,
): CheckoutOutcome {
  switch (status) {
    case 'authorised':
      return { type: 'CheckoutPaymentAuthorised', data: { checkoutId } };
    case 'declined':
      return { type: 'CheckoutPaymentDeclined', data: { checkoutId, declineCode: authorisation!.declineCode! } };
    case 'action_required':
      return now >= startedAt + CHECKOUT_MS
        ? { type: 'CheckoutExpired', data: { checkoutId } }
        : { type: 'CheckoutActionRequired', data: { checkoutId } };
    case 'requested':
    case 'unknown':
      return { type: 'CheckoutPaymentUnknown', data: { checkoutId } };
    case 'lapsed':
    case 'void_requested':
    case 'voided': {
      const detail = `${paymentId} is ${status === 'lapsed' ? 'lapsed' : 'voided'}.`;
      return { type: 'CheckoutRefused', data: { checkoutId, step: 'authorise', code: 'conflict', detail } };
    }
  }
}

/** Stock is not recorded apart from payment: that saves a commit, and costs a void of a payment that may never have been. */
const OUTCOMES_OF: Record<Checkout['phase'], readonly CheckoutOutcome['type'][]> = {
  started: [
    'CheckoutReallocated',
    'CheckoutStockShort',
    'CheckoutActionRequired',
    'CheckoutPaymentAuthorised',
    'CheckoutPaymentDeclined',
    'CheckoutPaymentUnknown',
    'CheckoutExpired',
    'CheckoutRefused',
  ],
  waiting: [
    'CheckoutPaymentAuthorised',
    'CheckoutPaymentDeclined',
    'CheckoutPaymentUnknown',
    'CheckoutExpired',
    'CheckoutRefused',
  ],
  unknown: [
    'CheckoutPaymentAuthorised',
    'CheckoutPaymentDeclined',
    'CheckoutActionRequired',
    'CheckoutExpired',
    'CheckoutRefused',
  ],
  /** What was held may have expired and been sold. */
  authorised: ['CheckoutCompleted', 'CheckoutStockShort', 'CheckoutRefused'],
  failing: ['CheckoutFailed', 'CheckoutCompleted'],
  completed: [],
  failed: [],
};

function decide(command: CheckoutCommand, state: Checkout | null): readonly CheckoutEvent[] | Rejection {
  if (command.type === 'StartCheckout') {
    if (state) return [];
    const { order } = command;
    const checkoutId = checkoutIdOf(order.orderId);
    return [{ type: 'CheckoutStarted', data: { ...order, checkoutId } }];
  }
  if (!state) return reject('not_found', 'There is no such checkout.');
  const possible =
    state.phase === 'started' && state.order.dispatch === 'at_once' ? ['CheckoutCompleted'] : OUTCOMES_OF[state.phase];
  return possible.includes(command.outcome.type) ? [command.outcome] : [];
}

function evolve(state: Checkout | null, { type, data }: CheckoutEvent, at: number): Checkout {
  if (type === 'CheckoutStarted') {
    const { checkoutId, ...order } = data;
    return { checkoutId, startedAt: at, phase: 'started', order, rounds: [firstRound(order)] };
  }
  const known = state!;
  switch (type) {
    case 'CheckoutPaymentAuthorised':
      return { ...known, phase: 'authorised' };
    case 'CheckoutPaymentUnknown':
      return { ...known, phase: 'unknown' };
    case 'CheckoutActionRequired':
      return { ...known, phase: 'waiting' };
    case 'CheckoutReallocated': {
      const { round, allocation } = data;
      const next = { reservationId: `${known.order.orderId}/${round}`, parcels: allocation };
      return { ...known, rounds: [...known.rounds, next] };
    }
    case 'CheckoutExpired': {
      const failure = reject('payment_declined', 'The order was not paid in time.', { declineCode: EXPIRED });
      return { ...known, phase: 'failing', failure };
    }
    case 'CheckoutStockShort': {
      const { available } = data;
      const detail = `There is not enough of ${named(Object.keys(available))}.`;
      return { ...known, phase: 'failing', failure: reject('out_of_stock', detail, { available }) };
    }
    case 'CheckoutPaymentDeclined': {
      const { declineCode } = data;
      const failure = reject('payment_declined', `The payment was declined: ${declineCode}.`, { declineCode });
      return { ...known, phase: 'failing', failure };
    }
    case 'CheckoutRefused':
      return { ...known, phase: 'failing', failure: reject(data.code as ProblemCode, data.detail) };
    case 'CheckoutCompleted': {
      const { failure, ...sold } = known;
      return { ...sold, phase: 'completed' };
    }
    case 'CheckoutFailed':
      return { ...known, phase: 'failed' };
  }
}

function reasonOf({ rejected, extra }: Rejection): string {
  return extra?.declineCode === EXPIRED ? EXPIRED : rejected;
}

function firstRound({ orderId, allocation, lines }: CheckoutOrder): Round {
  return { reservationId: orderId, parcels: allocation ?? atDefaultLocation(lines) };
}

/** In a sentence; the first few are enough, and fit what an order keeps of its rejection. */
function named(skus: readonly string[]): string {
  const more = skus.length - MAX_NAMED_SKUS;
  return more > 0 ? `${skus.slice(0, MAX_NAMED_SKUS).join(', ')} and ${more} more` : skus.join(', ');
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
  /** None for its own order and payment: there is one of each, and their first events fit a write unit the better. */
  const targetOf = (stream: StreamId): string[] => (idOf(stream) === idOf(streamOf(checkoutId)) ? [] : [idOf(stream)]);
  /** The same commands for the nth time, which are others than those of the first. */
  const nth = <C>(n: number, issued: readonly Issued<C>[]): Issued<C>[] =>
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
      return nth(rounds.indexOf(round) + 1, issued.flat());
    });
  const stockStep = (name: string, ...args: Parameters<typeof toStock>): CheckoutStep => {
    return { name, aggregate: 'stock', commands: toStock(...args) };
  };
  const releaseAll = (of: readonly Round[]) =>
    stockStep('release', ({ quantity, ...id }) => [{ type: 'ReleaseReservation', ...id }], of);
  const toCoupons = (name: string, commandFor: (code: string) => CouponCommand): CheckoutStep[] => {
    const commands = coupons.flatMap(({ code }) => issue(couponStream(code), commandFor(code)));
    return commands.length === 0 ? [] : [{ name, aggregate: 'coupon', commands }];
  };

  return {
    place: () => toOrder('place', { type: 'PlaceOrder', contents }),
    redeem: () => toCoupons('redeem', (code) => ({ type: 'RedeemCoupon', code, orderId, customerId })),
    releaseEarlier: () => (rounds.length === 1 ? [] : [releaseAll(rounds.slice(0, -1))]),
    reserve() {
      const expiresAt = startedAt + RESERVATION_MS;
      return stockStep('reserve', (reservation) => [{ type: 'ReserveStock', ...reservation, expiresAt }]);
    },
    authorise: () => toPayment('authorise', requestAuthorisation),
    /** Twice in the time that stock is held. */
    extend(now: number): CheckoutStep[] {
      const count = Math.floor((2 * (now - startedAt)) / RESERVATION_MS);
      if (count < 1) return [];
      const expiresAt = startedAt + (1 + count / 2) * RESERVATION_MS;
      const commands = toStock(({ quantity, ...id }) => [{ type: 'ExtendReservation', ...id, expiresAt }]);
      return [{ name: 'extend', optional: true, aggregate: 'stock', commands: nth(count, commands) }];
    },
    commit: () => stockStep('commit', (reservation) => [{ type: 'CommitReservation', ...reservation }]),
    confirm() {
      const { reservationId, parcels } = lastRound;
      const moved = rounds.length > 1 && { reservationId, allocation: [...parcels] };
      return toOrder('confirm', { type: 'ConfirmOrder', ...moved });
    },

    /** Reserved, committed and shipped in one commit of each stock stream. */
    take: () =>
      stockStep('take', ({ quantity, ...id }) => [
        { type: 'ReserveStock', ...id, quantity },
        { type: 'CommitReservation', ...id, quantity },
        { type: 'ShipReservation', ...id },
      ]),
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
        { type: 'FulfilOrder', fulfilmentId: keyOfOperation('dispatch'), settled: true },
      ),

    /** First: it is the order that says whether it is given up, or another worker has confirmed it meanwhile. */
    reject: (reason: string, detail: string) => toOrder('reject', { type: 'RejectOrder', reason, detail }),
    /** Before the stock is let go: as long as money may be held, it is. */
    void: () => toPayment('void', { type: 'RequestVoid', operationId: keyOfOperation('void'), ...payment }),
    release: () => releaseAll(rounds),
    giveBack: () => toCoupons('give back', (code) => ({ type: 'ReleaseRedemption', code, orderId })),
    reopen({ rejected, extra }: Rejection): CheckoutStep[] {
      if (!cartId) return [];
      const available = extra?.available as Record<string, number> | undefined;
      const command: CartCommand = { type: 'ReopenCart', orderId, reason: rejected, ...(available && { available }) };
      return [{ name: 'reopen', aggregate: 'cart', commands: issue(streamOf(cartId), command) }];
    },
  };
}

type Reservation = Parcel & { reservationId: string };

function idOf(stream: StreamId): string {
  return stream.slice(stream.indexOf('#') + 1);
}
