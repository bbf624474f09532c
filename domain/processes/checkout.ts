// The checkout process, pure: the record of the outcomes of its steps, which are in checkout-steps.ts. A worker issues the
// commands of `nextSteps` in order, records the outcome unless another worker has recorded one first, and follows the record.
// Only the order states what is bought. It is placed first, and that starts the checkout.
//
//   started ───────► authorised ──► completed     redeem, reserve, authorise │ commit, confirm
//    │  ├► waiting ──┤   │                        the customer has to act within a time limit
//    │  ├► unknown ──┘   │                        the provider is asked again; the stock stays reserved
//    │  └► started       │                        stock is short here: try again, from other locations or a little later
//    └───────────────────┴──────► failing ──► failed     reject, void, release, reopen
//                                    └──────► completed  the order says that another worker has confirmed it meanwhile
import { type Cart, linesOfOrder } from '../cart/cart.js';
import type { Decider } from '../kernel/decider.js';
import { siblingId } from '../kernel/id.js';
import { defined } from '../kernel/json.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import type { Order, OrderCommand } from '../order/order.js';
import { atDefaultLocation, type Parcel } from '../order/parcels.js';
import { GENERIC_DECLINE, latestOf, type Payment, publicDeclineCode } from '../payment/ledger.js';
import { type MethodKind, PAY_WITHIN_MS } from '../payment/method-kinds.js';
import { type CheckoutOutcome, checkoutEvents } from './checkout-events.js';

const MAX_NAMED_SKUS = 10;

/**
 * How many times a checkout tries to reserve stock, each time elsewhere or later, before the customer is told that it is short.
 */
export const MAX_ROUNDS = 10;

/** How long a checkout waits for units that other checkouts hold at this moment. */
export const MAX_STOCK_WAIT_MS = 2_000;

export interface CheckoutCommand {
  type: 'RecordOutcome';
  outcome: CheckoutOutcome;
}

/** The recorded state of a checkout. At first nothing is recorded. */
export interface CheckoutRecord {
  phase: 'started' | 'waiting' | 'unknown' | 'authorised' | 'failing' | 'completed' | 'failed';
  /** The kind of payment, set once the provider has said that it takes time. */
  kind?: MethodKind;
  /** The attempts to reserve stock after the first one, in order. */
  furtherRounds: readonly Round[];
  /** Why the checkout is failing or has failed, as the customer is told. */
  failure?: Rejection;
  /** The checkout fails because it was not paid in time. */
  expired?: true;
}

export const checkout: Decider<CheckoutCommand, CheckoutRecord, CheckoutOutcome> = {
  category: 'checkout',
  events: checkoutEvents,
  initialState: { phase: 'started', furtherRounds: [] },
  decide,
  evolve,
};

/** An order together with the state of its checkout. */
export interface Checkout extends Omit<CheckoutRecord, 'furtherRounds'> {
  checkoutId: string;
  /** In ms of the log's clock. */
  startedAt: number;
  /** The parts of the order that do not change. */
  order: Bought;
  /** All attempts to reserve stock, in order. */
  rounds: readonly [Round, ...Round[]];
}

type Bought = Pick<
  Order,
  | 'orderId'
  | 'shipping'
  | 'customerId'
  | 'currency'
  | 'lines'
  | 'total'
  | 'payment'
  | 'coupons'
  | 'emailKey'
  | 'cartId'
  | 'dispatch'
  | 'occurredAt'
>;

export function checkoutOf(order: Order, { furtherRounds, ...record }: CheckoutRecord): Checkout {
  const { orderId, placedAt, allocation, lines } = order;
  const first = { reservationId: orderId, parcels: allocation ?? atDefaultLocation(lines) };
  return {
    checkoutId: checkoutIdOf(orderId),
    startedAt: placedAt,
    order,
    rounds: [first, ...furtherRounds],
    ...record,
  };
}

/** The attempt to reserve stock that is under way or has succeeded. */
export function lastRoundOf({ rounds }: Pick<Checkout, 'rounds'>): Round {
  return rounds.at(-1) ?? rounds[0];
}

export interface Round {
  reservationId: string;
  parcels: readonly Parcel[];
}

/** The command id that records an outcome. There is one per type of outcome, and one per further round of reallocation. */
export function outcomeCommandId({ type, data }: CheckoutOutcome): string {
  const id = `${data.checkoutId}/record/${type}`;
  return type === 'CheckoutReallocated' ? `${id}/${data.round}` : id;
}

/** The order that a submitted cart becomes. It is the same for every worker that places it. */
export function orderOfCart(submitted: Cart): OrderCommand & { type: 'PlaceOrder' } {
  const { cartId, customerId, currency, shippingAddress, submission } = submitted;
  if (!submission) throw new Error(`${cartId} is not submitted.`);
  return {
    type: 'PlaceOrder',
    contents: {
      ...submission,
      lines: linesOfOrder(submitted),
      customerId,
      placedBy: 'customer',
      currency,
      ...defined({ shippingAddress }),
      cartId,
    },
  };
}

/** The id of the command that places an order. It is the same for every worker. */
export function placingId(orderId: string): string {
  return `${checkoutIdOf(orderId)}/PlaceOrder`;
}

