import { expect } from 'chai';
import fc from 'fast-check';
import { decider, fold, TEST_NOW } from '../../test/domain/given-when-then.js';
import { the } from '../../test/the.js';
import type { Cart } from '../cart/cart.js';
import { reject } from '../kernel/rejection.js';
import { categoryOf } from '../kernel/stream.js';
import type { OrderEvent } from '../order/events.js';
import { type OrderCommand, type OrderContents, order as orderDecider } from '../order/order.js';
import { totalsOf } from '../order/worth.js';
import type { Payment } from '../payment/ledger.js';
import { METHOD_KINDS, PAY_WITHIN_MS } from '../payment/method-kinds.js';
import { type StockCommand, stockItem } from '../stock/stock-item.js';
import {
  type Checkout,
  checkoutOf,
  orderOfCart,
  outcomeCommandId,
  outcomeOfPayment,
  outcomeOfRejections,
  outcomeOfShortage,
} from './checkout.js';
import { type CheckoutStep, endOfRedemption, followUpSteps, nextSteps, RESERVATION_MS } from './checkout-steps.js';

const checkoutId = 'checkout_7';
const orderId = 'order_7';
const payment = { paymentId: 'payment_7', orderId };
const items = [
  { sku: 'MUG-1', title: 'Mug', quantity: 2, unitPrice: 599 },
  { sku: 'CUP-1', title: 'Cup', quantity: 1, unitPrice: 250 },
  { sku: 'MUG-1', title: 'Mug', quantity: 1, unitPrice: 500 },
];
const contents = {
  orderId,
  customerId: 'customer_1',
  placedBy: 'customer',
  currency: 'GBP',
  shipping: { method: 'standard', title: 'Standard delivery', amount: 399 },
  cartId: 'cart_7',
} as const;
const choice = { payment: { provider: 'test', method: 'pm_card_visa' } } as const;
const lines = [
  { id: '1', ...the(items[0]), total: 1198 },
  { id: '2', ...the(items[1]), total: 250 },
  { id: '3', ...the(items[2]), total: 500 },
];
const order: OrderContents = { ...contents, ...choice, lines };
type Placed = Extract<OrderEvent, { type: 'OrderPlaced' }>;
const placed: Placed = {
  type: 'OrderPlaced',
  data: { ...order, number: '7', paymentId: payment.paymentId, ...totalsOf(order) },
};

/** A checkout has started once its order is placed. */
const started = placed;
const startedWith = (more: Partial<Placed['data']>): Placed => ({ ...started, data: { ...started.data, ...more } });
const startedAtOnce = startedWith({
  dispatch: 'at_once',
  payment: { provider: 'external', method: 'pm_card_visa' },
  occurredAt: '2011-12-09T12:50:00.000Z',
});
const rejected = (why: Omit<Extract<OrderEvent, { type: 'OrderRejected' }>['data'], 'orderId'>): OrderEvent => {
  return { type: 'OrderRejected', data: { orderId, ...why } };
};
const short = rejected({
  reason: 'out_of_stock',
  detail: 'There is not enough of MUG-1.',
  available: { 'MUG-1': 1 },
});
const declined = rejected({
  reason: 'payment_declined',
  detail: 'The payment was declined: generic_decline.',
  declineCode: 'generic_decline',
});
const refused = rejected({ reason: 'conflict', detail: 'payment_7 is voided.', step: 'authorise' });
const moved: OrderEvent = {
  type: 'CheckoutReallocated',
  data: { orderId, round: 2, allocation: [{ sku: 'MUG-1', location: 'east', quantity: 3 }] },
};
const acting: OrderEvent = { type: 'CheckoutActionRequired', data: { orderId } };
const expired: OrderEvent = { type: 'OrderExpired', data: { orderId, detail: 'The order was not paid in time.' } };
const withdrawn: OrderEvent = { type: 'OrderWithdrawn', data: { orderId, reason: 'found it cheaper' } };
const unknown: OrderEvent = { type: 'CheckoutPaymentUnknown', data: { orderId } };
const confirmed: OrderEvent = { type: 'OrderConfirmed', data: { orderId } };
const undone: OrderEvent = { type: 'CheckoutUndone', data: { orderId } };

