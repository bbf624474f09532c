// The checkout process, pure: the record of what came of its steps, which are in checkout-steps.ts. Whoever runs it issues
// the commands of `nextSteps` in order, records the outcome first-come, and follows the record, be it its own or another's.
// What is bought stands in its order alone: that is placed first, and with it the checkout has started.
//
//   started ───────► authorised ──► completed     redeem, reserve, authorise │ commit, confirm
//    │  ├► waiting ──┤   │                        the customer has to act, but not for ever
//    │  ├► unknown ──┘   │                        the provider is asked again, the stock stays reserved
//    │  └► started       │                        stock is short here: once more, from other locations or a little later
//    └───────────────────┴──────► failing ──► failed     reject, void, release, reopen
//                                    └──────► completed  the order says that another worker has sold it meanwhile
import { type Cart, linesOfOrder } from '../cart/cart.js';
import type { Decider } from '../kernel/decider.js';
import { siblingId } from '../kernel/id.js';
import { defined } from '../kernel/json.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import type { Order, OrderCommand } from '../order/order.js';
import { atDefaultLocation, type Parcel } from '../order/parcels.js';
import { type Payment, toldDeclineCode } from '../payment/ledger.js';
import { type MethodKind, PAY_WITHIN_MS } from '../payment/method-kinds.js';
import { type CheckoutOutcome, checkoutEvents } from './checkout-events.js';

const MAX_NAMED_SKUS = 10;

/** How often stock is asked for, each time elsewhere or later, before the customer is told that it is short. */
export const MAX_ROUNDS = 10;

/** How long a checkout waits for units that other checkouts hold at this moment. */
export const MAX_STOCK_WAIT_MS = 2_000;

export interface CheckoutCommand {
  type: 'RecordOutcome';
  outcome: CheckoutOutcome;
}

/** What is recorded of a checkout, at first nothing. */
export interface CheckoutRecord {
  phase: 'started' | 'waiting' | 'unknown' | 'authorised' | 'failing' | 'completed' | 'failed';
  /** What the customer pays with, once the provider has said that it takes them some time. */
  kind?: MethodKind;
  /** Where stock was asked for after the first attempt, the last one last. */
  furtherRounds: readonly Round[];
  /** Why it is failing or has failed, as the customer is told. */
  failure?: Rejection;
  /** It fails because nobody paid in time. */
  expired?: true;
}

export const checkout: Decider<CheckoutCommand, CheckoutRecord, CheckoutOutcome> = {
  category: 'checkout',
  events: checkoutEvents,
  initialState: { phase: 'started', furtherRounds: [] },
  decide,
  evolve,
};

/** An order on its way through its checkout. */
export interface Checkout extends Omit<CheckoutRecord, 'furtherRounds'> {
  checkoutId: string;
  /** In ms of the log's clock. */
  startedAt: number;
  /** What of the order does not change. */
  order: Bought;
  /** Where stock was asked for, the last attempt last. */
  rounds: readonly Round[];
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

export interface Round {
  reservationId: string;
  parcels: readonly Parcel[];
}

/** The id under which the outcome of a process is recorded; one of each kind is enough, but for each further round. */
export function outcomeCommandId({ type, data }: CheckoutOutcome): string {
  const id = `${data.checkoutId}/record/${type}`;
  return type === 'CheckoutReallocated' ? `${id}/${data.round}` : id;
}

/** What a submitted cart is bought with; the same whoever places the order. */
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
      ...(shippingAddress && { shippingAddress }),
      cartId,
    },
  };
}

/** The id of the command that places an order, whoever issues it. */
export function placingId(orderId: string): string {
  return `${checkoutIdOf(orderId)}/PlaceOrder`;
}

/** Its event, which all that the checkout does names as its cause. */
export function placingEventId(orderId: string): string {
  return `${placingId(orderId)}:0`;
}

export function checkoutIdOf(orderId: string): string {
  return siblingId('checkout', orderId);
}

/**
 * What to record when commands of a step were rejected. An order that cannot be rejected was confirmed by another worker, so
 * the checkout has completed. Nothing for a code that no aggregate refuses a step with, for an undoing, which has to succeed some time, and for an order dispatched at once:
 * the goods are gone, so the books have to be mended and the process run again.
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
    /** Of an order that is only recorded. */
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
  /** What was held may have expired and been sold. */
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
      const declineCode = toldDeclineCode(data.declineCode);
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

/** In a sentence; the first few are enough, and fit what an order keeps of its rejection. */
function named(skus: readonly string[]): string {
  const more = skus.length - MAX_NAMED_SKUS;
  return more > 0 ? `${skus.slice(0, MAX_NAMED_SKUS).join(', ')} and ${more} more` : skus.join(', ');
}
