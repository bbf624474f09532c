// The checkout process, pure: which steps are due, and the record of what came of them. Whoever runs it issues the
// commands of `nextSteps` in order, records the outcome first-come, and follows the record, be it its own or another's.
//
//   started ──────► authorised ──► completed      place, reserve, authorise │ commit, confirm
//      │  └► unknown ──┘  │                       the provider is asked again, the stock stays reserved
//      └──────────────────┴──────► failing ──► failed      release, void, reject, reopen
import type { Cart, CartCommand } from '../cart/cart.js';
import type { Decider } from '../kernel/decider.js';
import { type ProblemCode, type Rejection, reject } from '../kernel/errors.js';
import { DEFAULT_LOCATION, siblingId, streamOf } from '../kernel/id.js';
import type { StreamId } from '../kernel/stream.js';
import type { OrderLine } from '../order/events.js';
import { type OrderCommand, orderLines, totalsOf } from '../order/order.js';
import type { Payment, PaymentCommand } from '../payment/payment.js';
import { type StockCommand, stockStream } from '../stock/stock-item.js';
import { type CheckoutEvent, type CheckoutOrder, type CheckoutOutcome, checkoutEvents } from './checkout-events.js';

type Item = Omit<OrderLine, 'id' | 'total'>;

const MAX_NAMED_SKUS = 10;

export type CheckoutCommand =
  | { type: 'StartCheckout'; order: Omit<CheckoutOrder, 'lines'> & { lines: readonly Item[] } }
  | { type: 'RecordOutcome'; outcome: CheckoutOutcome };

