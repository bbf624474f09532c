// Workers of several checkouts, interleaved and crashed between any two steps. In the end every order is either sold and paid
// for, or undone without a trace. The world here is a map of states and a set of command ids.
import { expect } from 'chai';
import fc from 'fast-check';
import { TEST_NOW } from '../../test/domain/given-when-then.js';
import { the } from '../../test/the.js';
import { cart } from '../cart/cart.js';
import { type Coupon, countsOf, coupon, couponStream, limitsOf } from '../coupon/coupon.js';
import type { CouponTerms } from '../coupon/events.js';
import type { Decider } from '../kernel/decider.js';
import type { DomainEvent } from '../kernel/event.js';
import { siblingId, streamOf } from '../kernel/id.js';
import { defined } from '../kernel/json.js';
import { isRejection, type Rejection } from '../kernel/rejection.js';
import type { StreamId } from '../kernel/stream.js';
import { order } from '../order/order.js';
import { orderLines } from '../order/order-lines.js';
import { stockNeeds } from '../order/parcels.js';
import { payment } from '../payment/payment.js';
import { dueCall } from '../payment/provider-calls.js';
import { availableOf, stockItem, stockStream } from '../stock/stock-item.js';
import {
  checkoutIdOf,
  checkoutOf,
  orderOfCart,
  outcomeCommandId,
  outcomeOfPayment,
  outcomeOfRejections,
  placingId,
} from './checkout.js';
import { endOfRedemption, followUpSteps, nextSteps } from './checkout-steps.js';

const SKUS = ['CUP-1', 'MUG-1'];
const CODE = 'SPRING';
const CUSTOMER = 'customer_1';

/** The next move: some steps of a worker, its crash, or an outside event. */
type Move =
  | { move: 'steps'; worker: number; steps: number; lost?: 'request' | 'answer' }
  | { move: 'crash'; worker: number }
  | { move: 'receive'; sku: string }
  | { move: 'cancel'; orderNo: number };

const steps = { move: fc.constant('steps' as const), worker: fc.nat(3), steps: fc.integer({ min: 1, max: 12 }) };
const moves: fc.Arbitrary<Move> = fc.oneof(
  { weight: 12, arbitrary: fc.record(steps) },
  { weight: 1, arbitrary: fc.record({ ...steps, lost: fc.constantFrom('request' as const, 'answer' as const) }) },
  { weight: 1, arbitrary: fc.record({ move: fc.constant('crash' as const), worker: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ move: fc.constant('receive' as const), sku: fc.constantFrom(...SKUS) }) },
  {
    weight: 1,
    arbitrary: fc.record({ move: fc.constant('cancel' as const), orderNo: fc.integer({ min: 1, max: 2 }) }),
  },
);

const scenario = fc.record({
  stock: fc.array(fc.nat(4), { minLength: 2, maxLength: 2 }),
  quantities: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 4, maxLength: 4 }),
  declines: fc.array(fc.boolean(), { minLength: 2, maxLength: 2 }),
  limits: fc.record({ limit: fc.constantFrom(1, 2, undefined), limitPerCustomer: fc.constantFrom(1, 2, undefined) }),
  history: fc.array(moves, { minLength: 5, maxLength: 40, size: 'max' }),
});

describe('Checkouts, interleaved and crashed anywhere', () => {
  it('end either sold and paid for, or undone without a trace', () => {
    fc.assert(
      fc.property(scenario, ({ stock, quantities, declines, limits, history }) => {
        const shop = createShop(limits);
        for (const [index, sku] of SKUS.entries()) shop.receive(sku, the(stock[index]));
        const orders = [1, 2].map((n) => shop.submitCart(n, quantities.slice(2 * n - 2, 2 * n), the(declines[n - 1])));
        play(shop, orders, history);
        for (const orderId of orders) shop.finish(orderId);
        for (const orderId of orders) expectSettled(shop, orderId);
        expectStockKept(shop, orders);
        shop.endRedemptions();
        expectCouponsKept(shop, orders, limits);
      }),
      { numRuns: 300 },
    );
  });
});

/** Sold orders count against a limited coupon, no others do, and no id is kept. */
function expectCouponsKept(shop: Shop, orders: readonly string[], { limit, limitPerCustomer }: Limits): void {
  const sold = orders.filter((id) => shop.phaseOf(id) === 'completed');
  for (const [key, most] of [
    [{ code: CODE }, limit],
    [{ code: CODE, redeemer: CUSTOMER }, limitPerCustomer],
  ] as const) {
    const counted = shop.state(coupon, couponStream(key));
    expect(counted.inFlight).to.deep.equal([]);
    expect(counted.redeemed).to.equal(most === undefined ? 0 : sold.length);
  }
}

type Limits = { [K in 'limit' | 'limitPerCustomer']: number | undefined };
type Shop = ReturnType<typeof createShop>;