const expireIt = { type: 'ExpireOrder', detail: 'The order was not paid in time.' } as const;

const mugs = { sku: 'MUG-1', location: 'main', reservationId: orderId };
const cups = { ...mugs, sku: 'CUP-1' };
const expiresAt = TEST_NOW + RESERVATION_MS;
const requestAuthorisation = {
  type: 'RequestAuthorisation',
  operationId: 'checkout_7/authorise',
  ...payment,
  customerId: 'customer_1',
  amount: 2347,
  currency: 'GBP',
  provider: 'test',
  method: 'pm_card_visa',
} as const;

/** The provider was asked for nothing. */
const unpaid: Payment = { ...payment, status: 'requested', earlier: [], captures: [], refunds: [], disputes: [] };

type History = [Placed, ...OrderEvent[]];

/** The steps and the outcome that follow from these events, each command as [stream, command]. */
function due(...history: History) {
  return dueAt(TEST_NOW, ...history);
}

function dueAt(now: number, ...history: History) {
  const next = nextSteps(stateAfter(...history), now);
  if (!next) return undefined;
  const steps = next.steps.map(({ name, commands }) => [
    name,
    commands.map(({ stream, command }) => [stream, command]),
  ]);
  return { steps: Object.fromEntries(steps), outcome: next.outcome };
}

function stateAfter(...history: History): Checkout {
  return checkoutOf(fold(orderDecider, null, history, TEST_NOW)!);
}

/** The steps after the answer, each command as [stream, command]. */
function behind(...history: History) {
  return followUpSteps(stateAfter(...history)).flatMap(({ commands }) =>
    commands.map(({ stream, command }) => [stream, command]),
  );
}

