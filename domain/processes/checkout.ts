// The checkout process, pure: the record of what came of its steps, which are in checkout-steps.ts. Whoever runs it issues
// the commands of `nextSteps` in order, records the outcome first-come, and follows the record, be it its own or another's.
//
//   started ───────► authorised ──► completed     place, redeem, reserve, authorise │ commit, confirm
//    │  ├► waiting ──┤   │                        the customer has to act, but not for ever
//    │  ├► unknown ──┘   │                        the provider is asked again, the stock stays reserved
//    │  └► started       │                        stock is short here: once more, from other locations or a little later
//    └───────────────────┴──────► failing ──► failed     reject, void, release, reopen
//                                    └──────► completed  the order says that another worker has sold it meanwhile
import type { Cart } from '../cart/cart.js';
import type { Decider } from '../kernel/decider.js';
import { siblingId } from '../kernel/id.js';
import { defined } from '../kernel/json.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import { refusalOfSize } from '../order/order-lines.js';
import { atDefaultLocation, type Parcel } from '../order/parcels.js';
import { type Payment, toldDeclineCode } from '../payment/ledger.js';
import { type MethodKind, PAY_WITHIN_MS } from '../payment/method-kinds.js';
import { type CheckoutEvent, type CheckoutOrder, type CheckoutOutcome, checkoutEvents } from './checkout-events.js';

const MAX_NAMED_SKUS = 10;

/** How often stock is asked for, each time elsewhere or later, before the customer is told that it is short. */
export const MAX_ROUNDS = 10;

/** How long a checkout waits for units that other checkouts hold at this moment. */
export const MAX_STOCK_WAIT_MS = 2_000;

export type CheckoutCommand =
  | { type: 'StartCheckout'; order: CheckoutOrder }
  | { type: 'RecordOutcome'; outcome: CheckoutOutcome };

export interface Checkout {
  checkoutId: string;
  /** In ms of the log's clock. */
  startedAt: number;
  phase: 'started' | 'waiting' | 'unknown' | 'authorised' | 'failing' | 'completed' | 'failed';
  order: CheckoutOrder;
  /** What the customer pays with, once the provider has said that it takes them some time. */
  kind?: MethodKind;
  /** Where stock was asked for, the last attempt last. */
  rounds: readonly Round[];
  /** Why it is failing or has failed, as the customer is told. */
  failure?: Rejection;
  /** It fails because nobody paid in time. */
  expired?: true;
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
    const tooLarge = refusalOfSize(order);
    if (tooLarge) return tooLarge;
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
      return { ...known, phase: 'waiting', ...defined({ kind: data.kind }) };
    case 'CheckoutReallocated': {
      const { round, allocation } = data;
      const next = { reservationId: `${known.order.orderId}/${round}`, parcels: allocation };
      return { ...known, rounds: [...known.rounds, next] };
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

function firstRound({ orderId, allocation, lines }: CheckoutOrder): Round {
  return { reservationId: orderId, parcels: allocation ?? atDefaultLocation(lines) };
}

/** In a sentence; the first few are enough, and fit what an order keeps of its rejection. */
function named(skus: readonly string[]): string {
  const more = skus.length - MAX_NAMED_SKUS;
  return more > 0 ? `${skus.slice(0, MAX_NAMED_SKUS).join(', ')} and ${more} more` : skus.join(', ');
}