/** Two workers for each order. A crashed one is replaced by a new one. */
function play(shop: Shop, orders: readonly string[], history: readonly Move[]): void {
  const orderOf = (worker: number) => the(orders[worker % orders.length]);
  const workers = [0, 1, 2, 3].map((worker) => shop.work(orderOf(worker)));
  for (const move of history) {
    if (move.move === 'receive') shop.receive(move.sku, 1);
    else if (move.move === 'cancel') shop.cancelIfPlaced(the(orders[move.orderNo - 1]));
    else if (move.move === 'crash') workers[move.worker] = shop.work(orderOf(move.worker));
    else for (let n = 0; n < move.steps; n++) the(workers[move.worker]).next(move.lost);
  }
}

function expectSettled(shop: Shop, orderId: string): void {
  const phase = shop.phaseOf(orderId);
  const placed = shop.state(order, streamOf(orderId));
  const paid = shop.state(payment, streamOf(siblingId('payment', orderId)));
  const bought = shop.state(cart, streamOf(siblingId('cart', orderId)))!;
  const sold = phase === 'completed';

  expect(phase).to.be.oneOf(['completed', 'failed']);
  expect(placed?.status).to.be.oneOf(sold ? ['confirmed'] : ['rejected', 'cancelled']);
  expect(paid?.status).to.be.oneOf(sold ? ['authorised'] : ['voided', 'declined']);
  expect(shop.isHeld(`${checkoutIdOf(orderId)}/authorise`), 'money is held for what is sold alone').to.equal(sold);
  expect(bought.status).to.equal(sold ? 'submitted' : 'open');
}

function expectStockKept(shop: Shop, orders: readonly string[]): void {
  const sold = orders.filter((id) => shop.phaseOf(id) === 'completed');
  const needed = stockNeeds(sold.flatMap((orderId) => shop.state(order, streamOf(orderId))!.lines));
  for (const sku of SKUS) {
    const item = shop.state(stockItem, stockStream({ sku, location: 'main' }));
    expect(item.reserved).to.equal(0);
    expect(item.committed).to.equal(needed.find((need) => need.sku === sku)?.quantity ?? 0);
    expect(availableOf(item)).to.be.at.least(0);
  }
}