describe('A checkout', () => {
  it('starts when its order is placed', () => {
    expect(stateAfter(started)).to.deep.include({ checkoutId, startedAt: TEST_NOW, phase: 'started' });
    const parcels = [
      { sku: 'CUP-1', location: 'main', quantity: 1 },
      { sku: 'MUG-1', location: 'main', quantity: 3 },
    ];
    expect(stateAfter(started).rounds).to.deep.equal([{ reservationId: orderId, parcels }]);
    const allocation = parcels.map((parcel) => ({ ...parcel, location: 'leeds' }));
    expect(stateAfter(startedWith({ allocation })).rounds[0]?.parcels).to.deep.equal(allocation);
  });

  it('first reserves each SKU once, summed and sorted, and requests the authorisation', () => {
    expect(due(started)).to.deep.equal({
      steps: {
        reserve: [
          ['stock#CUP-1@main', { type: 'ReserveStock', ...cups, quantity: 1, expiresAt }],
          ['stock#MUG-1@main', { type: 'ReserveStock', ...mugs, quantity: 3, expiresAt }],
        ],
        authorise: [['payment#7', requestAuthorisation]],
      },
      outcome: undefined,
    });
  });

  it('commits the reservations after the answer, once the order is confirmed', () => {
    const committing = [
      ['stock#CUP-1@main', { type: 'CommitReservation', ...cups, quantity: 1 }],
      ['stock#MUG-1@main', { type: 'CommitReservation', ...mugs, quantity: 3 }],
    ];
    for (const history of [[confirmed], [unknown, confirmed]]) {
      expect(due(started, ...history)).to.equal(undefined);
      expect(behind(started, ...history)).to.deep.equal(committing);
    }
    const [commit] = followUpSteps(stateAfter(started, confirmed));
    expect(commit).to.include({ name: 'commit', repeatable: true });
    expect(behind(started, moved, confirmed)).to.deep.equal([
      [
        'stock#MUG-1@east',
        { type: 'CommitReservation', sku: 'MUG-1', location: 'east', reservationId: 'order_7/2', quantity: 3 },
      ],
    ]);
    expect(behind(startedAtOnce, confirmed)).to.deep.equal([]);
  });

  it('asks again, and keeps the stock, while the outcome is unknown', () => {
    expect(due(started, unknown)).to.deep.equal({
      steps: { authorise: [['payment#7', requestAuthorisation]] },
      outcome: undefined,
    });
  });

  it('parks its stock while it waits for its customer or the provider, so that no other checkout waits for these units', () => {
    for (const history of [[acting], [unknown]]) {
      const behind = followUpSteps(stateAfter(started, ...history));
      const parking = [cups, mugs].map(({ sku, ...id }) => ({
        id: `checkout_7/ParkReservation/${sku}@main`,
        stream: `stock#${sku}@main`,
        decider: stockItem,
        command: { type: 'ParkReservation', sku, ...id },
      }));
      expect(behind.map(({ commands }) => commands)).to.deep.equal([parking]);
    }
    for (const history of [[], [short]]) {
      expect(followUpSteps(stateAfter(started, ...history))).to.deep.equal([]);
    }
  });

  it('undoes everything when it fails, even steps that may never have been taken', () => {
    const releases = [
      ['stock#CUP-1@main', { type: 'ReleaseReservation', ...cups }],
      ['stock#MUG-1@main', { type: 'ReleaseReservation', ...mugs }],
    ];
    const undoing = (
      reason: string,
      { available, release = releases }: { available?: object; release?: object } = {},
    ) => ({
      steps: {
        void: [['payment#7', { type: 'RequestVoid', operationId: 'checkout_7/void', ...payment }]],
        release,
        reopen: [['cart#7', { type: 'ReopenCart', orderId, reason, ...(available && { available }) }]],
      },
      outcome: { type: 'EndCheckout' },
    });
    const afterShortage = undoing('out_of_stock', { available: { 'MUG-1': 1 }, release: [releases[0]] });
    expect(due(started, short)).to.deep.equal(afterShortage);
    expect(behind(started, short)).to.deep.equal([]);
    expect(behind(started, short, undone)).to.deep.equal([releases[1]]);
    expect(behind(started, declined, undone)).to.deep.equal([]);
    expect(due(started, declined)).to.deep.equal(undoing('payment_declined'));
    expect(due(started, unknown, declined)).to.deep.equal(undoing('payment_declined'));
    expect(due(started, refused)).to.deep.equal(undoing('conflict'));
    expect(due(started, acting, withdrawn)).to.deep.equal(undoing('conflict'));
    expect(due(started, acting, expired)).to.deep.equal(undoing('payment_declined'));
  });

  it('waits a limited time for a customer who has to act, and holds the stock', () => {
    const paid = (now: number, status: Payment['status']) =>
      outcomeOfPayment(stateAfter(started, acting), { ...unpaid, status }, now);
    expect(paid(TEST_NOW + PAY_WITHIN_MS.card - 1, 'action_required')).to.deep.equal({ type: 'AwaitCustomer' });
    expect(paid(TEST_NOW + PAY_WITHIN_MS.card, 'action_required')).to.deep.equal(expireIt);
    expect(paid(TEST_NOW + PAY_WITHIN_MS.card, 'authorised')).to.deep.equal({ type: 'ConfirmOrder' });
    expect(due(started, acting)).to.deep.equal({
      steps: { authorise: [['payment#7', requestAuthorisation]] },
      outcome: undefined,
    });
    const later = the(nextSteps(stateAfter(started, acting), TEST_NOW + 1.2 * RESERVATION_MS)?.steps[0]);
    expect(later).to.include({ name: 'extend', optional: true, repeatable: true });
    expect(dueAt(TEST_NOW + RESERVATION_MS / 2 - 1, started, acting)?.steps).to.have.all.keys('authorise');
    expect(dueAt(TEST_NOW + RESERVATION_MS / 2, started, acting)?.steps).to.have.all.keys('extend', 'authorise');
    expect(later.commands).to.deep.equal(
      [cups, mugs].map(({ sku, ...id }) => ({
        id: `checkout_7/ExtendReservation/${sku}@main/${2 * RESERVATION_MS}`,
        stream: `stock#${sku}@main`,
        decider: stockItem,
        command: { type: 'ExtendReservation', sku, ...id, expiresAt: TEST_NOW + 2 * RESERVATION_MS },
      })),
    );
  });

  it('gives the customer a quarter of an hour to pay, and holds the stock five minutes longer', () => {
    expect([PAY_WITHIN_MS.card, RESERVATION_MS]).to.deep.equal([900_000, 1_200_000]);
  });

  for (const kind of ['voucher', 'bank_transfer'] as const) {
    it(`waits for days if the customer pays by ${kind}, and holds the stock that long from the beginning`, () => {
      const waiting: OrderEvent = { type: 'CheckoutActionRequired', data: { orderId, kind } };
      const payBy = TEST_NOW + PAY_WITHIN_MS[kind];
      expect(PAY_WITHIN_MS[kind]).to.be.at.least(3 * 24 * 3_600_000);
      const paid = (now: number) => {
        const { type, paymentId, orderId: _, ...terms } = requestAuthorisation;
        const status = 'action_required';
        const authorisation = { ...terms, requestedAt: TEST_NOW, status, kind } as const;
        return outcomeOfPayment(stateAfter(started), { ...unpaid, status, authorisation }, now);
      };
      expect(paid(payBy - 1)).to.deep.equal({ type: 'AwaitCustomer', kind });
      expect(paid(payBy)).to.deep.equal(expireIt);

      const heldUntil = (steps: readonly CheckoutStep[]) => {
        const { commands } = the(steps.find(({ name }) => name === 'extend'));
        return new Set(commands.map(({ command }) => (command as { expiresAt?: number }).expiresAt));
      };
      const grace = RESERVATION_MS - PAY_WITHIN_MS.card;
      const state = stateAfter(started, waiting);
      expect(heldUntil(followUpSteps(state))).to.deep.equal(new Set([payBy + grace]));
      for (const now of [TEST_NOW, TEST_NOW + RESERVATION_MS, payBy - RESERVATION_MS]) {
        expect(heldUntil(the(nextSteps(state, now)).steps), 'the same, once').to.deep.equal(new Set([payBy + grace]));
      }
      const unknownAtLast = stateAfter(started, waiting, unknown);
      expect(heldUntil(the(nextSteps(unknownAtLast, payBy + grace)).steps)).to.deep.equal(
        new Set([payBy + grace + RESERVATION_MS]),
      );
    });
  }

  it('is paid within the time of its kind, and its stock is held a little longer, at any time of checking', () => {
    fc.assert(
      fc.property(fc.constantFrom(...METHOD_KINDS), fc.double({ min: 0, max: 1, noNaN: true }), (kind, part) => {
        const waiting: OrderEvent = { type: 'CheckoutActionRequired', data: { orderId, kind } };
        const now = TEST_NOW + Math.floor(part * PAY_WITHIN_MS[kind]);
        const steps = the(nextSteps(stateAfter(started, waiting), now)).steps;
        const commands = steps.flatMap((step) => step.commands.map(({ command }) => command as StockCommand));
        const until = commands.map((command) => (command.type === 'ExtendReservation' ? command.expiresAt : 0));
        const held = Math.max(TEST_NOW + RESERVATION_MS, ...until);
        expect(held).to.be.greaterThan(TEST_NOW + PAY_WITHIN_MS[kind]);
        expect(held - RESERVATION_MS).to.be.at.most(TEST_NOW + PAY_WITHIN_MS[kind]);
      }),
    );
  });

  it('reserves stock elsewhere under new reservations, once the earlier ones are released', () => {
    const east = { sku: 'MUG-1', location: 'east', reservationId: 'order_7/2' };
    const { steps } = the(due(started, moved));
    expect(Object.keys(steps)).to.deep.equal(['release', 'reserve', 'authorise']);
    expect(steps.release).to.deep.equal([
      ['stock#CUP-1@main', { type: 'ReleaseReservation', ...cups }],
      ['stock#MUG-1@main', { type: 'ReleaseReservation', ...mugs }],
    ]);
    expect(steps.reserve).to.deep.equal([
      ['stock#MUG-1@east', { type: 'ReserveStock', ...east, quantity: 3, expiresAt }],
    ]);
    expect(due(started, moved, declined)?.steps.release).to.deep.equal([
      ...(steps.release as unknown[]),
      ['stock#MUG-1@east', { type: 'ReleaseReservation', ...east }],
    ]);
    const ids = the(nextSteps(stateAfter(started, moved), TEST_NOW)).steps.flatMap(({ commands }) =>
      commands.map(({ id }) => id),
    );
    expect(ids).to.include.members([
      'checkout_7/ReleaseReservation/MUG-1@main',
      'checkout_7/ReserveStock/MUG-1@east/2',
    ]);
    const movedAgain: OrderEvent = {
      type: 'CheckoutReallocated',
      data: { orderId, round: 3, allocation: [{ sku: 'MUG-1', location: 'west', quantity: 3 }] },
    };
    const third = the(due(started, moved, movedAgain)).steps;
    expect(third.release).to.deep.equal([
      ...(steps.release as unknown[]),
      ['stock#MUG-1@east', { type: 'ReleaseReservation', ...east }],
    ]);
    expect(third.reserve).to.deep.equal([
      [
        'stock#MUG-1@west',
        { type: 'ReserveStock', ...east, location: 'west', reservationId: 'order_7/3', quantity: 3, expiresAt },
      ],
    ]);
  });

  it('redeems coupons before anything else, and releases them when it fails', () => {
    const emailKey = 'e'.repeat(43);
    const coupons = [
      { code: 'SPRING', amount: 100, limited: true as const, limitPerCustomer: 2 },
      { code: 'OPEN', amount: 100 },
    ];
    const withCoupon = startedWith({ coupons, emailKey });
    const { steps } = the(due(withCoupon));
    const spring = { code: 'SPRING', orderId };
    const perCustomer = (redeemer: string) => ({ ...spring, redeemer });
    expect(Object.keys(steps)).to.deep.equal(['redeem', 'reserve', 'authorise']);
    expect(steps.redeem).to.deep.equal([
      ['coupon#SPRING', { type: 'RedeemCoupon', ...spring }],
      ['coupon#SPRING@customer_1', { type: 'RedeemCoupon', ...perCustomer('customer_1'), limit: 2 }],
      [`coupon#SPRING@${emailKey}`, { type: 'RedeemCoupon', ...perCustomer(emailKey), limit: 2 }],
    ]);
    const ended = (type: string) => [
      ['coupon#SPRING', { type, ...spring }],
      ['coupon#SPRING@customer_1', { type, ...perCustomer('customer_1') }],
      [`coupon#SPRING@${emailKey}`, { type, ...perCustomer(emailKey) }],
    ];
    expect(due(withCoupon, declined)?.steps['give back']).to.deep.equal(ended('ReleaseRedemption'));
    const countedAfter = (...history: History) =>
      behind(...history).filter(([stream]) => String(stream).startsWith('coupon#'));
    expect(countedAfter(withCoupon, confirmed)).to.deep.equal(ended('ConfirmRedemption'));
    for (const history of [[], [acting], [declined, undone]]) {
      expect(countedAfter(withCoupon, ...history)).to.deep.equal([]);
    }
  });

  it('does not count an order against a coupon without a limit', () => {
    const withCoupon = startedWith({ coupons: [{ code: 'OPEN', amount: 100 }] });
    expect(due(withCoupon)!.steps).not.to.have.property('redeem');
    expect(due(withCoupon, declined)!.steps).not.to.have.property('give back');
    expect(followUpSteps(stateAfter(withCoupon, confirmed)).map(({ name }) => name)).to.deep.equal(['commit']);
  });

  it('says how a redemption in flight ends, once the checkout has ended', () => {
    const redemption = { code: 'SPRING', redeemer: 'customer_1', orderId };
    const endAfter = (...history: History) => endOfRedemption(stateAfter(...history), redemption);
    expect(endAfter(started)).to.equal(undefined);
    expect(endAfter(started, declined)).to.equal(undefined);
    expect(endAfter(started, confirmed)).to.deep.equal({ type: 'ConfirmRedemption', ...redemption });
    expect(endAfter(started, declined, undone)).to.deep.equal({ type: 'ReleaseRedemption', ...redemption });
  });

  it('of an order without a cart reopens none', () => {
    const { cartId, ...data } = started.data;
    expect(due({ ...started, data }, short)?.steps).to.have.all.keys('release', 'void');
  });

  it('has no further steps at its end', () => {
    expect(due(started, confirmed)).to.equal(undefined);
    expect(due(started, short, undone)).to.equal(undefined);
  });

  it('of an order dispatched at once takes the stock and records the payment in one step', () => {
    const external = { ...requestAuthorisation, provider: 'external' };
    const capture = 'checkout_7/capture';
    expect(due(startedAtOnce)).to.deep.equal({
      steps: {
        take: [
          ['stock#CUP-1@main', { type: 'ShipAtOnce', ...cups, quantity: 1 }],
          ['stock#MUG-1@main', { type: 'ShipAtOnce', ...mugs, quantity: 3 }],
        ],
        pay: [
          ['payment#7', external],
          [
            'payment#7',
            { type: 'RecordAuthorised', operationId: external.operationId, amount: 2347, providerRef: orderId },
          ],
          ['payment#7', { type: 'RequestCapture', operationId: capture, amount: 2347, rest: 0, final: true }],
          ['payment#7', { type: 'RecordCaptured', operationId: capture }],
        ],
      },
      outcome: { type: 'ConfirmOrder' },
    });
  });

  it('sends every command to a stream of its decider', () => {
    const coupons = [{ code: 'SPRING', amount: 100, limited: true as const }];
    const withCoupon = startedWith({ coupons });
    const later = TEST_NOW + RESERVATION_MS;
    const histories: History[] = [[withCoupon], [withCoupon, acting], [withCoupon, short], [startedAtOnce]];
    for (const history of histories) {
      for (const { commands } of the(nextSteps(stateAfter(...history), later)).steps) {
        for (const { stream, decider } of commands) expect(categoryOf(stream)).to.equal(decider.category);
      }
    }
  });

  it('gives each command its own id, the same at any time', () => {
    const histories: History[] = [[started], [started, unknown], [started, short], [startedAtOnce]];
    const ids = histories.map((history) =>
      the(nextSteps(stateAfter(...history), TEST_NOW)).steps.flatMap(({ commands }) => commands.map(({ id }) => id)),
    );
    for (const some of ids) expect(new Set(some).size).to.equal(some.length);
    expect(ids[0]).to.deep.equal([
      'checkout_7/ReserveStock/CUP-1@main',
      'checkout_7/ReserveStock/MUG-1@main',
      'checkout_7/RequestAuthorisation',
    ]);
    expect(ids[1]).to.deep.equal(ids[0]!.slice(-1));
    expect(outcomeCommandId(checkoutId, { type: 'ConfirmOrder' })).to.equal('checkout_7/ConfirmOrder');
    const elsewhere = { type: 'TakeFromElsewhere', round: 2, allocation: [] } as const;
    expect(outcomeCommandId(checkoutId, elsewhere)).to.equal('checkout_7/TakeFromElsewhere/2');
  });
});

