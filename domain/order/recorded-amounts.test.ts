// The price of an order, the charge of each shipment and each refund are in its events: by line and by tax rate, to the minor
// unit, whatever the current rounding rules are.
import { expect } from 'chai';
import fc from 'fast-check';
import { fold, TEST_NOW } from '../../test/domain/given-when-then.js';
import { invoiceOf, NOTHING, plus, recorded, shareOf, type VatDocument } from '../../test/domain/vat-documents.js';
import { the } from '../../test/the.js';
import type { CouponTerms } from '../coupon/events.js';
import { eventTypes } from '../events.js';
import { isRejection } from '../kernel/rejection.js';
import type { PaymentEvent } from '../payment/events.js';
import { capturedOf, type Payment, refundedOf } from '../payment/ledger.js';
import { type PaymentCommand, payment } from '../payment/payment.js';
import { quoteOf } from '../pricing/quote.js';
import { settlementSteps } from '../processes/settlement.js';
import type { TaxRate } from '../tariffs/events.js';
import type { LineUnits, OrderEvent } from './events.js';
import { chargedOf, createOrder, dueWith, type Order, type OrderCommand, type OrderContents, order } from './order.js';
import { orderLines } from './order-lines.js';
import { taxesOfPart, taxesWithout } from './taxes.js';
import { type Division, roundedDown } from './worth.js';

const ids = { orderId: 'order_7', paymentId: 'payment_7' };

const roundedUp: Division = (amount, part, whole) =>
  Number((BigInt(amount) * BigInt(part) + BigInt(whole) - 1n) / BigInt(whole));
const roundedHalfUp: Division = (amount, part, whole) =>
  Number((2n * BigInt(amount) * BigInt(part) + BigInt(whole)) / (2n * BigInt(whole)));
/** Possible new rules, and possible old ones. */
const DIVISIONS = [roundedDown, roundedUp, roundedHalfUp];

const terms: fc.Arbitrary<CouponTerms> = fc.oneof(
  fc.integer({ min: 1, max: 10_000 }).map((basisPoints) => ({ kind: 'percentage' as const, basisPoints })),
  fc.integer({ min: 1, max: 5_000 }).map((amount) => ({ kind: 'amount' as const, amount, currency: 'GBP' })),
  fc.constant({ kind: 'free_shipping' as const }),
  fc.constant({ kind: 'buy_x_get_y' as const, buy: 2, get: 1 }),
);
const taxTables = fc
  .record({
    included: fc.boolean(),
    standard: fc.constantFrom(undefined, 2_000, 887.5, 1_900),
    books: fc.constantFrom(undefined, 0, 500),
    shipping: fc.constantFrom(undefined, 2_000, 700),
    region: fc.boolean(),
  })
  .map(({ included, region, ...rates }): TaxRate[] =>
    Object.entries(rates).flatMap(([id, basisPoints]) => {
      if (basisPoints === undefined) return [];
      const place = { country: 'GB', ...(region && id === 'books' && { region: 'SCT' }) };
      const category = id === 'standard' ? {} : { category: id };
      return [{ id, ...place, ...category, basisPoints, ...(included && { included: true as const }) }];
    }),
  );

/** Priced carts with any coupons and any tables. */
const anyContents = fc
  .record({
    items: fc.array(
      fc.record({
        quantity: fc.integer({ min: 1, max: 7 }),
        unitPrice: fc.integer({ min: 0, max: 2_000 }),
        taxCategory: fc.constantFrom(undefined, 'books', 'food'),
      }),
      { minLength: 1, maxLength: 4, size: 'max' },
    ),
    coupons: fc.array(terms, { maxLength: 3, size: 'max' }),
    taxTable: taxTables,
    shipping: fc.integer({ min: 0, max: 500 }),
    refundable: fc.boolean(),
  })
  .map(({ items, coupons, taxTable, shipping, refundable }): OrderContents => {
    const rates = [{ amount: shipping }];
    const quote = quoteOf({
      currency: 'GBP',
      lines: items.map((item, n) => ({ ...item, id: `${n}`, sku: `SKU-${n % 2}`, title: `No. ${n}` })),
      coupons: coupons.map((each, n) => ({ code: `C${n}`, terms: each })),
      shippingMethod: 'post',
      address: { country: 'GB', region: 'SCT' },
      taxTable,
      shippingTable: [{ id: 'post', title: 'By post', zones: [{ currency: 'GBP', by: 'flat', rates }] }],
      now: TEST_NOW,
    });
    const redeemed = quote.coupons.flatMap(({ code, amount }) => (amount > 0 ? [{ code, amount }] : []));
    return {
      orderId: ids.orderId,
      customerId: 'customer_1',
      placedBy: 'customer',
      currency: 'GBP',
      lines: orderLines(quote.lines),
      shipping: { ...the(quote.shipping), ...(refundable && { refundable: true as const }) },
      payment: { provider: 'test', method: 'pm_card_visa' },
      ...(redeemed.length > 0 && { coupons: redeemed }),
      ...(quote.taxIncluded && { taxIncluded: true as const }),
      ...(quote.taxRates && { taxRates: quote.taxRates }),
    };
  });

