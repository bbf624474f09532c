// The checkout process, pure: what follows from the outcomes of its steps, which are in checkout-steps.ts. Placing the order starts
// it. The order is its only record: a worker takes the steps of `nextSteps`, tells the order the outcome unless another worker has
// told it one first, and follows the order.
//
//   started ───────────────────► completed     redeem, reserve, authorise │ after the answer: commit the stock, count the coupons
//    │  ├► waiting ──┤                          the customer has to act within a time limit
//    │  ├► unknown ──┤                          the provider is asked again; the stock stays reserved
//    │  └► started   │                          stock is short here: try again, from other locations or a little later
//    └───────────────┴─────────► failing ──► failed     void, release, reopen
import { type Cart, linesOfOrder } from '../cart/cart.js';
import { siblingId } from '../kernel/id.js';
import { defined } from '../kernel/json.js';
import type { Rejection } from '../kernel/rejection.js';
import type { CheckoutState, Round } from '../order/checkout-state.js';
import type { Order, OrderCommand } from '../order/order.js';
import { atDefaultLocation } from '../order/parcels.js';
import { type Payment, publicDeclineCode } from '../payment/ledger.js';
import { PAY_WITHIN_MS } from '../payment/method-kinds.js';

const MAX_NAMED_SKUS = 10;

/**
 * How many times a checkout tries to reserve stock, each time elsewhere or later, before the customer is told that it is short.
 */
export const MAX_ROUNDS = 10;

/** How long a checkout waits for units that other checkouts hold at this moment. */
export const MAX_STOCK_WAIT_MS = 2_000;

/** A command that tells the order how a stage of its checkout has ended. */
export type Outcome = Extract<
  OrderCommand,
  {
    type:
      | 'TakeFromElsewhere'
      | 'AwaitCustomer'
      | 'AwaitProvider'
      | 'ConfirmOrder'
      | 'RejectOrder'
      | 'ExpireOrder'
      | 'EndCheckout';
  }
>;

/** An order together with the state of its checkout. */
export interface Checkout extends Omit<CheckoutState, 'furtherRounds'> {
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

export function checkoutOf(order: Order): Checkout {
  const { orderId, placedAt, allocation, lines } = order;
  const { furtherRounds, ...state } = order.checkout;
  const first = { reservationId: orderId, parcels: allocation ?? atDefaultLocation(lines) };
  return {
    checkoutId: checkoutIdOf(orderId),
    startedAt: placedAt,
    order,
    rounds: [first, ...furtherRounds],
    ...state,
  };
}

/** The id of the command that tells an outcome. There is one per type of outcome, and one per further round of reallocation. */
export function outcomeCommandId(checkoutId: string, outcome: Outcome): string {
  const id = `${checkoutId}/${outcome.type}`;
  return outcome.type === 'TakeFromElsewhere' ? `${id}/${outcome.round}` : id;
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
 * The outcome if commands of a step were rejected. Undefined in three cases: a code that no aggregate rejects a step with; an
 * undoing step, which must succeed eventually; and an order dispatched at once, whose goods are gone, so that the records have to
 * be corrected and the process run again.
 */
export function outcomeOfRejections(
  { phase, order }: Checkout,
  step: string,
  rejections: readonly Rejection[],
): Outcome | undefined {
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
        return { type: 'RejectOrder', reason: rejection.rejected, detail: rejection.detail, step };
      default:
        return undefined;
    }
  }
  return outcomeOfShortage(available);
}

/** `available`: the available units of each SKU that is short. */
export function outcomeOfShortage(available: Record<string, number>): Outcome {
  const detail = `There is not enough of ${named(Object.keys(available))}.`;
  return { type: 'RejectOrder', reason: 'out_of_stock', detail, available };
}

/**
 * The outcome after a request to the provider. If the payment is being voided, another worker gave it up, and the order says why.
 */
export function outcomeOfPayment(
  { startedAt }: Checkout,
  { paymentId, status, authorisation }: Payment,
  now: number,
): Outcome {
  switch (status) {
    case 'authorised':
      return { type: 'ConfirmOrder' };
    case 'declined': {
      const declineCode = publicDeclineCode(authorisation!.declineCode!);
      const detail = `The payment was declined: ${declineCode}.`;
      return { type: 'RejectOrder', reason: 'payment_declined', detail, declineCode };
    }
    case 'action_required': {
      const kind = authorisation?.kind;
      return now >= startedAt + PAY_WITHIN_MS[kind ?? 'card']
        ? { type: 'ExpireOrder', detail: 'The order was not paid in time.' }
        : { type: 'AwaitCustomer', ...defined({ kind }) };
    }
    case 'requested':
    case 'unknown':
      return { type: 'AwaitProvider' };
    case 'lapsed':
    case 'void_requested':
    case 'voided': {
      const detail = `${paymentId} is ${status === 'lapsed' ? 'lapsed' : 'voided'}.`;
      return { type: 'RejectOrder', reason: 'conflict', detail, step: 'authorise' };
    }
  }
}

/** The SKUs as part of a sentence. Only the first few are named, so that the text fits the rejection that an order stores. */
function named(skus: readonly string[]): string {
  const more = skus.length - MAX_NAMED_SKUS;
  return more > 0 ? `${skus.slice(0, MAX_NAMED_SKUS).join(', ')} and ${more} more` : skus.join(', ');
}