/** The id of the event that places an order. All later events of the checkout name it as their cause. */
export function placingEventId(orderId: string): string {
  return `${placingId(orderId)}:0`;
}

export function checkoutIdOf(orderId: string): string {
  return siblingId('checkout', orderId);
}

/**
 * The outcome to record when commands of a step were rejected. If the order rejects its own rejection, another worker has
 * confirmed it, so the checkout has completed. Undefined in three cases: a code that no aggregate rejects a step with; an undoing
 * step, which must succeed eventually; and an order dispatched at once, whose goods are gone, so that the records have to be
 * corrected and the process run again.
 */
export function outcomeOfRejections(
  { checkoutId, phase, order }: Checkout,
  step: string,
  rejections: readonly Rejection[],
): CheckoutOutcome | undefined {
  if (step === 'reject') return { type: 'CheckoutCompleted', data: { checkoutId } };
  if (phase === 'failing' || order.dispatch === 'at_once') return undefined;
  const available: Record<string, number> = {};
  for (const rejection of rejections) {
    switch (rejection.rejected) {
      case 'out_of_stock':
        Object.assign(available, rejection.facts.available);
        break;
      case 'not_found':
      case 'conflict':
      case 'rule_violated':
      case 'too_large':
        return {
          type: 'CheckoutRefused',
          data: { checkoutId, step, code: rejection.rejected, detail: rejection.detail },
        };
      default:
        return undefined;
    }
  }
  return { type: 'CheckoutStockShort', data: { checkoutId, available } };
}

/**
 * The outcome to record after the provider was asked. If the payment is being voided, another worker gave it up, and the record
 * says why.
 */
export function outcomeOfPayment({ checkoutId, startedAt }: Checkout, payment: Payment, now: number): CheckoutOutcome {
  const { paymentId, status, authorisation } = payment;
  switch (status) {
    case 'authorised':
      return { type: 'CheckoutPaymentAuthorised', data: { checkoutId } };
    case 'declined':
      return {
        type: 'CheckoutPaymentDeclined',
        data: { checkoutId, declineCode: latestOf(payment).declineCode ?? GENERIC_DECLINE },
      };
    case 'action_required': {
      const kind = authorisation?.kind;
      return now >= startedAt + PAY_WITHIN_MS[kind ?? 'card']
        ? { type: 'CheckoutExpired', data: { checkoutId } }
        : { type: 'CheckoutActionRequired', data: { checkoutId, ...defined({ kind }) } };
    }
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

/**
 * Stock is not recorded separately from payment. That saves a commit, and costs a void of a payment that may never have existed.
 */
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
    /** Only for an order that is recorded after the fact. */
    'CheckoutCompleted',
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
  /** The reservation may have expired and the units been sold. */
  authorised: ['CheckoutCompleted', 'CheckoutStockShort', 'CheckoutRefused'],
  failing: ['CheckoutFailed', 'CheckoutCompleted'],
  completed: [],
  failed: [],
};

function decide({ outcome }: CheckoutCommand, { phase }: CheckoutRecord): readonly CheckoutOutcome[] {
  return OUTCOMES_OF[phase].includes(outcome.type) ? [outcome] : [];
}

function evolve(known: CheckoutRecord, { type, data }: CheckoutOutcome): CheckoutRecord {
  switch (type) {
    case 'CheckoutPaymentAuthorised':
      return { ...known, phase: 'authorised' };
    case 'CheckoutPaymentUnknown':
      return { ...known, phase: 'unknown' };
    case 'CheckoutActionRequired':
      return { ...known, phase: 'waiting', ...defined({ kind: data.kind }) };
    case 'CheckoutReallocated': {
      const { checkoutId, round, allocation } = data;
      const next = { reservationId: `${siblingId('order', checkoutId)}/${round}`, parcels: allocation };
      return { ...known, furtherRounds: [...known.furtherRounds, next] };
    }
    case 'CheckoutExpired': {
      const failure = reject('payment_declined', 'The order was not paid in time.', { declineCode: 'expired' });
      return { ...known, phase: 'failing', failure, expired: true };
    }
    case 'CheckoutStockShort': {
      const { available } = data;
      const detail = `There is not enough of ${named(Object.keys(available))}.`;
      return { ...known, phase: 'failing', failure: reject('out_of_stock', detail, { available }) };
    }
    case 'CheckoutPaymentDeclined': {
      const declineCode = publicDeclineCode(data.declineCode);
      const failure = reject('payment_declined', `The payment was declined: ${declineCode}.`, { declineCode });
      return { ...known, phase: 'failing', failure };
    }
    case 'CheckoutRefused':
      return { ...known, phase: 'failing', failure: reject(data.code, data.detail) };
    case 'CheckoutCompleted': {
      const { failure, expired, ...sold } = known;
      return { ...sold, phase: 'completed' };
    }
    case 'CheckoutFailed':
      return { ...known, phase: 'failed' };
  }
}

/** The SKUs as part of a sentence. Only the first few are named, so that the text fits the rejection that an order stores. */
function named(skus: readonly string[]): string {
  const more = skus.length - MAX_NAMED_SKUS;
  return more > 0 ? `${skus.slice(0, MAX_NAMED_SKUS).join(', ')} and ${more} more` : skus.join(', ');
}