interface Step {
  what: 'fulfil' | 'cancel' | 'return' | 'all' | 'all back';
  units: LineUnits[];
  divide: number;
}
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    what: fc.constantFrom('fulfil' as const, 'cancel' as const, 'return' as const, 'all' as const, 'all back' as const),
    units: fc.array(
      fc.record({ lineId: fc.constantFrom('1', '2', '3', '4'), quantity: fc.integer({ min: 1, max: 3 }) }),
      { minLength: 1, maxLength: 3 },
    ),
    divide: fc.nat(DIVISIONS.length - 1),
  }),
  { maxLength: 15, size: 'max' },
);

function commandOf({ what, units }: Step, n: number, { lines }: Order): OrderCommand {
  if (what === 'fulfil') return { type: 'FulfilOrder', fulfilmentId: `shipment_${n}`, lines: units };
  if (what === 'all') return { type: 'FulfilOrder', fulfilmentId: `shipment_${n}` };
  if (what === 'cancel') return { type: 'CancelLines', cancellationId: `cancellation_${n}`, reason: 'x', lines: units };
  const kept = lines.flatMap((line) => {
    const quantity = line.fulfilled - line.returned;
    return quantity > 0 ? [{ lineId: line.id, quantity }] : [];
  });
  return { type: 'ReceiveReturn', returnId: `return_${n}`, location: 'main', lines: what === 'return' ? units : kept };
}

/** An order and its payment. Each operation is decided with its own rule, and settled at once. */
function play(contents: OrderContents, sequence: readonly Step[], multicapture = true) {
  const events: OrderEvent[] = [];
  const paid: PaymentEvent[] = [];
  let state: Order | null = null;
  let ledger: Payment | null = null;
  const toOrder = (command: OrderCommand, divide = roundedDown): boolean => {
    const decision = createOrder(divide).decide(command, state, TEST_NOW);
    if (isRejection(decision)) return false;
    for (const event of decision) eventTypes.check(event);
    events.push(...decision);
    state = fold(order, state, decision, TEST_NOW);
    return decision.length > 0;
  };
  const toPayment = (command: PaymentCommand) => {
    const decision = payment.decide(command, ledger, TEST_NOW);
    if (isRejection(decision)) throw new Error(decision.detail);
    for (const event of decision) eventTypes.check(event);
    paid.push(...decision);
    ledger = fold(payment, ledger, decision, TEST_NOW);
  };
  const settle = () => {
    const operation = the(state?.unsettled[0]);
    const { operationId } = operation;
    for (const step of settlementSteps(the(state), operation, the(ledger))) {
      if (step.provider) for (const { command } of step.commands) toPayment(command);
    }
    for (const one of the(ledger).captures) {
      if (one.status === 'requested') toPayment({ type: 'RecordCaptured', operationId: one.operationId });
    }
    for (const one of the(ledger).refunds) {
      if (one.status === 'requested') toPayment({ type: 'RecordRefunded', operationId: one.operationId });
    }
    toOrder({ type: 'SettleOperation', operationId });
  };

  const isPlaced = toOrder({ type: 'PlaceOrder', contents });
  if (!isPlaced) throw new Error('The order is refused.');
  toOrder({ type: 'ConfirmOrder' });
  const { total } = the(state) as Order;
  const authorisation = { operationId: 'a', amount: total };
  const asked = { ...ids, ...authorisation, currency: 'GBP', provider: 'test', method: 'pm_card_visa' } as const;
  toPayment({ type: 'RequestAuthorisation', ...asked });
  const answer = {
    ...authorisation,
    providerRef: 'nothing_to_pay',
    ...(multicapture && { multicapture: true as const }),
  };
  toPayment({ type: 'RecordAuthorised', ...answer });
  const all = [...sequence, { what: 'cancel rest', units: [], divide: 0 }];
  for (const [n, step] of all.entries()) {
    const command: OrderCommand =
      step.what === 'cancel rest'
        ? { type: 'CancelLines', cancellationId: 'rest', reason: 'x' }
        : commandOf(step as Step, n, the(state));
    if (toOrder(command, DIVISIONS[step.divide])) settle();
  }
  return { events, paid, state: the(state) as Order, ledger: the(ledger) as Payment };
}

