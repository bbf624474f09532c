import { expect } from 'chai';
import fc from 'fast-check';
import { CART_IDLE_MS } from '../../domain/cart/events.js';
import { RENEW_WITHIN_MS } from '../../domain/payment/payment.js';
import { FORGOTTEN_AGAIN_AFTER_MS, RECOVER_AFTER_MS } from '../../domain/processes/agenda.js';
import { checkoutIdOf } from '../../domain/processes/checkout.js';
import { RESERVATION_MS } from '../../domain/processes/checkout-steps.js';
import { EPOCH, interleavingOf, project, recorded } from '../../test/read-models.js';
import { the } from '../../test/the.js';
import { agenda } from './agenda.js';

const orderId = 'order_1';
const cartId = 'cart_1';
const checkoutId = checkoutIdOf(orderId);
const paymentId = 'payment_1';

/** Each event is committed a second after the one before. */
const due = (version: number, afterMs = RECOVER_AFTER_MS) => new Date(EPOCH + version * 1_000 + afterMs).toISOString();
const happened = (...events: [type: string, data: object][]) =>
  events.map(([type, data], index) => recorded({ type, data }, index + 1));
const agendaAfter = (...events: [type: string, data: object][]) => project(agenda, happened(...events));

const submitted: [string, object] = ['CartSubmitted', { orderId, cartId }];
const lines = [
  { sku: 'MUG', quantity: 1 },
  { sku: 'CUP', quantity: 1 },
];
const placed: [string, object] = ['OrderPlaced', { orderId, cartId, lines }];
const ofOrder = (type: string, more = {}): [string, object] => [type, { orderId, ...more }];
const committed = (sku: string, reservationId = orderId): [string, object] => {
  return ['ReservationCommitted', { sku, location: 'main', reservationId, quantity: 1 }];
};