describe('The outcome of a step', () => {
  it('is text that a rejection of the order can hold, however much is short', () => {
    const skus = Array.from({ length: 200 }, (_, index) => `${index}-`.padEnd(64, 'X'));
    const shortOf = (some: readonly string[]) => outcomeOfShortage(Object.fromEntries(some.map((sku) => [sku, 0])));
    const { type, ...why } = shortOf(skus) as Extract<OrderCommand, { type: 'RejectOrder' }>;
    decider(orderDecider)
      .given([placed])
      .when({ type, ...why })
      .then([rejected(why)]);
    expect(why.detail).to.equal(`There is not enough of ${skus.slice(0, 10).join(', ')} and 190 more.`);
    expect(shortOf(skus.slice(0, 10)))
      .to.have.property('detail')
      .that.equals(`There is not enough of ${skus.slice(0, 10).join(', ')}.`);
  });

  it('reports a shortage of stock only if nothing else was wrong', () => {
    const noMugs = reject('out_of_stock', 'no mugs', { available: { 'MUG-1': 1 } });
    const noCups = reject('out_of_stock', 'no cups', { available: { 'CUP-1': 0 } });
    const released = reject('conflict', 'was released');
    expect(outcomeOfRejections(stateAfter(started), 'reserve', [noMugs, noCups])).to.deep.equal({
      type: 'RejectOrder',
      reason: 'out_of_stock',
      detail: 'There is not enough of MUG-1, CUP-1.',
      available: { 'MUG-1': 1, 'CUP-1': 0 },
    });
    expect(outcomeOfRejections(stateAfter(started), 'reserve', [noMugs, released])).to.deep.equal({
      type: 'RejectOrder',
      reason: 'conflict',
      detail: 'was released',
      step: 'reserve',
    });
    expect(outcomeOfRejections(stateAfter(started, short), 'release', [released])).to.equal(undefined);
    expect(outcomeOfRejections(stateAfter(startedAtOnce), 'take', [noMugs])).to.equal(undefined);
  });

  it('follows the provider’s answer', () => {
    const said = (status: Payment['status']) => {
      const authorisation = {
        ...requestAuthorisation,
        status: 'declined' as const,
        requestedAt: TEST_NOW,
        declineCode: 'lost_card',
      };
      return outcomeOfPayment(stateAfter(started), { ...unpaid, status, authorisation }, TEST_NOW);
    };
    expect(said('authorised')).to.deep.equal({ type: 'ConfirmOrder' });
    expect(said('declined')).to.deep.equal({
      type: 'RejectOrder',
      reason: 'payment_declined',
      detail: 'The payment was declined: generic_decline.',
      declineCode: 'generic_decline',
    });
    expect(said('unknown')).to.deep.equal({ type: 'AwaitProvider' });
    expect(said('requested')).to.deep.equal({ type: 'AwaitProvider' });
    const givenUp = { type: 'RejectOrder', reason: 'conflict', detail: 'payment_7 is voided.', step: 'authorise' };
    for (const status of ['void_requested', 'voided'] as const) expect(said(status)).to.deep.equal(givenUp);
    expect(said('lapsed')).to.deep.equal({ ...givenUp, detail: 'payment_7 is lapsed.' });
  });
});