function placedIn(events: readonly OrderEvent[]) {
  const [event] = events;
  if (event?.type !== 'OrderPlaced') throw new Error('It is not placed.');
  return event.data;
}

/** Invoices for what was sent, credit notes for what was cancelled or returned. */
function documentsIn(events: readonly OrderEvent[]) {
  const placed = placedIn(events);
  const sum = (type: OrderEvent['type']) =>
    events.reduce(
      (all, event) =>
        event.type === type && 'lines' in event.data ? plus(all, shareOf(placed, event.data as never)) : all,
      NOTHING,
    );
  return {
    ordered: invoiceOf(placed),
    sent: sum('OrderFulfilled'),
    cancelled: sum('OrderLinesCancelled'),
    returned: sum('OrderReturned'),
  };
}

/** Leaves out rates whose amount is zero. */
function minus(one: VatDocument, other: VatDocument): VatDocument {
  const negative = Object.entries(other.byRate).map(([rate, { net, tax }]) => [rate, { net: -net, tax: -tax }]);
  const { byRate, ...rest } = plus(one, {
    byRate: Object.fromEntries(negative),
    untaxed: -other.untaxed,
    total: -other.total,
  });
  const left = Object.entries(byRate).filter(([, { net, tax }]) => net !== 0 || tax !== 0);
  return { ...rest, byRate: Object.fromEntries(left) };
}

describe('The amounts of an order', () => {
  it('make a VAT invoice for everything ordered, by rate, that adds up to the total', () => {
    fc.assert(
      fc.property(anyContents, (contents) => {
        const placed = placedIn(play(contents, []).events);
        const { byRate, untaxed, total } = invoiceOf(placed);
        const amounts = Object.values(byRate);
        const sum = (of: (amount: { net: number; tax: number }) => number) =>
          amounts.reduce((all, amount) => all + of(amount), 0);
        expect(total).to.equal(placed.total);
        expect(sum(({ net, tax }) => net + tax) + untaxed).to.equal(placed.total);
        expect(sum(({ tax }) => tax)).to.equal(placed.tax + (placed.includedTax ?? 0));
        for (const { net, tax } of [...amounts, { net: untaxed, tax: 0 }]) {
          expect(Math.min(net, tax)).to.be.at.least(0);
        }
      }),
    );
  });

  it('make invoices for what is sent and credit notes for the rest that add up to the total, at every rate', () => {
    fc.assert(
      fc.property(anyContents, steps, (contents, sequence) => {
        const { events, state } = play(contents, sequence);
        const placed = placedIn(events);
        const { ordered, sent, cancelled, returned } = documentsIn(events);
        expect(minus(minus(ordered, sent), cancelled)).to.deep.equal(NOTHING);
        expect(minus(sent, returned).total).to.equal(dueWith(state).kept);
        for (const { type, data } of events) {
          if (type !== 'OrderFulfilled' && type !== 'OrderLinesCancelled' && type !== 'OrderReturned') continue;
          expect(shareOf(placed, data)).to.deep.equal(recorded(data));
          for (const { lineId, quantity, amount, discount = 0, tax = 0 } of data.lines) {
            const { unitPrice } = the(placed.lines.find(({ id }) => id === lineId));
            expect(amount).to.equal(quantity * unitPrice - discount + (placed.taxIncluded ? 0 : tax));
          }
        }
      }),
    );
  });

  it('are charged and refunded as recorded, and the refunds match the credit notes', () => {
    fc.assert(
      fc.property(anyContents, steps, fc.boolean(), (contents, sequence, multicapture) => {
        const { events, paid, ledger } = play(contents, sequence, multicapture);
        const { sent, returned } = documentsIn(events);
        expect(capturedOf(ledger) - refundedOf(ledger)).to.equal(sent.total - returned.total);
        const placed = placedIn(events);
        for (const { type, data } of paid) {
          if (type !== 'RefundRequested') continue;
          const refund = recorded(data);
          expect(refund.untaxed).to.be.at.least(0);
          const note = events.find(({ type, data: of }) => {
            if (type !== 'OrderReturned' && type !== 'OrderLinesCancelled') return false;
            return data.operationId === `${'returnId' in of ? of.returnId : of.cancellationId}/refund`;
          }) as Extract<OrderEvent, { type: 'OrderReturned' | 'OrderLinesCancelled' }>;
          expect(refund).to.deep.equal(shareOf(placed, note.data));
          expect(data.location).to.equal(note.type === 'OrderReturned' ? 'main' : undefined);
        }
      }),
    );
  });

  it('do not change with the rounding rule: recorded amounts are folded', () => {
    fc.assert(
      fc.property(anyContents, steps, (contents, sequence) => {
        const { events, state } = play(contents, sequence);
        for (const divide of [...DIVISIONS, () => Number.NaN]) {
          expect(fold(createOrder(divide), null, events, TEST_NOW)).to.deep.equal(state);
        }
      }),
    );
  });
});