describe('The agenda', () => {
  it('holds a checkout from the submission of its cart on, so that one that never started is found', () => {
    expect(agendaAfter(submitted).get(checkoutId)).to.deep.include({
      item: { kind: 'checkout', orderId, cartId },
      dueAt: due(1),
    });
  });

  it('makes a checkout due some time after it last moved', () => {
    const item = { kind: 'checkout', orderId, cartId } as const;
    expect(agendaAfter(placed).get(checkoutId)).to.deep.include({ item, dueAt: due(1) });
    const moves = ['CheckoutPaymentUnknown', 'OrderRejected', 'OrderExpired', 'OrderWithdrawn', 'OrderConfirmed'];
    for (const move of moves) {
      expect(agendaAfter(placed, ofOrder(move)).get(checkoutId)).to.deep.include({ item, dueAt: due(2) });
    }
    const moved = ofOrder('CheckoutReallocated', { allocation: [{ sku: 'MUG', location: 'east', quantity: 1 }] });
    expect(agendaAfter(placed, moved).get(checkoutId)).to.deep.include({ item, dueAt: due(2), parcels: 1 });
    const withoutCart = agendaAfter(['OrderPlaced', { orderId, lines }]).get(checkoutId);
    expect(withoutCart?.item).to.deep.equal({ kind: 'checkout', orderId });
  });

  it('drops a checkout that was undone, even if an event of its cart arrives later', () => {
    const histories = [
      happened(submitted),
      happened(placed, ofOrder('CheckoutPaymentUnknown'), ofOrder('OrderRejected'), ofOrder('CheckoutUndone')),
    ];
    fc.assert(
      fc.property(interleavingOf(histories), (events) => {
        expect(project(agenda, events).get(checkoutId)).to.deep.equal({ ended: true });
      }),
    );
  });

  it('holds the checkout of a confirmed order until all its reservations are committed, in any order of events', () => {
    const histories = [
      happened(submitted),
      happened(placed, ofOrder('OrderConfirmed')),
      happened(committed('MUG')),
      happened(committed('CUP')),
    ];
    fc.assert(
      fc.property(interleavingOf(histories), (events) => {
        for (const [n] of events.entries()) {
          const before = events.slice(0, n + 1);
          const followed = before.filter(({ type }) => type === 'OrderConfirmed' || type === 'ReservationCommitted');
          const document = project(agenda, before).get(checkoutId);
          if (followed.length === 3) expect(document).to.deep.equal({ ended: true });
          else expect(document).not.to.have.property('ended');
        }
      }),
    );
    const half = agendaAfter(placed, ofOrder('OrderConfirmed'), committed('MUG'), committed('CUP', 'order_2'));
    expect(half.get(checkoutId)).to.include({ dueAt: due(2) });
  });

  it('counts the reservations of the last attempt, and none of a reallocation or of goods that had left before', () => {
    const allocation = [{ sku: 'MUG', location: 'east', quantity: 1 }];
    const elsewhere = [ofOrder('CheckoutReallocated', { round: 2, allocation }), ofOrder('OrderConfirmed')] as const;
    const found = agendaAfter(placed, ...elsewhere, committed('MUG', `${orderId}/reallocation/1`)).get(checkoutId);
    expect(found).to.include({ dueAt: due(3) });
    expect(agendaAfter(placed, ...elsewhere, committed('MUG', `${orderId}/2`)).get(checkoutId)).to.deep.equal({
      ended: true,
    });
    const atOnce: [string, object] = ['OrderPlaced', { orderId, lines, dispatch: 'at_once' }];
    expect(agendaAfter(atOnce).get(checkoutId)).to.include({ dueAt: due(1) });
    expect(agendaAfter(atOnce, ofOrder('OrderConfirmed')).get(checkoutId)).to.deep.equal({ ended: true });
  });

  it('holds an order until each of its operations is settled', () => {
    const cancelled: [string, object] = ['OrderLinesCancelled', { orderId, cancellationId: 'c' }];
    const fulfilled: [string, object] = ['OrderFulfilled', { orderId, fulfilmentId: 's', from: [] }];
    const settled = (operationId: string): [string, object] => ['OrderSettled', { orderId, operationId }];
    expect(agendaAfter(fulfilled, cancelled).get(orderId)).to.deep.include({
      item: { kind: 'settlement', orderId },
      dueAt: due(1),
    });
    expect(agendaAfter(fulfilled, cancelled, settled('s')).get(orderId)).to.include({ dueAt: due(2) });
    expect(agendaAfter(fulfilled, cancelled, settled('s'), settled('c')).get(orderId)).to.equal(null);
    expect(agendaAfter(['OrderFulfilled', { orderId, fulfilmentId: 's' }]).has(orderId)).to.equal(false);
    const collected: [string, object] = ['CollectionRequested', { orderId, collectionId: 'd' }];
    expect(agendaAfter(collected).get(orderId)).to.include({ dueAt: due(1) });
    expect(agendaAfter(collected, settled('d')).get(orderId)).to.equal(null);
  });

  it('checks a checkout whose customer needs days in time to extend its reservations, and any other soon', () => {
    const waits = (kind?: string) => ofOrder('CheckoutActionRequired', kind === undefined ? {} : { kind });
    for (const kind of [undefined, 'card']) {
      expect(agendaAfter(placed, waits(kind)).get(checkoutId)).to.include({ dueAt: due(2) });
    }
    for (const kind of ['voucher', 'bank_transfer']) {
      expect(agendaAfter(placed, waits(kind)).get(checkoutId)).to.include({ dueAt: due(2, RESERVATION_MS / 2) });
      const after = agendaAfter(placed, waits(kind), ofOrder('OrderConfirmed'));
      expect(after.get(checkoutId), 'it goes on at once').to.include({ dueAt: due(3) });
    }
  });

  it('holds a payment until its provider has answered, and again before its authorisation expires', () => {
    const of = (type: string, operationId: string, more = {}): [string, object] => [
      type,
      { paymentId, orderId, operationId, amount: 100, currency: 'GBP', ...more },
    ];
    const lapsesIn = (days: number) => ({ captureBefore: new Date(EPOCH + days * RENEW_WITHIN_MS).toISOString() });
    const lookedAfter = (days: number) => ({ dueAt: new Date(EPOCH + days * RENEW_WITHIN_MS).toISOString() });
    const item = { kind: 'payment', paymentId, orderId };
    const found = (...events: [string, object][]) => agendaAfter(...events).get(paymentId);
    const asked = of('AuthorisationRequested', 'a');
    const held = of('PaymentAuthorised', 'a', lapsesIn(7));
    expect(found(asked)).to.deep.include({ item, dueAt: due(1) });
    expect(found(asked, of('AuthorisationUnknown', 'a'))).to.include({ dueAt: due(1) });
    expect(found(asked, of('PaymentActionRequired', 'a'))).not.to.have.property('dueAt');
    expect(found(asked, of('PaymentAuthorised', 'a'))).not.to.have.property('dueAt');
    expect(found(asked, held)).to.include(lookedAfter(6));
    const whole = { authorisationId: 'a', final: true };
    const captured = [of('CaptureRequested', 'c', whole), of('PaymentCaptured', 'c')] as const;
    expect(found(asked, held, captured[0])).to.include({ dueAt: due(3) });
    expect(found(asked, held, ...captured)).not.to.have.property('dueAt');
    for (const before of [[asked], [asked, held]]) {
      expect(found(...before, of('VoidRequested', 'v'))).to.include({ dueAt: due(before.length === 1 ? 1 : 3) });
      expect(found(...before, of('VoidRequested', 'v'), of('PaymentVoided', 'v'))).not.to.have.property('dueAt');
    }
    const renewed = [
      of('AuthorisationRequested', 'b'),
      of('PaymentAuthorised', 'b', lapsesIn(9)),
      of('AuthorisationLapsed', 'a'),
    ];
    expect(found(asked, held, of('AuthorisationLapsed', 'a'))).not.to.have.property('dueAt');
    expect(found(asked, held, ...renewed)).to.include(lookedAfter(8));
    const refund = (id: string) => of('RefundRequested', id, { authorisationId: 'a', amount: 10, reason: 'torn' });
    const refunds = [refund('r1'), refund('r2'), of('PaymentRefunded', 'r2')];
    expect(found(asked, held, ...captured, ...refunds)).to.include({ dueAt: due(5) });
    const dispute = { paymentId, orderId, disputeId: 'd', amount: 10, reason: 'fraudulent' };
    const disputed = [...captured, refund('r1'), ['DisputeOpened', dispute] as [string, object]];
    expect(found(asked, held, ...disputed), 'a refund waits for its end').not.to.have.property('dueAt');
    const closed: [string, object] = ['DisputeClosed', { ...dispute, outcome: 'won' }];
    expect(found(asked, held, ...disputed, closed)).to.include({ dueAt: due(5) });
  });

  it('knows when the next reservation of each stock item expires', () => {
    const of = (type: string, reservationId: string, expiresAt?: number): [string, object] => [
      type,
      { sku: 'MUG', location: 'main', reservationId, quantity: 1, ...(expiresAt && { expiresAt }) },
    ];
    const key = 'MUG@main';
    const [soon, late] = [EPOCH + 60_000, EPOCH + 90_000];
    const two = [of('StockReserved', 'r1', late), of('StockReserved', 'r2', soon)];
    expect(agendaAfter(of('StockReserved', 'r1')).has(key)).to.equal(false);
    expect(agendaAfter(...two).get(key)).to.deep.equal({
      item: { kind: 'reservations', sku: 'MUG', location: 'main', expiries: { r1: late, r2: soon } },
      dueAt: new Date(soon).toISOString(),
    });
    const extended = agendaAfter(...two, of('ReservationExtended', 'r2', late + 1)).get(key);
    expect(extended).to.include({ dueAt: new Date(late).toISOString() });
    for (const end of ['ReservationCommitted', 'ReservationReleased', 'ReservationExpired', 'StockShipped']) {
      expect(agendaAfter(...two, of(end, 'r2')).get(key)).to.include({ dueAt: new Date(late).toISOString() });
      expect(agendaAfter(...two, of(end, 'r2'), of(end, 'r1')).get(key)).to.equal(null);
    }
  });

  it("holds a transfer until it has arrived, whichever location's events come first", () => {
    const movement = { sku: 'MUG', movementId: 'm', quantity: 2 };
    const histories = [
      happened(['StockTransferredOut', { ...movement, location: 'main', to: 'east', productId: 'product_1' }]),
      happened(['StockTransferredIn', { ...movement, location: 'east', from: 'main' }]),
    ];
    const item = {
      kind: 'transfer',
      leftAt: EPOCH + 1_000,
      ...movement,
      location: 'main',
      to: 'east',
      productId: 'product_1',
    };
    expect(project(agenda, the(histories[0])).get('m')).to.deep.equal({ item, dueAt: due(1) });
    for (const order of [histories, [...histories].reverse()]) {
      expect(project(agenda, order.flat()).get('m')).to.deep.equal({ ended: true });
    }
  });

  it('holds a redemption from the usual end of its checkout until its outcome is recorded', () => {
    const of = (type: string, more = {}): [string, object] => [type, { code: 'SPRING', orderId, ...more }];
    const item = { kind: 'redemption', code: 'SPRING', orderId };
    const total = 'coupon#SPRING order_1';
    expect(agendaAfter(of('CouponRedeemed')).get(total)).to.deep.equal({ item, dueAt: due(1, RESERVATION_MS) });
    const redeemer = 'customer_ada';
    const both = agendaAfter(of('CouponRedeemed'), of('CouponRedeemed', { redeemer }), of('CouponReleased'));
    expect(both.get('coupon#SPRING@customer_ada order_1')).to.deep.include({ item: { ...item, redeemer } });
    expect(both.get(total)).to.equal(null);
    expect(agendaAfter(of('CouponRedeemed'), of('CouponRedemptionConfirmed')).get(total)).to.equal(null);
  });

  it('takes the steps of forgetting a customer again a minute later, until they are completed', () => {
    const customerId = 'customer_ada';
    const forgotten: [string, object] = ['SubjectForgotten', { customerId }];
    expect(agendaAfter(forgotten).get(customerId)).to.deep.equal({
      item: { kind: 'forgetting', customerId },
      dueAt: due(1, FORGOTTEN_AGAIN_AFTER_MS),
    });
    expect(agendaAfter(forgotten, ['ForgettingCompleted', { customerId }]).get(customerId) ?? null).to.equal(null);
  });

  it('checks a cart that nobody has changed for a day, until it is abandoned, merged or bought', () => {
    const of = (type: string, more = {}): [string, object] => [type, { cartId, ...more }];
    const item = { kind: 'cart', cartId };
    expect(agendaAfter(of('CartCreated')).get(cartId)).to.deep.equal({
      item: { ...item, idleSince: EPOCH + 1_000 },
      dueAt: due(1, CART_IDLE_MS),
    });
    const since = EPOCH + 60_000;
    expect(agendaAfter(of('CartCreated'), of('CartStillActive', { since })).get(cartId)).to.deep.equal({
      item: { ...item, idleSince: since },
      dueAt: new Date(since + CART_IDLE_MS).toISOString(),
    });
    for (const end of [of('CartAbandoned'), of('CartHandedOver'), submitted]) {
      expect(agendaAfter(of('CartCreated'), end).get(cartId)).to.equal(null);
      expect(agendaAfter(of('CartCreated'), end, of('CartReopened')).get(cartId)).to.include({
        dueAt: due(3, CART_IDLE_MS),
      });
    }
  });
});