function createShop({ limit, limitPerCustomer }: Limits) {
  const states = new Map<StreamId, unknown>();
  const executed = new Set<string>();
  /** The provider's books: its answer per key, and the keys that may no longer hold money. */
  const answers = new Map<string, 'authorised' | 'declined'>();
  const voided = new Set<string>();
  let movements = 0;

  function state<S>({ initialState }: { initialState: S }, stream: StreamId): S {
    return (states.get(stream) ?? initialState) as S;
  }

  function execute<C, S, E extends DomainEvent>(
    decider: Decider<C, S, E>,
    stream: StreamId,
    id: string,
    command: C,
  ): { rejection?: Rejection; state: S } {
    const before = state(decider, stream);
    if (executed.has(id)) return { state: before };
    const decision = decider.decide(command, before, TEST_NOW);
    if (isRejection(decision)) return { rejection: decision, state: before };
    const after = decision.reduce((folded, event) => decider.evolve(folded, event, TEST_NOW), before);
    if (decision.length > 0) executed.add(id);
    states.set(stream, after);
    if (decider.category === 'coupon') expectWithinLimits(stream, after as Coupon);
    return { state: after };
  }

  const terms: CouponTerms = {
    kind: 'percentage',
    basisPoints: 1,
    ...defined({ limit, limitPerCustomer }),
  };
  execute(coupon, couponStream({ code: CODE }), 'define', { type: 'DefineCoupon', code: CODE, terms });

  function expectWithinLimits(stream: StreamId, { redeemed }: Coupon): void {
    const most = stream === couponStream({ code: CODE }) ? limit : limitPerCustomer;
    expect(redeemed).to.be.within(0, most ?? 0);
  }

  /** One worker's run. It pauses before every command and every call, and may be dropped there. */
  function* work(orderId: string): Generator<void, void, 'request' | 'answer' | undefined> {
    const bought = state(cart, streamOf(siblingId('cart', orderId)))!;
    yield;
    const placed = streamOf(orderId);
    if (!states.has(placed) && bought.submission) execute(order, placed, placingId(orderId), orderOfCart(bought));
    for (;;) {
      const known = state(order, placed)!;
      const process = checkoutOf(known);
      const next = nextSteps(process, TEST_NOW);
      if (!next) {
        for (const step of followUpSteps(process)) {
          for (const { id, stream: target, decider, command } of step.commands) {
            yield;
            execute(decider, target, id, command);
          }
        }
        return;
      }
      let outcome = next.outcome;
      for (const step of next.steps) {
        const rejections: Rejection[] = [];
        for (const { id, stream: target, decider, command } of step.commands) {
          yield;
          const { rejection } = execute(decider, target, id, command);
          if (rejection) rejections.push(rejection);
        }
        if (rejections.length > 0) {
          outcome = outcomeOfRejections(process, step.name, rejections);
          expect(outcome, `${step.name}: ${the(rejections[0]).detail}`).to.not.equal(undefined);
          break;
        }
        if (!step.provider) continue;
        const ledger = streamOf(step.provider.paymentId);
        yield* settle(ledger);
        if (step.outcomeFromPayment) outcome = outcomeOfPayment(process, the(state(payment, ledger)), TEST_NOW);
      }
      yield;
      // The outcome counts only if the order has not changed since the steps began.
      if (state(order, placed) === known)
        execute(order, placed, outcomeCommandId(process.checkoutId, outcome!), outcome!);
    }
  }

  function* settle(stream: StreamId): Generator<void, void, 'request' | 'answer' | undefined> {
    const due = () => dueCall(state(payment, stream), TEST_NOW);
    for (let call = due(); call; call = due()) {
      const { operationId } = call;
      const lost = yield;
      if (call.call === 'void') {
        voided.add(call.authorisation.operationId);
        yield;
        execute(payment, stream, `${operationId}/done`, { type: 'RecordVoided', operationId });
        continue;
      }
      if (lost !== 'request' && !answers.has(operationId)) {
        answers.set(
          operationId,
          voided.has(operationId) || call.authorisation.method === 'pm_declined' ? 'declined' : 'authorised',
        );
      }
      yield;
      if (lost) {
        execute(payment, stream, `${operationId}/unknown`, { type: 'RecordUnknown', operationId });
        return;
      }
      const { amount, currency } = call.authorisation;
      if (answers.get(operationId) === 'authorised') {
        execute(payment, stream, `${operationId}/yes`, {
          type: 'RecordAuthorised',
          operationId,
          amount,
          currency,
          providerRef: 'ref',
        });
      } else {
        execute(payment, stream, `${operationId}/no`, {
          type: 'RecordDeclined',
          operationId,
          declineCode: 'generic_decline',
        });
      }
    }
  }

  return {
    state,
    phaseOf: (orderId: string) => state(order, streamOf(orderId))!.checkout.phase,
    work,
    finish(orderId: string) {
      for (const _ of work(orderId));
    },
    isHeld: (key: string) => answers.get(key) === 'authorised' && !voided.has(key),
    receive(sku: string, quantity: number) {
      if (quantity === 0) return;
      const movementId = `receipt-${movements++}`;
      const item = { sku, location: 'main', productId: `product_${sku}` };
      execute(stockItem, stockStream(item), movementId, { type: 'ReceiveStock', ...item, movementId, quantity });
    },
    /** Does what the agenda does with the leftovers of a crashed worker. */
    endRedemptions() {
      for (const count of countsOf({ code: CODE, amount: 0, ...limitsOf(terms) }, { customerId: CUSTOMER })) {
        const { limit: _, ...key } = count;
        for (const orderId of state(coupon, couponStream(key)).inFlight) {
          execute(
            coupon,
            couponStream(key),
            `agenda/${couponStream(key)}/${orderId}`,
            endOfRedemption(state(order, streamOf(orderId))!.checkout, { ...key, orderId })!,
          );
        }
      }
    },
    cancelIfPlaced(orderId: string) {
      const stream = streamOf(orderId);
      if (state(order, stream)?.status !== 'placed') return;
      execute(order, stream, `${orderId}/cancel`, { type: 'CancelOrder', reason: 'changed my mind' });
    },
    /** Submits a cart with some of each SKU. Returns the order that it becomes. */
    submitCart(n: number, quantities: readonly number[], declines: boolean): string {
      const cartId = `cart_${n}`;
      const stream = streamOf(cartId);
      const address = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };
      const unitPrice = { amount: 100, currency: 'GBP' };
      execute(cart, stream, `${n}/create`, { type: 'CreateCart', cartId, customerId: CUSTOMER, currency: 'GBP' });
      for (const [index, sku] of SKUS.entries()) {
        const line = { lineId: sku, sku, title: sku, quantity: the(quantities[index]), unitPrice };
        execute(cart, stream, `${n}/add/${sku}`, { type: 'AddCartLine', ...line });
      }
      execute(cart, stream, `${n}/address`, { type: 'SetShippingAddress', address });
      execute(cart, stream, `${n}/method`, { type: 'ChooseShippingMethod', method: 'standard' });
      execute(cart, stream, `${n}/submit`, {
        type: 'SubmitCart',
        number: `${n}`,
        lines: orderLines(SKUS.map((sku, i) => ({ sku, title: sku, quantity: the(quantities[i]), unitPrice: 100 }))),
        shipping: { method: 'standard', title: 'Standard delivery', amount: 399 },
        coupons: [{ code: CODE, amount: 0, ...limitsOf(terms) }],
        payment: { provider: 'test', method: declines ? 'pm_declined' : 'pm_card_visa' },
      });
      return the(state(cart, stream)?.submission).orderId;
    },
  };
}