describe('The tax in a part of an amount', () => {
  const taxes = fc
    .array(fc.record({ net: fc.nat(10_000), tax: fc.nat(2_000) }), { maxLength: 3 })
    .map((all) =>
      all.map((one, n) => ({ country: 'GB', basisPoints: n * 500, ...one })).filter(({ net, tax }) => net + tax > 0),
    );
  const grossOf = (all: readonly { net: number; tax: number }[]) =>
    all.reduce((rest, { net, tax }) => rest + net + tax, 0);

  it('is at most the part, at each rate at most the whole tax, and leaves the exact rest', () => {
    fc.assert(
      fc.property(taxes, fc.nat(5_000), fc.double({ min: 0, max: 1, noNaN: true }), (all, untaxed, share) => {
        const whole = grossOf(all) + untaxed;
        const part = Math.floor(whole * share);
        const taken = taxesOfPart(all, part, whole);
        const left = taxesWithout(all, taken);
        expect(grossOf(taken)).to.be.at.most(part);
        expect(grossOf(left)).to.be.at.most(whole - part);
        for (const { net, tax } of [...taken, ...left]) expect(Math.min(net, tax)).to.be.at.least(0);
        expect(taxesOfPart(left, whole - part, whole - part)).to.deep.equal(left);
        expect(taxesOfPart(all, whole, whole)).to.deep.equal(all);
      }),
    );
  });

  it('of a goodwill refund is in proportion to everything that the customer keeps or may still get', () => {
    const taxRates = [
      { country: 'GB', basisPoints: 2_000 },
      { category: 'books', country: 'GB', basisPoints: 0 },
    ];
    const lines = orderLines([
      { sku: 'MUG', title: 'Mug', quantity: 2, unitPrice: 600, tax: 200, taxRate: 0 },
      { sku: 'BOOK', title: 'Book', quantity: 1, unitPrice: 800, taxRate: 1 },
    ]);
    const shipping = { method: 'post', title: 'By post', amount: 400 };
    const paid = { provider: 'test', method: 'pm_card_visa' } as const;
    const customer = { customerId: 'customer_1', placedBy: 'customer', currency: 'GBP', payment: paid } as const;
    const contents: OrderContents = { orderId: ids.orderId, ...customer, lines, shipping, taxIncluded: true, taxRates };
    const { state } = play(contents, [{ what: 'fulfil', units: [{ lineId: '1', quantity: 1 }], divide: 0 }]);
    // A mug and the shipping are left.
    const charged = chargedOf(state);
    expect(charged).to.deep.equal({
      amount: 1_000,
      taxes: [{ country: 'GB', basisPoints: 2_000, net: 500, tax: 100 }],
    });
    expect(taxesOfPart(charged.taxes, 100, charged.amount)).to.deep.equal([
      { country: 'GB', basisPoints: 2_000, net: 50, tax: 10 },
    ]);
  });
});
