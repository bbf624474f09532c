import { expect } from 'chai';
import fc from 'fast-check';
import { type OrderCommand, order, orderLines } from '../../domain/order/order.js';
import { orderViewSchema } from '../../domain/order/order-view.js';
import { type PaymentCommand, payment } from '../../domain/payment/payment.js';
import { asStored, historyOf, interleavingOf, project, type recorded } from '../../test/read-models.js';
import { orders, orderView } from './orders.js';

const ID = 'order_536365';
const LINES = orderLines([
  { sku: '85123A', title: 'White hanging heart', quantity: 6, unitPrice: 255 },
  { sku: '71053', title: 'White metal lantern', quantity: 2, unitPrice: 339 },
]);
const TOTAL = 6 * 255 + 2 * 339 + 500;

const place: OrderCommand = {
  type: 'PlaceOrder',
  contents: {
    orderId: ID,
    customerId: 'customer_17850',
    placedBy: 'staff',
    currency: 'GBP',
    lines: LINES,
    shipping: { method: 'standard', amount: 500 },
    labels: { country: 'United Kingdom' },
    email: { sealed: 'customer_17850', at: 'order#536365/1/email', box: 'AAAA' },
  },
};

const authorise = {
  type: 'RequestAuthorisation',
  operationId: 'authorise',
  paymentId: 'payment_536365',
  orderId: ID,
  amount: TOTAL,
  currency: 'GBP',
  provider: 'external',
  method: 'invoice',
} as const;
const authorised = { type: 'RecordAuthorised', operationId: 'authorise', amount: TOTAL, providerRef: 'p1' } as const;

const outcomeOf = (orderCommands: OrderCommand[], paymentCommands: PaymentCommand[] = []) => {
  const histories = [historyOf(order, [place, ...orderCommands]).events, historyOf(payment, paymentCommands).events];
  return { histories, view: orderView(project(orders, histories.flat()).get(ID)!)! };
};

describe('The orders read model', () => {
  it('shows an order with its lines, sums and what has happened to it', () => {
    const { view } = outcomeOf([{ type: 'ConfirmOrder' }], [authorise, authorised]);
    const GBP = (amount: number) => ({ amount, currency: 'GBP' });
    expect(view).to.deep.include({
      id: ID,
      number: '536365',
      status: 'confirmed',
      paymentStatus: 'authorised',
      fulfilmentStatus: 'not_fulfilled',
      customerId: 'customer_17850',
      subtotal: GBP(TOTAL - 500),
      shipping: GBP(500),
      total: GBP(TOTAL),
      labels: { country: 'United Kingdom' },
    });
    expect(view.lines[1]).to.deep.equal({
      id: '2',
      sku: '71053',
      title: 'White metal lantern',
      quantity: 2,
      fulfilled: 0,
      unitPrice: GBP(339),
      total: GBP(678),
    });
    expect(view.timeline.map(({ what }) => what)).to.deep.equal(['placed', 'payment_authorised', 'confirmed']);
  });

  it('derives payment and fulfilment from what was paid and sent', () => {
    const some = outcomeOf([
      { type: 'ConfirmOrder' },
      { type: 'FulfilOrder', fulfilmentId: 'f1', lines: [{ lineId: '1', quantity: 4 }] },
    ]).view;
    expect(some).to.include({
      status: 'confirmed',
      paymentStatus: 'not_paid',
      fulfilmentStatus: 'partially_fulfilled',
    });

    const all = outcomeOf(
      [{ type: 'ConfirmOrder' }, { type: 'FulfilOrder', fulfilmentId: 'f1' }],
      [
        authorise,
        authorised,
        { type: 'RequestCapture', operationId: 'capture', amount: TOTAL },
        { type: 'RecordCaptured', operationId: 'capture' },
      ],
    ).view;
    expect(all).to.include({ status: 'completed', paymentStatus: 'captured', fulfilmentStatus: 'fulfilled' });

    const declined = outcomeOf(
      [{ type: 'RejectOrder', reason: 'payment_declined', detail: 'no' }],
      [authorise, { type: 'RecordDeclined', operationId: 'authorise', declineCode: 'generic_decline' }],
    ).view;
    expect(declined).to.include({ status: 'rejected', paymentStatus: 'declined' });
  });

  it('ends in the same document whatever order the streams arrive in', () => {
    const { histories } = outcomeOf(
      [{ type: 'ConfirmOrder' }, { type: 'FulfilOrder', fulfilmentId: 'f1' }],
      [authorise, authorised, { type: 'RequestCapture', operationId: 'capture', amount: TOTAL }],
    );
    const expected = asStored(project(orders, histories.flat()) as never);
    fc.assert(
      fc.property(interleavingOf(histories), (events) => {
        expect(asStored(project(orders, events) as never)).to.deep.equal(expected);
      }),
    );
  });

  it('tells what an import dates to one time in the usual course', () => {
    const { histories } = outcomeOf(
      [{ type: 'ConfirmOrder' }, { type: 'FulfilOrder', fulfilmentId: 'f1' }],
      [
        authorise,
        authorised,
        { type: 'RequestCapture', operationId: 'capture', amount: TOTAL },
        { type: 'RecordCaptured', operationId: 'capture' },
      ],
    );
    const occurredAt = '2010-12-01T08:26:00.000Z';
    const dated = histories.flat().map((event) => ({ ...event, occurredAt }));
    const { timeline } = orderView(project(orders, dated).get(ID)!)!;
    expect(timeline.map(({ what }) => what)).to.deep.equal([
      'placed',
      'payment_authorised',
      'confirmed',
      'payment_captured',
      'fulfilled',
      'completed',
    ]);
  });

  it('keeps personal values sealed', () => {
    const [[placed]] = outcomeOf([]).histories as [[ReturnType<typeof recorded>]];
    const document = project(orders, [placed]).get(ID)!;
    expect(document.email).to.deep.equal({ sealed: 'customer_17850', at: 'order#536365/1/email', box: 'AAAA' });
  });

  it('shows the shape that the API promises', () => {
    const { email, ...view } = outcomeOf([{ type: 'ConfirmOrder' }], [authorise, authorised]).view;
    expect(orderViewSchema.safeParse(view).error?.issues).to.equal(undefined);
  });

  it('knows no order of which only the payment was heard', () => {
    const { events } = historyOf(payment, [authorise]);
    expect(orderView(project(orders, events).get(ID)!)).to.equal(undefined);
  });
});