describe('The checkout of a cart', () => {
  const costs = items.map(({ unitPrice }) => ({ unitPrice }));
  const submission = { orderId, number: '1000001', lines: costs, shipping: contents.shipping, ...choice };
  const cart: Cart = {
    cartId: 'cart_7',
    customerId: 'customer_1',
    currency: 'GBP',
    status: 'submitted',
    lines: items.map((item, n) => ({ id: `line_${n}`, ...item })),
    additions: [],
    merged: [],
    declined: [],
    coupons: [],
    attempts: 1,
    submission,
    changedAt: TEST_NOW,
    activeSince: TEST_NOW,
  };

  it('is placed with the contents of the submitted cart, the same for every worker', () => {
    expect(orderOfCart(cart)).to.deep.equal({ type: 'PlaceOrder', contents: { ...order, number: '1000001' } });
    const sealed = { sealed: 'customer_1', at: 'cart#7/3/address', box: 'AAAA' };
    const addressed = { ...cart, shippingAddress: sealed, submission: { ...submission, email: sealed } };
    expect(orderOfCart(addressed).contents).to.deep.include({ email: sealed, shippingAddress: sealed });
  });

  it('needs a submitted cart', () => {
    const { submission, ...open } = cart;
    expect(() => orderOfCart(open)).to.throw('not submitted');
  });
});