export interface Checkout {
  checkoutId: string;
  /** In ms of the log's clock. */
  startedAt: number;
  phase: 'started' | 'unknown' | 'authorised' | 'failing' | 'completed' | 'failed';
  order: CheckoutOrder;
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

/** What the runner issues to one aggregate, in order for each stream; the streams do not depend on each other. */
export type CheckoutStep = { name: string } & (
  | { aggregate: 'order'; commands: readonly Issued<OrderCommand>[] }
  | { aggregate: 'stock'; commands: readonly Issued<StockCommand>[] }
  /** Afterwards the provider is asked whatever `dueCall` of the payment says. */
  | { aggregate: 'payment'; commands: readonly Issued<PaymentCommand>[] }
  | { aggregate: 'cart'; commands: readonly Issued<CartCommand>[] }
);

export interface Issued<C> {
  /** Command id, the same whoever issues it: `<process>/<command>/<target>`; a process sends each command to a target once. */
  id: string;
  stream: StreamId;
  command: C;
}

/** The id under which the outcome of a process is recorded; one of each kind is enough. */
export function outcomeCommandId({ type, data }: CheckoutOutcome): string {
  return `${data.checkoutId}/record/${type}`;
}

/** The checkout of a submitted cart; the same whoever starts it. */
export function checkoutOfCart(cart: Cart): CheckoutCommand & { type: 'StartCheckout' } {
  const { cartId, customerId, currency, lines, shipping, shippingAddress, submission } = cart;
  if (!submission || !shipping) throw new Error(`${cartId} is not submitted.`);
  return {
    type: 'StartCheckout',
    order: {
      ...submission,
      customerId,
      placedBy: 'customer',
      currency,
      lines: lines.map(({ sku, title, quantity, unitPrice }) => ({ sku, title, quantity, unitPrice })),
      shipping,
      ...(shippingAddress && { shippingAddress }),
      cartId,
      dispatch: 'later',
    },
  };
}

export function checkoutIdOf(orderId: string): string {
  return siblingId('checkout', orderId);
}

/** The steps up to the next outcome, and that outcome where it is sure; nothing if the process is at its end. */
export function nextSteps(state: Checkout): { steps: readonly CheckoutStep[]; outcome?: CheckoutOutcome } | undefined {
  const { checkoutId, phase, order, failure } = state;
  const step = stepsOf(state);
  switch (phase) {
    case 'started':
      return order.dispatch === 'at_once'
        ? {
            steps: [step.place(), step.take(), step.recordPayment(), step.settle()],
            outcome: { type: 'CheckoutCompleted', data: { checkoutId } },
          }
        : { steps: [step.place(), step.reserve(), step.authorise()] };
    case 'unknown':
      return { steps: [step.authorise()] };
    case 'authorised':
      return {
        steps: [step.commit(), step.confirm()],
        outcome: { type: 'CheckoutCompleted', data: { checkoutId } },
      };
    case 'failing':
      return {
        steps: [step.release(), step.void(), step.reject(failure!), ...step.reopen(failure!)],
        outcome: { type: 'CheckoutFailed', data: { checkoutId, reason: failure!.rejected } },
      };
    case 'completed':
    case 'failed':
      return undefined;
  }
}

/**
 * What to record when commands of a step were rejected. Nothing for an undoing, which has to succeed some time, and for
 * an order dispatched at once: the goods are gone, so the books have to be mended and the process run again.
 */
export function outcomeOfRejections(
  { checkoutId, phase, order }: Checkout,
  step: string,
  rejections: readonly Rejection[],
): CheckoutOutcome | undefined {
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
  { checkoutId }: Checkout,
  { paymentId, status, authorisation }: Payment,
): CheckoutOutcome {
  switch (status) {
    case 'authorised':
      return { type: 'CheckoutPaymentAuthorised', data: { checkoutId } };
    case 'declined':
      return { type: 'CheckoutPaymentDeclined', data: { checkoutId, declineCode: authorisation!.declineCode! } };
    case 'requested':
    case 'unknown':
      return { type: 'CheckoutPaymentUnknown', data: { checkoutId } };
    case 'void_requested':
    case 'voided': {
      const detail = `${paymentId} is voided.`;
      return { type: 'CheckoutRefused', data: { checkoutId, step: 'authorise', code: 'conflict', detail } };
    }
  }
}

/** Stock is not recorded apart from payment: that saves a commit, and costs a void of a payment that may never have been. */
const OUTCOMES_OF: Record<Checkout['phase'], readonly CheckoutOutcome['type'][]> = {
  started: [
    'CheckoutStockShort',
    'CheckoutPaymentAuthorised',
    'CheckoutPaymentDeclined',
    'CheckoutPaymentUnknown',
    'CheckoutRefused',
  ],
  unknown: ['CheckoutPaymentAuthorised', 'CheckoutPaymentDeclined', 'CheckoutRefused'],
  authorised: ['CheckoutCompleted', 'CheckoutRefused'],
  failing: ['CheckoutFailed'],
  completed: [],
  failed: [],
};

function decide(command: CheckoutCommand, state: Checkout | null): readonly CheckoutEvent[] | Rejection {
  if (command.type === 'StartCheckout') {
    if (state) return [];
    const { order } = command;
    const checkoutId = checkoutIdOf(order.orderId);
    return [{ type: 'CheckoutStarted', data: { ...order, lines: orderLines(order.lines), checkoutId } }];
  }
  if (!state) return reject('not_found', 'There is no such checkout.');
  const possible =
    state.phase === 'started' && state.order.dispatch === 'at_once' ? ['CheckoutCompleted'] : OUTCOMES_OF[state.phase];
  return possible.includes(command.outcome.type) ? [command.outcome] : [];
}

function evolve(state: Checkout | null, { type, data }: CheckoutEvent, at: number): Checkout {
  if (type === 'CheckoutStarted') {
    const { checkoutId, ...order } = data;
    return { checkoutId, startedAt: at, phase: 'started', order };
  }
  const known = state!;
  switch (type) {
    case 'CheckoutPaymentAuthorised':
      return { ...known, phase: 'authorised' };
    case 'CheckoutPaymentUnknown':
      return { ...known, phase: 'unknown' };
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
    case 'CheckoutCompleted':
      return { ...known, phase: 'completed' };
    case 'CheckoutFailed':
      return { ...known, phase: 'failed' };
  }
}

/** In a sentence; the first few are enough, and fit what an order keeps of its rejection. */
function named(skus: readonly string[]): string {
  const more = skus.length - MAX_NAMED_SKUS;
  return more > 0 ? `${skus.slice(0, MAX_NAMED_SKUS).join(', ')} and ${more} more` : skus.join(', ');
}

/** Every step of the process, as the commands that it consists of. */
function stepsOf({ checkoutId, order }: Checkout) {
  const { provider, paymentMethod, dispatch, occurredAt, ...contents } = order;
  const { orderId, lines, shipping, currency, cartId, allocation } = order;
  const payment = { paymentId: siblingId('payment', orderId), orderId };
  const amount = totalsOf(lines, shipping.amount).total;
  const keyOfOperation = (name: string) => `${checkoutId}/${name}`;
  const authorisationId = keyOfOperation('authorise');
  const requestAuthorisation = {
    type: 'RequestAuthorisation',
    operationId: authorisationId,
    ...payment,
    amount,
    currency,
    provider,
    method: paymentMethod,
  } as const;

  const issue = <C extends { type: string }>(stream: StreamId, ...commands: C[]): Issued<C>[] =>
    commands.map((command) => ({ id: `${checkoutId}/${command.type}/${idOf(stream)}`, stream, command }));
  const toOrder = (name: string, ...commands: OrderCommand[]): CheckoutStep => {
    return { name, aggregate: 'order', commands: issue(streamOf(orderId), ...commands) };
  };
  const toPayment = (name: string, ...commands: PaymentCommand[]): CheckoutStep => {
    return { name, aggregate: 'payment', commands: issue(streamOf(payment.paymentId), ...commands) };
  };
  const toStock = (name: string, commandsFor: (reservation: Reservation) => StockCommand[]): CheckoutStep => {
    const reservations = (allocation ?? atDefaultLocation(lines)).map((parcel) => ({
      ...parcel,
      reservationId: orderId,
    }));
    const commands = reservations.flatMap((made) => issue(stockStream(made), ...commandsFor(made)));
    return { name, aggregate: 'stock', commands };
  };

  return {
    place: () => toOrder('place', { type: 'PlaceOrder', contents }),
    reserve: () => toStock('reserve', (reservation) => [{ type: 'ReserveStock', ...reservation }]),
    authorise: () => toPayment('authorise', requestAuthorisation),
    commit: () => toStock('commit', ({ quantity, ...id }) => [{ type: 'CommitReservation', ...id }]),
    confirm: () => toOrder('confirm', { type: 'ConfirmOrder' }),

    /** Reserved, committed and shipped in one commit of each stock stream. */
    take: () =>
      toStock('take', ({ quantity, ...id }) => [
        { type: 'ReserveStock', ...id, quantity },
        { type: 'CommitReservation', ...id },
        { type: 'ShipReservation', ...id },
      ]),
    /** Money that is in already: asked for and answered in one commit. */
    recordPayment: () =>
      toPayment(
        'pay',
        requestAuthorisation,
        { type: 'RecordAuthorised', operationId: authorisationId, amount, providerRef: orderId },
        { type: 'RequestCapture', operationId: keyOfOperation('capture'), amount },
        { type: 'RecordCaptured', operationId: keyOfOperation('capture') },
      ),
    settle: () =>
      toOrder('settle', { type: 'ConfirmOrder' }, { type: 'FulfilOrder', fulfilmentId: keyOfOperation('dispatch') }),

    release: () => toStock('release', ({ quantity, ...id }) => [{ type: 'ReleaseReservation', ...id }]),
    void: () => toPayment('void', { type: 'RequestVoid', operationId: keyOfOperation('void'), ...payment }),
    reject: ({ rejected, detail }: Rejection) => toOrder('reject', { type: 'RejectOrder', reason: rejected, detail }),
    reopen({ rejected, extra }: Rejection): CheckoutStep[] {
      if (!cartId) return [];
      const available = extra?.available as Record<string, number> | undefined;
      const command: CartCommand = { type: 'ReopenCart', orderId, reason: rejected, ...(available && { available }) };
      return [{ name: 'reopen', aggregate: 'cart', commands: issue(streamOf(cartId), command) }];
    },
  };
}

type Reservation = StockNeed & { location: string; reservationId: string };

function idOf(stream: StreamId): string {
  return stream.slice(stream.indexOf('#') + 1);
}

function atDefaultLocation(lines: readonly StockNeed[]) {
  return stockNeeds(lines).map((need) => ({ ...need, location: DEFAULT_LOCATION }));
}

interface StockNeed {
  sku: string;
  quantity: number;
}

/** What an order needs of each SKU: summed, because a reservation acts once, and sorted, so that all orders ask in one sequence. */
export function stockNeeds(lines: readonly StockNeed[]): StockNeed[] {
  const needs = new Map<string, number>();
  for (const { sku, quantity } of lines) needs.set(sku, (needs.get(sku) ?? 0) + quantity);
  return [...needs].map(([sku, quantity]) => ({ sku, quantity })).sort((a, b) => (a.sku < b.sku ? -1 : 1));
}
