import { expect } from 'chai';
import fc from 'fast-check';
import { type ReturnCommand, returns } from '../../domain/fulfilment/return.js';
import { type ShipmentCommand, shipment } from '../../domain/fulfilment/shipment.js';
import { orderEvents } from '../../domain/order/events.js';
import { type OrderCommand, order } from '../../domain/order/order.js';
import { orderLines } from '../../domain/order/order-lines.js';
import { type PaymentCommand, payment } from '../../domain/payment/payment.js';
import { asStored, historyOf, interleavingOf, project, type recorded } from '../../test/read-models.js';
import { the } from '../../test/the.js';
import { type OrderStep, orderViewSchema } from './order-view.js';
import { orders, orderView } from './orders.js';

const ID = 'order_536365';
const LINES = orderLines([
  { sku: '85123A', title: 'White hanging heart', quantity: 6, unitPrice: 255 },
  { sku: '71053', title: 'White metal lantern', quantity: 2, unitPrice: 339 },
]);
const TOTAL = 6 * 255 + 2 * 339 + 500;

const place: OrderCommand & { type: 'PlaceOrder' } = {
  type: 'PlaceOrder',
  contents: {
    orderId: ID,
    customerId: 'customer_17850',
    placedBy: 'staff',
    currency: 'GBP',
    lines: LINES,
    shipping: { method: 'standard', title: 'Standard delivery', amount: 500 },
    payment: { provider: 'external', method: 'invoice' },
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

const outcomeOf = (
  orderCommands: OrderCommand[],
  paymentCommands: PaymentCommand[] = [],
  shipmentCommands: ShipmentCommand[] = [],
  returnCommands: ReturnCommand[] = [],
) => {
  const histories = [
    historyOf(order, [place, ...orderCommands]).events,
    historyOf(payment, paymentCommands).events,
    historyOf(shipment, shipmentCommands).events,
    historyOf(returns, returnCommands).events,
  ];
  return { histories, view: the(orderView(the(project(orders, histories.flat()).get(ID)))) };
};

const GBP = (amount: number) => ({ amount, currency: 'GBP' });
/** Four hearts are shipped and one comes back. The fifth and sixth, and the lanterns, are cancelled. */
const hearts = (quantity: number) => [{ lineId: '1', quantity }];
const eventful = () =>
  outcomeOf(
    [
      { type: 'ConfirmOrder' },
      { type: 'HoldOrder', code: 'other', note: 'address' },
      { type: 'ResumeOrder' },
      { type: 'FulfilOrder', fulfilmentId: 'shipment_1', lines: hearts(4) },
      { type: 'CancelLines', cancellationId: 'cancellation_1', reason: 'x' },
      { type: 'ReceiveReturn', returnId: 'return_1', lines: hearts(1) },
    ],
    [
      authorise,
      { ...authorised, multicapture: true },
      { type: 'RequestCapture', operationId: 'capture', amount: 4 * 255 + 500 },
      { type: 'RecordCaptured', operationId: 'capture' },
      { type: 'RequestRefund', operationId: 'return_1/refund', amount: 255, reason: 'return' },
      { type: 'RecordRefunded', operationId: 'return_1/refund' },
    ],
    [
      {
        type: 'PlanShipment',
        shipmentId: 'shipment_1',
        orderId: ID,
        location: 'main',
        lines: hearts(4),
        tracking: 'RM1',
      },
      { type: 'RecordDispatch' },
      { type: 'RecordFailedDelivery', reason: 'nobody at home' },
      { type: 'RecordDelivery' },
    ],
    [
      {
        type: 'RequestReturn',
        returnId: 'return_1',
        orderId: ID,
        customerId: 'customer_17850',
        lines: [{ lineId: '1', quantity: 1 }],
        reasons: ['broken'],
      },
      { type: 'ApproveReturn' },
      { type: 'RecordReceived', lines: hearts(1), location: 'main', amount: 255 },
    ],
  );

describe('The orders read model', () => {
  it('shows a planned shipment as cancelled once its units are, and no shipment that the order has dropped', () => {
    const plan = (shipmentId: string, quantity: number): ShipmentCommand => {
      return { type: 'PlanShipment', shipmentId, orderId: ID, location: 'main', lines: hearts(quantity) };
    };
    const statusOf = (planned: ShipmentCommand, ...orderCommands: OrderCommand[]) =>
      the(outcomeOf([{ type: 'ConfirmOrder' }, ...orderCommands], [], [planned]).view.shipments[0]).status;
    const cancel: OrderCommand = { type: 'CancelLines', cancellationId: 'c', lines: hearts(2), reason: 'x' };
    const send: OrderCommand = { type: 'FulfilOrder', fulfilmentId: 'shipment_1', lines: hearts(5) };
    expect(statusOf(plan('shipment_1', 4), cancel)).to.equal('planned');
    expect(statusOf(plan('shipment_1', 5), cancel)).to.equal('cancelled');
    expect(statusOf(plan('shipment_1', 5), send)).to.equal('planned');
    expect(statusOf(plan('shipment_2', 5), send)).to.equal('cancelled');
  });

  it('shows everything that happened to an order: shipments, cancellations, returns and refunds', () => {
    const { view } = eventful();
    const { email, returns, ...rest } = view;
    const shown = { ...rest, returns: returns.map(({ reasons, ...one }) => one) };
    expect(orderViewSchema.safeParse(shown).error?.issues).to.equal(undefined);
    expect(view).to.deep.include({
      status: 'completed',
      fulfilmentStatus: 'fulfilled',
      paymentStatus: 'partially_refunded',
      captured: GBP(4 * 255 + 500),
      refunded: GBP(255),
    });
    expect(view.held).to.equal(undefined);
    expect(view.lines.map(({ fulfilled, cancelled, returned }) => [fulfilled, cancelled, returned])).to.deep.equal([
      [4, 2, 1],
      [0, 2, 0],
    ]);
    expect(view.shipments).to.have.length(1);
    expect(view.shipments[0]).to.include({ id: 'shipment_1', status: 'delivered', tracking: 'RM1' });
    expect(view.returns).to.deep.equal([
      {
        id: 'return_1',
        status: 'received',
        lines: hearts(1),
        reasons: ['broken'],
        received: hearts(1),
        refund: GBP(255),
      },
    ]);
  });

  it('shows each step with its details: money, units, the shipment, the return, the reason', () => {
    const { timeline } = eventful().view;
    const told = (what: OrderStep) => {
      const { at, ...details } = the(timeline.find((step) => step.what === what));
      return details;
    };
    const steps = [
      { what: 'placed' },
      { what: 'held' },
      { what: 'resumed' },
      { what: 'payment_authorised', amount: GBP(TOTAL) },
      { what: 'payment_captured', amount: GBP(4 * 255 + 500) },
      { what: 'shipped', lines: hearts(4), shipmentId: 'shipment_1', tracking: 'RM1' },
      { what: 'delivery_failed', shipmentId: 'shipment_1', tracking: 'RM1' },
      { what: 'delivered', shipmentId: 'shipment_1', tracking: 'RM1' },
      { what: 'lines_cancelled', lines: [...hearts(2), { lineId: '2', quantity: 2 }], reason: 'x' },
      { what: 'return_requested', returnId: 'return_1', lines: hearts(1) },
      { what: 'return_approved', returnId: 'return_1' },
      { what: 'return_received', returnId: 'return_1', lines: hearts(1) },
      { what: 'refunded', amount: GBP(255) },
    ] as const;
    for (const step of steps) expect(told(step.what)).to.deep.equal(step);
  });

  it('shows a shipment only if there was one', () => {
    const atOnce: OrderCommand = { type: 'PlaceOrder', contents: { ...place.contents, dispatch: 'at_once' } };
    const { events } = historyOf(order, [atOnce, { type: 'ConfirmOrder' }]);
    const view = orderView(project(orders, events).get(ID)!)!;
    const { at, ...shipped } = view.timeline.find(({ what }) => what === 'shipped')!;
    expect(shipped).to.deep.equal({
      what: 'shipped',
      lines: LINES.map(({ id: lineId, quantity }) => ({ lineId, quantity })),
    });
  });

  it('shows why a step failed', () => {
    const reasons = ({ timeline }: { timeline: readonly { what: string; reason?: unknown }[] }) =>
      timeline.flatMap(({ what, reason }) => (reason === undefined ? [] : [[what, reason]]));
    const { view } = outcomeOf(
      [{ type: 'RejectOrder', reason: 'payment_declined', detail: 'no' }],
      [authorise, { type: 'RecordDeclined', operationId: 'authorise', declineCode: 'insufficient_funds' }],
    );
    expect(reasons(view)).to.deep.equal([
      ['payment_declined', 'insufficient_funds'],
      ['rejected', 'payment_declined'],
    ]);
    const stolen = outcomeOf(
      [],
      [authorise, { type: 'RecordDeclined', operationId: 'authorise', declineCode: 'stolen_card' }],
    );
    expect(reasons(stolen.view)).to.deep.equal([['payment_declined', 'generic_decline']]);
    const whole: OrderCommand[] = [
      { type: 'ConfirmOrder' },
      { type: 'CancelLines', cancellationId: 'c', reason: 'no longer made' },
    ];
    expect(reasons(outcomeOf(whole).view)).to.deep.equal([
      ['lines_cancelled', 'no longer made'],
      ['cancelled', 'no longer made'],
    ]);
  });

  it('shows how prices, discounts and taxes add up to the total', () => {
    const { view } = outcomeOf([]);
    expect(view.lines[0]).to.not.have.any.keys('discount', 'tax');
    const contents = {
      ...place.contents,
      lines: LINES.map((line) => ({ ...line, discounts: [100], tax: 50, taxRate: 0 })),
      taxRates: [{ country: 'GB', basisPoints: 2_000 }],
      coupons: [{ code: 'SPRING', amount: 200 }],
      taxIncluded: true as const,
      allocation: LINES.map(({ sku, quantity }) => ({ sku, quantity, location: 'leeds' })),
    };
    const { events } = historyOf(order, [{ type: 'PlaceOrder', contents }]);
    const { email, ...taxed } = the(orderView(the(project(orders, events).get(ID))));
    expect(orderViewSchema.safeParse(taxed).error?.issues).to.equal(undefined);
    expect(taxed).to.deep.include({
      discount: GBP(200),
      tax: GBP(0),
      includedTax: GBP(100),
      total: GBP(TOTAL - 200),
      coupons: [{ code: 'SPRING', amount: GBP(200) }],
    });
    expect(taxed.lines[0]).to.deep.include({ discount: GBP(100), tax: GBP(50), taxRate: 2_000 });
    const net = GBP(TOTAL - 500 - 200 - 100);
    expect(taxed.taxes).to.deep.equal([{ country: 'GB', basisPoints: 2_000, net, tax: GBP(100) }]);
  });

  it('shows what the customer has to do for the payment, until it is done', () => {
    const secret = { sealed: 'customer_17850', at: 'payment#536365/2/clientSecret', box: 'AAAA' };
    const required = { type: 'RecordActionRequired', operationId: 'authorise', providerRef: 'p1', clientSecret: 's' };
    const { histories } = outcomeOf([], [authorise, required as PaymentCommand, authorised]);
    const [ordered, paid] = histories as [ReturnType<typeof recorded>[], ReturnType<typeof recorded>[]];
    const sealed = paid.map((event) =>
      event.type === 'PaymentActionRequired'
        ? { ...event, data: { ...(event.data as object), clientSecret: secret } }
        : event,
    );
    const shown = (events: typeof sealed) => the(orderView(the(project(orders, [...ordered, ...events]).get(ID))));
    expect(shown(sealed.slice(0, 2))).to.deep.include({
      paymentStatus: 'requires_action',
      nextAction: { type: 'authenticate', clientSecret: secret },
    });
    expect(shown(sealed).nextAction).to.equal(undefined);
  });

  it('shows an order with its lines, sums and what has happened to it', () => {
    const { view } = outcomeOf([{ type: 'ConfirmOrder' }], [authorise, authorised]);
    expect(view).to.deep.include({
      id: ID,
      number: '536365',
      paymentId: 'payment_536365',
      version: 2,
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
      cancelled: 0,
      returned: 0,
      unitPrice: GBP(339),
      total: GBP(678),
    });
    expect(view.timeline.map(({ what }) => what)).to.deep.equal(['placed', 'payment_authorised', 'confirmed']);
  });

  it('shows the refund of a return once it is known, which may be after the return is received', () => {
    const { histories } = eventful();
    const requested = the(histories[1]).findIndex(({ type }) => type === 'RefundRequested');
    const refundAfter = (payments: number) => {
      const events = [
        ...the(histories[0]),
        ...the(histories[1]).slice(0, payments),
        ...the(histories[2]),
        ...the(histories[3]),
      ];
      return the(orderView(the(project(orders, events).get(ID)))?.returns[0]).refund;
    };
    expect(refundAfter(requested)).to.equal(undefined);
    expect(refundAfter(requested + 1)).to.deep.equal(GBP(255));
  });

  it('shows why an order was rejected or cancelled, without details that are only for staff', () => {
    const reject: OrderCommand = {
      type: 'RejectOrder',
      reason: 'payment_declined',
      detail: 'payment_536365 is voided.',
    };
    const rejected = outcomeOf([reject]).view;
    expect(rejected).to.include({ status: 'rejected', reason: 'payment_declined' });
    expect(JSON.stringify(rejected)).not.to.include('is voided');
    const cancelled = outcomeOf([{ type: 'CancelOrder', reason: 'too slow' }]).view;
    expect(cancelled).to.include({ status: 'cancelled', reason: 'too slow' });
    const whole = outcomeOf([
      { type: 'ConfirmOrder' },
      { type: 'CancelLines', cancellationId: 'c', reason: 'no longer made' },
    ]).view;
    expect(whole).to.include({ status: 'cancelled', reason: 'no longer made' });
    expect(outcomeOf([{ type: 'ConfirmOrder' }]).view).not.to.have.property('reason');
  });

  it('shows why an order is held, while it is held', () => {
    const hold: OrderCommand[] = [{ type: 'ConfirmOrder' }, { type: 'HoldOrder', code: 'other', note: 'address' }];
    expect(outcomeOf(hold).view).to.deep.include({ held: true, holds: [{ code: 'other', note: 'address' }] });
    expect(outcomeOf([...hold, { type: 'ResumeOrder' }]).view).not.to.have.any.keys('held', 'holds');
  });

  it('shows the locations that open units will be shipped from', () => {
    const contents = {
      ...place.contents,
      allocation: [
        { sku: '71053', location: 'leeds', quantity: 2 },
        { sku: '85123A', location: 'leeds', quantity: 1 },
        { sku: '85123A', location: 'main', quantity: 5 },
      ],
    };
    const moved = [...contents.allocation.slice(1), { sku: '71053', location: 'main', quantity: 2 }];
    const commands: OrderCommand[] = [
      { type: 'PlaceOrder', contents },
      { type: 'ConfirmOrder' },
      { type: 'FulfilOrder', fulfilmentId: 'shipment_1', lines: hearts(1), location: 'leeds' },
      { type: 'FulfilOrder', fulfilmentId: 'shipment_2', lines: hearts(1), location: 'main' },
      { type: 'CancelLines', cancellationId: 'c', lines: hearts(1), reason: 'x' },
    ];
    const allocationAfter = (...commands: OrderCommand[]) => {
      const { events, state } = historyOf(order, commands);
      const { allocation } = the(orderView(the(project(orders, events).get(ID))));
      if (allocation) expect(allocation).to.deep.equal(the(state).parcels);
      return allocation;
    };
    expect(allocationAfter(the(commands[0]))).to.equal(undefined, 'it may yet be found elsewhere');
    expect(allocationAfter(...commands.slice(0, 2))).to.deep.equal(contents.allocation);
    const elsewhere: OrderCommand = { type: 'TakeFromElsewhere', round: 2, allocation: moved };
    expect(allocationAfter(commands[0]!, elsewhere, { type: 'ConfirmOrder' })).to.deep.equal(moved);
    expect(allocationAfter(...commands)).to.deep.equal([
      { sku: '71053', location: 'leeds', quantity: 2 },
      { sku: '85123A', location: 'main', quantity: 3 },
    ]);
    expect(allocationAfter(place, { type: 'ConfirmOrder' })).to.deep.equal([
      { sku: '71053', location: 'main', quantity: 2 },
      { sku: '85123A', location: 'main', quantity: 6 },
    ]);
    const rest = ['leeds', 'main'].map((location): OrderCommand => {
      return { type: 'FulfilOrder', fulfilmentId: `rest of ${location}`, location };
    });
    expect(allocationAfter(...commands, ...rest)).to.equal(undefined);
  });

  it('shows why a return was declined', () => {
    const request = {
      type: 'RequestReturn',
      returnId: 'return_1',
      orderId: ID,
      customerId: 'customer_17850',
      lines: [{ lineId: '1', quantity: 1 }],
      reasons: ['broken'],
    } satisfies ReturnCommand;
    const { view } = outcomeOf([], [], [], [request, { type: 'DeclineReturn', reason: 'worn' }]);
    expect(view.returns[0]).to.include({ status: 'declined', declineReason: 'worn' });
    expect(view.timeline.at(-1)).to.include({ what: 'return_declined', returnId: 'return_1', reason: 'worn' });
  });

  it('derives payment and fulfilment status from payments and shipments', () => {
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

  it('shows a void only if money was held', () => {
    const shownAfter = (payments: PaymentCommand[]) => {
      const { view } = outcomeOf([{ type: 'RejectOrder', reason: 'out_of_stock', detail: 'no' }], payments);
      return { paymentStatus: view.paymentStatus, steps: view.timeline.map(({ what }) => what) };
    };
    const voided: PaymentCommand[] = [
      { type: 'RequestVoid', operationId: 'void', paymentId: 'payment_536365', orderId: ID },
      { type: 'RecordVoided', operationId: 'void' },
    ];
    const { paymentStatus, steps } = shownAfter([authorise, authorised, ...voided]);
    expect(paymentStatus).to.equal('voided');
    expect(steps).to.include('payment_voided');
    for (const asked of [[], [authorise]]) {
      expect(shownAfter([...asked, ...voided])).to.deep.equal({
        paymentStatus: 'not_paid',
        steps: ['placed', 'rejected'],
      });
    }
  });

  it('has the version of its order, whatever happened last', () => {
    expect(orders.on).to.include.keys(Object.keys(orderEvents));
    const { histories, view } = eventful();
    expect(view.version).to.equal(the(histories[0]).length);
    const { view: settled } = outcomeOf([
      { type: 'ConfirmOrder' },
      { type: 'FulfilOrder', fulfilmentId: 'shipment_1', lines: hearts(4) },
      { type: 'RequestCollection', collectionId: 'collection_1' },
      { type: 'SettleOperation', operationId: 'shipment_1' },
    ]);
    expect(settled.version).to.equal(5);
  });

  it('ends in the same document whatever order the streams arrive in', () => {
    const { histories } = eventful();
    const expected = asStored(project(orders, histories.flat()) as never);
    fc.assert(
      fc.property(interleavingOf(histories), (events) => {
        expect(asStored(project(orders, events) as never)).to.deep.equal(expected);
      }),
    );
  });

  it('shows steps that an import dates to the same time in the usual order', () => {
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
    const { timeline } = the(orderView(the(project(orders, dated).get(ID))));
    expect(timeline.map(({ what }) => what)).to.deep.equal([
      'placed',
      'payment_authorised',
      'confirmed',
      'payment_captured',
      'shipped',
      'completed',
    ]);
  });

  it('keeps personal values sealed', () => {
    const [[placed]] = outcomeOf([]).histories as [[ReturnType<typeof recorded>]];
    const document = the(project(orders, [placed]).get(ID));
    expect(the(document.state).email).to.deep.equal({
      sealed: 'customer_17850',
      at: 'order#536365/1/email',
      box: 'AAAA',
    });
  });

  it('has the shape that the API promises', () => {
    const { email, ...view } = outcomeOf([{ type: 'ConfirmOrder' }], [authorise, authorised]).view;
    expect(orderViewSchema.safeParse(view).error?.issues).to.equal(undefined);
  });

  it('knows no order that has only payment events', () => {
    const { events } = historyOf(payment, [authorise]);
    expect(orderView(the(project(orders, events).get(ID)))).to.equal(undefined);
  });
});
