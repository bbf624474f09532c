import { expect } from 'chai';
import fc from 'fast-check';
import { decider, fold, issuedTwiceChangesNothing, TEST_NOW } from '../../test/domain/given-when-then.js';
import { the } from '../../test/the.js';
import { defined } from '../kernel/json.js';
import { MAX_COMMIT_BYTES } from '../kernel/limits.js';
import { isRejection } from '../kernel/rejection.js';
import { isHeldFor } from './checkout-state.js';
import type { OrderEvent, OrderLine } from './events.js';
import {
  consignmentOf,
  dueWith,
  fulfilmentStatusOf,
  type Order,
  type OrderCommand,
  type OrderContents,
  operationCommandId,
  operationEventId,
  order,
  orderNumber,
} from './order.js';
import { orderLines, refusalOfContents } from './order-lines.js';
import type { Parcel } from './parcels.js';
import { totalsOf } from './worth.js';

const orderId = 'order_536365';
const lines: OrderLine[] = [
  { id: '1', sku: 'MUG-1', title: 'Mug', quantity: 2, unitPrice: 599, total: 1198 },
  { id: '2', sku: 'CUP-1', title: 'Cup', quantity: 1, unitPrice: 250, total: 250 },
];
const contents: OrderContents = {
  orderId,
  customerId: 'customer_1',
  placedBy: 'customer',
  currency: 'GBP',
  lines,
  shipping: { method: 'standard', title: 'Standard delivery', amount: 399 },
  payment: { provider: 'test', method: 'pm_card_visa' },
};

const place = { type: 'PlaceOrder', contents } as const;
const placed: OrderEvent = {
  type: 'OrderPlaced',
  data: {
    ...contents,
    number: '536365',
    paymentId: 'payment_536365',
    subtotal: 1448,
    discount: 0,
    tax: 0,
    total: 1847,
  },
};
const confirmed: OrderEvent = { type: 'OrderConfirmed', data: { orderId } };
const placedFrom = (allocation: Parcel[]): OrderEvent => ({ ...placed, data: { ...placed.data, allocation } });
const placedAtOnce: OrderEvent = { ...placed, data: { ...placed.data, dispatch: 'at_once' } };
const rejected: Extract<OrderEvent, { type: 'OrderRejected' }> = {
  type: 'OrderRejected',
  data: { orderId, reason: 'out_of_stock', detail: 'Not enough of MUG-1.' },
};
const withdrawn: OrderEvent = { type: 'OrderWithdrawn', data: { orderId, reason: 'changed my mind' } };
const cancelled: OrderEvent = { type: 'OrderCancelled', data: { orderId, reason: 'changed my mind' } };
const shippingAddress = { name: 'Ada', line1: '1 New Street', city: 'Leeds', postcode: 'LS1 1AA', country: 'GB' };
const moveIt = { type: 'ChangeShippingAddress', shippingAddress } as const;
const moved: OrderEvent = { type: 'OrderAddressChanged', data: { orderId, customerId: 'customer_1', shippingAddress } };
const mugs = (quantity: number) => ({ sku: 'MUG-1', location: 'main', quantity });
const cup = { sku: 'CUP-1', location: 'main', quantity: 1 };
/** One mug and the shipping are sent. A mug and the cup are left. */
const oneSent: OrderEvent = {
  type: 'OrderFulfilled',
  data: {
    orderId,
    fulfilmentId: 'f1',
    lines: [{ lineId: '1', quantity: 1, amount: 599 }],
    shipping: { amount: 399 },
    amount: 599 + 399,
    from: [mugs(1)],
  },
};
const restSent: OrderEvent = {
  type: 'OrderFulfilled',
  data: {
    orderId,
    fulfilmentId: 'f2',
    lines: [
      { lineId: '1', quantity: 1, amount: 599 },
      { lineId: '2', quantity: 1, amount: 250 },
    ],
    amount: 599 + 250,
    from: [cup, mugs(1)],
  },
};
const completed: OrderEvent = { type: 'OrderCompleted', data: { orderId } };

const confirm = { type: 'ConfirmOrder' } as const;
const rejectIt = { type: 'RejectOrder', reason: 'out_of_stock', detail: 'Not enough of MUG-1.' } as const;
const cancel = { type: 'CancelOrder', reason: 'changed my mind' } as const;
const fulfil = { type: 'FulfilOrder', fulfilmentId: 'f2' } as const;
const cancelLines = { type: 'CancelLines', cancellationId: 'c2', reason: 'changed my mind' } as const;

describe('An order', () => {
  const { given } = decider(order);

  it('is placed with its number, its payment and its totals', () => {
    given([]).when(place).then([placed]);
  });

  it('is placed only if its amounts add up', () => {
    const wrong = (changed: Partial<OrderLine>) => ({
      ...place,
      contents: { ...contents, lines: [{ ...the(lines[0]), ...changed }] },
    });
    given([])
      .when(wrong({ total: 1199 }))
      .thenRejected('rule_violated');
    given([])
      .when(wrong({ quantity: 3 }))
      .thenRejected('rule_violated');
    given([])
      .when({ ...place, contents: { ...contents, lines: [the(lines[0]), { ...the(lines[1]), id: '1' }] } })
      .thenRejected('rule_violated');
    const rates = [{ country: 'GB', basisPoints: 2_000 }];
    const discounted = (more: Partial<OrderContents>): OrderContents => ({
      ...contents,
      lines: [{ ...the(lines[0]), discounts: [1198] }],
      shipping: { ...contents.shipping, discounts: [399] },
      coupons: [{ code: 'ALL', amount: 1597 }],
      ...more,
    });
    const isPlaced = (made: OrderContents) => !isRejection(order.decide({ ...place, contents: made }, null, TEST_NOW));
    expect(isPlaced(discounted({}))).to.equal(true);
    for (const broken of [
      { lines: [{ ...the(lines[0]), discounts: [1199] }], coupons: [{ code: 'ALL', amount: 1598 }] },
      { shipping: { ...contents.shipping, discounts: [400] }, coupons: [{ code: 'ALL', amount: 1598 }] },
      // The discounts differ from those of the coupons.
      { coupons: [{ code: 'ALL', amount: 1596 }] },
      { coupons: [] },
      { lines: [{ ...the(lines[0]), discounts: [1198, 0] }] },
    ]) {
      expect(isPlaced(discounted(broken)), JSON.stringify(broken)).to.equal(false);
    }
    const taxed = (tax: number, taxRate?: number, more: Partial<OrderContents> = {}): OrderContents => ({
      ...contents,
      lines: [{ ...the(lines[0]), tax, ...defined({ taxRate }) }],
      taxRates: rates,
      ...more,
    });
    expect(isPlaced(taxed(1199, 0))).to.equal(true);
    expect(isPlaced(taxed(1198, 0, { taxIncluded: true }))).to.equal(true);
    expect(isPlaced(taxed(1199, 0, { taxIncluded: true }))).to.equal(false);
    expect(isPlaced(taxed(1))).to.equal(false);
    for (const tax of [0, 1]) expect(isPlaced(taxed(tax, 1)), 'of a rate that is not there').to.equal(false);
    const shipping = { method: 'standard', title: 'Standard delivery', amount: Number.MAX_SAFE_INTEGER };
    given([])
      .when({ ...place, contents: { ...contents, shipping } })
      .thenRejected('rule_violated');
  });

  it('is placed only with parcels that cover its lines', () => {
    const allocated = (...allocation: { sku: string; location: string; quantity: number }[]) =>
      given([]).when({ ...place, contents: { ...contents, allocation } });
    allocated(mugs(1), { ...mugs(1), location: 'leeds' }, cup).then([
      {
        type: 'OrderPlaced',
        data: { ...placed.data, allocation: [mugs(1), { ...mugs(1), location: 'leeds' }, cup] } as never,
      },
    ]);
    for (const wrong of [
      [],
      [mugs(2)],
      [mugs(1), cup],
      [mugs(3), cup],
      [mugs(2), cup, { ...cup, sku: 'JUG-1' }],
      [mugs(2), { ...cup, sku: 'JUG-1' }],
      [mugs(2), { ...cup, quantity: 2 }],
    ]) {
      allocated(...wrong).thenRejected('rule_violated');
    }
  });

  it('is at first as it was placed', () => {
    const nothing = { amount: 0, discount: 0, tax: 0 };
    const untouched = { fulfilled: 0, cancelled: 0, returned: 0, kept: nothing };
    expect(given([placed]).state).to.deep.equal({
      ...placed.data,
      placedAt: TEST_NOW,
      status: 'placed',
      holds: [],
      missing: [],
      lines: [
        { ...lines[0], open: { ...nothing, amount: 1198 }, ...untouched },
        { ...lines[1], open: { ...nothing, amount: 250 }, ...untouched },
      ],
      shippingOpen: { ...nothing, amount: 399 },
      shippingKept: nothing,
      coupons: [],
      checkout: { phase: 'started', furtherRounds: [] },
      reservationId: orderId,
      parcels: [cup, mugs(2)],
      sent: [],
      openReturns: [],
      operationIds: [],
      unsettled: [],
    });
  });

  it('has its stock where the last attempt of its checkout reserved it', () => {
    const allocation = [{ ...mugs(2), location: 'leeds' }, cup];
    const take = { type: 'TakeFromElsewhere', round: 2, allocation } as const;
    const taken: OrderEvent = { type: 'CheckoutReallocated', data: { orderId, round: 2, allocation } };
    const unknown: OrderEvent = { type: 'CheckoutPaymentUnknown', data: { orderId } };
    given([placed]).when(take).then([taken]);
    given([placed])
      .when({ ...take, round: 3 })
      .then([]);
    given([placed, taken]).when(take).then([]);
    given([placed, taken])
      .when({ ...take, round: 3 })
      .then([{ ...taken, data: { ...taken.data, round: 3 } }]);
    for (const later of [unknown, confirmed, rejected]) given([placed, later]).when(take).then([]);
    const reservationId = `${orderId}/2`;
    expect(given([placed, taken, confirmed]).state).to.deep.include({ parcels: allocation, reservationId });
    expect(given([placed, confirmed]).state).to.deep.include({ parcels: [cup, mugs(2)], reservationId: orderId });
  });

  it('waits for its customer or the provider, until it is confirmed or given up', () => {
    const acting: OrderEvent = { type: 'CheckoutActionRequired', data: { orderId, kind: 'voucher' } };
    const unknown: OrderEvent = { type: 'CheckoutPaymentUnknown', data: { orderId } };
    const awaitCustomer = { type: 'AwaitCustomer', kind: 'voucher' } as const;
    const awaitProvider = { type: 'AwaitProvider' } as const;
    for (const history of [[placed], [placed, unknown]]) given(history).when(awaitCustomer).then([acting]);
    for (const history of [[placed], [placed, acting]]) given(history).when(awaitProvider).then([unknown]);
    given([placed, acting]).when(awaitCustomer).then([]);
    given([placed, unknown]).when(awaitProvider).then([]);
    for (const history of [
      [placed, acting],
      [placed, unknown],
    ]) {
      given(history).when(confirm).then([confirmed]);
      given(history).when(rejectIt).then([rejected]);
    }
    for (const end of [confirmed, rejected, withdrawn]) {
      for (const wait of [awaitCustomer, awaitProvider]) given([placed, end]).when(wait).then([]);
    }
    const phases = [[], [acting], [acting, unknown], [unknown, confirmed]].map((history) => {
      const { phase, kind } = given([placed, ...history]).state!.checkout;
      return [phase, kind];
    });
    expect(phases).to.deep.equal([
      ['started', undefined],
      ['waiting', 'voucher'],
      ['unknown', 'voucher'],
      ['completed', undefined],
    ]);
  });

  it('holds the units of its last reservation, until it is given up', () => {
    const taken: OrderEvent = { type: 'CheckoutReallocated', data: { orderId, round: 2, allocation: [cup, mugs(2)] } };
    const held = (...events: OrderEvent[]) =>
      [orderId, `${orderId}/2`].map((id) => isHeldFor(given([placed, ...events]).state!, id));
    for (const events of [[], [confirmed]]) {
      expect(held(...events)).to.deep.equal([true, false]);
      expect(held(taken, ...events)).to.deep.equal([false, true]);
    }
    const undone: OrderEvent = { type: 'CheckoutUndone', data: { orderId } };
    for (const end of [[rejected], [withdrawn], [rejected, undone]]) {
      expect(held(...end)).to.deep.equal([false, false]);
      expect(held(taken, ...end)).to.deep.equal([false, false]);
    }
  });

  it('says why its checkout fails, in the words for the customer, until everything is undone', () => {
    const undone: OrderEvent = { type: 'CheckoutUndone', data: { orderId } };
    const endIt = { type: 'EndCheckout' } as const;
    const short = { available: { 'MUG-1': 1 } };
    const because = (more: Partial<typeof rejected.data>): OrderEvent => {
      return { ...rejected, data: { ...rejected.data, ...more } };
    };
    const expired: OrderEvent = { type: 'OrderExpired', data: { orderId, detail: 'Nobody paid.' } };
    const { detail } = rejected.data;
    const failures: [OrderEvent, object][] = [
      [because(short), { rejected: 'out_of_stock', detail, facts: short }],
      [
        because({ reason: 'payment_declined', declineCode: 'expired_card' }),
        { rejected: 'payment_declined', detail, facts: { declineCode: 'expired_card' } },
      ],
      [because({ reason: 'too_large', step: 'reserve' }), { rejected: 'too_large', detail, facts: {} }],
      [expired, { rejected: 'payment_declined', detail: 'Nobody paid.', facts: { declineCode: 'expired' } }],
      [withdrawn, { rejected: 'conflict', detail: 'order_536365 is cancelled.', facts: {} }],
    ];
    for (const [event, failure] of failures) {
      expect(given([placed, event]).state!.checkout).to.deep.include({ phase: 'failing', failure });
      given([placed, event]).when(endIt).then([undone]);
      expect(given([placed, event, undone]).state!.checkout).to.deep.include({ phase: 'failed', failure });
      given([placed, event, undone]).when(endIt).then([]);
    }
    for (const history of [[placed], [placed, confirmed]]) given(history).when(endIt).then([]);
  });

  it('is confirmed or rejected once after it is placed', () => {
    given([placed]).when(confirm).then([confirmed]);
    given([placed]).when(rejectIt).then([rejected]);
    given([placed, confirmed]).when(rejectIt).thenRejected('conflict');
    given([placed, rejected]).when(confirm).thenRejected('conflict');
    given([placed, withdrawn]).when(confirm).thenRejected('conflict');
    given([placed, confirmed, oneSent, completed]).when(confirm).then([]);
    given([placed, withdrawn]).when(rejectIt).then([]);
  });

  it('that was never placed can do nothing', () => {
    for (const command of [confirm, rejectIt, cancel, fulfil]) given([]).when(command).thenRejected('not_found');
  });

  it('is cancelled as a whole before it is confirmed, and by open units afterwards', () => {
    given([placed]).when(cancel).then([withdrawn]);
    expect(given([placed, withdrawn]).state?.status).to.equal('cancelled');
    given([placed, confirmed]).when(cancel).thenRejected('conflict');
    given([placed, rejected]).when(cancel).thenRejected('conflict');
    given([placed]).when(cancelLines).thenRejected('conflict');
    given([placed, withdrawn]).when(cancelLines).then([]);
  });

  it('expires if it was not paid in time', () => {
    const expired: OrderEvent = { type: 'OrderExpired', data: { orderId, detail: 'Nobody paid.' } };
    given([placed]).when({ type: 'ExpireOrder', detail: 'Nobody paid.' }).then([expired]);
    given([placed, expired]).when(rejectIt).then([]);
    given([placed, expired]).when(confirm).thenRejected('conflict');
  });

  it('refunds cancelled lines, with the shipping if nothing is left to send', () => {
    const mugCancelled: OrderEvent = {
      type: 'OrderLinesCancelled',
      data: {
        orderId,
        cancellationId: 'c1',
        reason: 'too many',
        lines: [{ lineId: '1', quantity: 1, amount: 599 }],
        from: [mugs(1)],
        amount: 599,
      },
    };
    given([placed, confirmed])
      .when({ type: 'CancelLines', cancellationId: 'c1', reason: 'too many', lines: [{ lineId: '1', quantity: 1 }] })
      .then([mugCancelled]);
    const restCancelled: OrderEvent = {
      type: 'OrderLinesCancelled',
      data: {
        orderId,
        cancellationId: 'c2',
        reason: 'changed my mind',
        lines: [
          { lineId: '1', quantity: 1, amount: 599 },
          { lineId: '2', quantity: 1, amount: 250 },
        ],
        shipping: { amount: 399 },
        from: [cup, mugs(1)],
        amount: 599 + 250 + 399,
      },
    };
    given([placed, confirmed, mugCancelled]).when(cancelLines).then([restCancelled, cancelled]);
    given([placed, confirmed, mugCancelled, restCancelled, cancelled]).when(fulfil).thenRejected('conflict');
  });

  it('is completed when all unsent units are cancelled', () => {
    given([placed, confirmed, oneSent])
      .when(cancelLines)
      .then([
        {
          type: 'OrderLinesCancelled',
          data: {
            orderId,
            cancellationId: 'c2',
            reason: 'changed my mind',
            lines: [
              { lineId: '1', quantity: 1, amount: 599 },
              { lineId: '2', quantity: 1, amount: 250 },
            ],
            from: [cup, mugs(1)],
            amount: 599 + 250,
          },
        },
        completed,
      ]);
  });

  it('is fulfilled in parts, and completed with the last; the first part includes the shipping', () => {
    const history = [placed, confirmed, oneSent];
    given([placed, confirmed])
      .when({ type: 'FulfilOrder', fulfilmentId: 'f1', lines: [{ lineId: '1', quantity: 1 }] })
      .then([oneSent]);
    const rest = [
      { lineId: '1', quantity: 1 },
      { lineId: '2', quantity: 1 },
    ];
    given(history).when(fulfil).then([restSent, completed]);
    given(history)
      .when({ ...fulfil, lines: rest })
      .then([restSent, completed]);
    const cupSent: OrderEvent = {
      type: 'OrderFulfilled',
      data: { orderId, fulfilmentId: 'f2', lines: [{ ...the(rest[1]), amount: 250 }], amount: 250, from: [cup] },
    };
    given(history)
      .when({ ...fulfil, lines: [the(rest[1])] })
      .then([cupSent]);
    given([...history, cupSent])
      .when({ ...fulfil, fulfilmentId: 'f3' })
      .then([
        {
          type: 'OrderFulfilled',
          data: {
            orderId,
            fulfilmentId: 'f3',
            lines: [{ ...the(rest[0]), amount: 599 }],
            amount: 599,
            from: [mugs(1)],
          },
        },
        completed,
      ]);
  });

  it('that is only recorded needs no settlement', () => {
    const recorded: OrderEvent = {
      type: 'OrderFulfilled',
      data: {
        orderId,
        fulfilmentId: 'checkout_536365/dispatch',
        lines: [
          { lineId: '1', quantity: 2, amount: 1198 },
          { lineId: '2', quantity: 1, amount: 250 },
        ],
        shipping: { amount: 399 },
        amount: 1847,
      },
    };
    given([placedAtOnce]).when(confirm).then([confirmed, recorded, completed]);
    expect(given([placedAtOnce, confirmed, recorded, completed]).state!.unsettled).to.deep.equal([]);
  });

  it('takes its units from their locations, and no unit twice', () => {
    const allocation = [
      { sku: 'CUP-1', location: 'leeds', quantity: 1 },
      { sku: 'MUG-1', location: 'leeds', quantity: 1 },
      { sku: 'MUG-1', location: 'york', quantity: 1 },
    ];
    const elsewhere = [placedFrom(allocation), confirmed];
    const send = (fulfilmentId: string, location: string, quantity = 1) =>
      ({ type: 'FulfilOrder', fulfilmentId, location, lines: [{ lineId: '1', quantity }] }) as const;
    const first = order.decide(send('f1', 'leeds'), given(elsewhere).state, TEST_NOW) as OrderEvent[];
    const second = order.decide(send('f2', 'york'), given([...elsewhere, ...first]).state, TEST_NOW) as OrderEvent[];
    expect([...first, ...second].map(({ data }) => (data as { from?: unknown }).from)).to.deep.equal([
      [allocation[1]],
      [allocation[2]],
    ]);
    given([...elsewhere, ...first])
      .when(send('f2', 'leeds'))
      .thenRejected('rule_violated', { locations: ['york'] });
    given(elsewhere)
      .when(send('f2', 'york', 2))
      .thenRejected('rule_violated', { locations: ['leeds', 'york'] });
    given([])
      .when({ ...place, contents: { ...contents, allocation: allocation.slice(1) } })
      .thenRejected('rule_violated');
  });

  it('sends nothing while it is held', () => {
    const held: OrderEvent = { type: 'OrderHeld', data: { orderId, code: 'payment_failed' } };
    const resumed: OrderEvent = { type: 'OrderResumed', data: { orderId } };
    given([placed, confirmed]).when({ type: 'HoldOrder', code: 'payment_failed' }).then([held]);
    given([placed, confirmed, held]).when(fulfil).thenRejected('conflict');
    given([placed, confirmed, held]).when({ type: 'ResumeOrder' }).then([resumed]);
    given([placed, confirmed, oneSent, held, resumed]).when(fulfil).then([restSent, completed]);
    given([placed]).when({ type: 'HoldOrder', code: 'payment_failed' }).thenRejected('conflict');
  });

  it('takes back only what was sent', () => {
    const back = (quantity: number, returnId = 'return_1') =>
      ({ type: 'ReceiveReturn', returnId, lines: [{ lineId: '1', quantity, writtenOff: true }] }) as const;
    const returned: OrderEvent & { type: 'OrderReturned' } = {
      type: 'OrderReturned',
      data: {
        orderId,
        returnId: 'return_1',
        lines: [{ lineId: '1', quantity: 1, writtenOff: true, amount: 599 }],
        location: 'main',
        amount: 599,
      },
    };
    given([placed, confirmed, oneSent]).when(back(1)).then([returned]);
    const occurredAt = '2011-12-09T12:50:00.000Z';
    const past: OrderEvent = { ...returned, data: { ...returned.data, occurredAt } };
    given([placed, confirmed, oneSent])
      .when({ ...back(1), occurredAt })
      .then([past]);
    expect(given([placed, confirmed, oneSent, past]).state.unsettled.at(-1)).to.include({ occurredAt });
    given([placed, confirmed, oneSent]).when(back(2)).thenRejected('rule_violated');
    given([placed, confirmed, oneSent, returned]).when(back(1, 'return_2')).thenRejected('rule_violated');
    given([placed, confirmed]).when(back(1)).thenRejected('rule_violated');
    expect(given([placed, confirmed, oneSent, returned]).state.unsettled.map(({ kind }) => kind)).to.deep.equal([
      'fulfilment',
      'return',
    ]);
  });

  it('keeps an operation as unsettled until stock and payment have followed it', () => {
    const settled: OrderEvent = { type: 'OrderSettled', data: { orderId, operationId: 'f1' } };
    const settle = { type: 'SettleOperation', operationId: 'f1' } as const;
    const history = [placed, confirmed, oneSent];
    expect(the(given(history).state).unsettled).to.deep.equal([
      { kind: 'fulfilment', operationId: 'f1', at: TEST_NOW, from: [mugs(1)], amount: 998, open: 849 },
    ]);
    given(history).when(settle).then([settled]);
    expect(given([...history, settled]).state.unsettled).to.deep.equal([]);
    const both = given([...history, restSent, settled]).state;
    expect(both.unsettled.map(({ operationId }) => operationId)).to.deep.equal(['f2']);
    given(history)
      .when({ ...settle, operationId: 'f9' })
      .thenRejected('not_found');
  });

  it('sends the units at one location, and asks for a location if there are several', () => {
    const allocation = [
      { ...cup, location: 'leeds' },
      { ...mugs(1), location: 'leeds' },
      { ...mugs(1), location: 'york' },
    ];
    const { state } = given([placedFrom(allocation), confirmed]);
    expect(consignmentOf(state!)).to.deep.include({
      rejected: 'rule_violated',
      facts: { locations: ['leeds', 'york'] },
    });
    expect(consignmentOf(state, [{ lineId: '2', quantity: 1 }])).to.include({ location: 'leeds' });
    expect(consignmentOf(state, undefined, 'leeds')).to.deep.equal({
      location: 'leeds',
      lines: [
        { lineId: '1', quantity: 1 },
        { lineId: '2', quantity: 1 },
      ],
      parcels: [allocation[0], allocation[1]],
    });
    expect(consignmentOf(state, undefined, 'hull')).to.include({ rejected: 'rule_violated' });
  });

  it('takes returns at the location of arrival; by default at the only one that it was sent from', () => {
    const allocation = [
      { ...cup, location: 'leeds' },
      { ...mugs(2), location: 'york' },
    ];
    const history = [placedFrom(allocation), confirmed];
    for (const location of ['leeds', 'york']) {
      const { state } = given(history);
      history.push(
        ...(order.decide({ type: 'FulfilOrder', fulfilmentId: location, location }, state, TEST_NOW) as OrderEvent[]),
      );
    }
    const receive = { type: 'ReceiveReturn', returnId: 'return_1' } as const;
    const lines = [
      { lineId: '1', quantity: 1 },
      { lineId: '2', quantity: 1 },
    ];
    given(history)
      .when({ ...receive, lines })
      .thenRejected('rule_violated', { locations: ['leeds', 'york'] });
    const backTo = (command: OrderCommand) => {
      const returned = order.decide(command, given(history).state, TEST_NOW) as OrderEvent[];
      return the(given([...history, ...returned]).state).unsettled.at(-1);
    };
    expect(backTo({ ...receive, lines: lines.slice(0, 1) })).to.deep.include({
      back: [{ sku: 'MUG-1', location: 'york', quantity: 1, writtenOff: false }],
    });
    expect(backTo({ ...receive, lines, location: 'hull' })).to.deep.include({
      back: [
        { sku: 'CUP-1', location: 'hull', quantity: 1, writtenOff: false },
        { sku: 'MUG-1', location: 'hull', quantity: 1, writtenOff: false },
      ],
    });
  });

  it('records operations under predictable ids', () => {
    expect(operationCommandId('shipment_1')).to.equal('shipment_1/record');
    expect(operationEventId('shipment_1')).to.equal('shipment_1/record:0');
  });

  it('sends no more than was ordered, and only its own lines', () => {
    const send = (...sent: { lineId: string; quantity: number }[]) => ({ ...fulfil, lines: sent });
    given([placed, confirmed]).when(send()).thenRejected('rule_violated');
    given([placed, confirmed])
      .when(send({ lineId: '1', quantity: 3 }))
      .thenRejected('rule_violated');
    given([placed, confirmed, oneSent])
      .when(send({ lineId: '1', quantity: 2 }))
      .thenRejected('rule_violated');
    given([placed, confirmed, oneSent])
      .when(send({ lineId: '1', quantity: 1 }, { lineId: '1', quantity: 1 }))
      .thenRejected('rule_violated');
    given([placed, confirmed])
      .when(send({ lineId: '3', quantity: 1 }))
      .thenRejected('not_found');
    for (const history of [
      [placed],
      [placed, withdrawn],
      [placed, rejected],
      [placed, confirmed, oneSent, completed],
    ]) {
      given(history).when(fulfil).thenRejected('conflict');
    }
  });

  it('has nothing to collect before something was sent', () => {
    const collect: OrderCommand = { type: 'RequestCollection', collectionId: 'collection_1' };
    given([placed, confirmed]).when(collect).thenRejected('conflict');
    given([placed, confirmed, oneSent])
      .when(collect)
      .then([{ type: 'CollectionRequested', data: { orderId, collectionId: 'collection_1' } }]);
  });

  it('is owed for sent and kept units as each operation is settled, whatever is recorded meanwhile', () => {
    const some = (quantity: number) => [{ lineId: '1', quantity }];
    const commands: OrderCommand[] = [
      { type: 'FulfilOrder', fulfilmentId: 'sent', lines: some(1) },
      { type: 'ReceiveReturn', returnId: 'back', lines: some(1) },
      { type: 'CancelLines', cancellationId: 'cancelled', lines: some(1), reason: 'x' },
      { type: 'RequestCollection', collectionId: 'collected' },
      { type: 'FulfilOrder', fulfilmentId: 'rest' },
    ];
    const ids = ['sent', 'back', 'cancelled', 'collected', 'rest'];
    const stateBehind = (history: readonly OrderCommand[]) =>
      history.reduce(
        (state, command) => {
          const decision = order.decide(command, state, TEST_NOW) as OrderEvent[];
          return decision.reduce((changed, event) => order.evolve(changed, event, TEST_NOW), state);
        },
        given([placed, confirmed]).state,
      );
    const all = stateBehind(commands);
    const settled = { ...all, unsettled: [] };
    for (const [n, id] of ids.entries()) {
      const alone = { ...stateBehind(commands.slice(0, n + 1)), unsettled: [] };
      const unsettled = all.unsettled.slice(n);
      expect(dueWith({ ...settled, unsettled }, id), id).to.deep.equal(dueWith(alone));
    }
  });

  it('derives its fulfilment status from its lines', () => {
    const status = (...history: OrderEvent[]) => fulfilmentStatusOf(given([placed, ...history]).state.lines);
    expect(status()).to.equal('not_fulfilled');
    expect(status(confirmed, oneSent)).to.equal('partially_fulfilled');
    expect(status(confirmed, oneSent, restSent)).to.equal('fulfilled');
    const [mugLine, cupLine] = given([placed]).state.lines;
    const mugsSent = { ...the(mugLine), fulfilled: 2 };
    expect(fulfilmentStatusOf([mugsSent, the(cupLine)])).to.equal('partially_fulfilled');
    expect(fulfilmentStatusOf([mugsSent, { ...the(cupLine), cancelled: 1 }])).to.equal('fulfilled');
    expect(fulfilmentStatusOf([{ ...the(mugLine), fulfilled: 1, cancelled: 1 }])).to.equal('fulfilled');
  });

  it('has the state that follows from its events', () => {
    const status = (...history: OrderEvent[]) => given([placed, ...history]).state.status;
    expect(status()).to.equal('placed');
    expect(status(confirmed)).to.equal('confirmed');
    expect(status(rejected)).to.equal('rejected');
    expect(status(cancelled)).to.equal('cancelled');
    expect(status({ type: 'OrderExpired', data: { orderId, detail: 'Not paid.' } })).to.equal('expired');
    expect(status(confirmed, oneSent)).to.equal('confirmed');
    expect(status(confirmed, oneSent, completed)).to.equal('completed');
  });

  it('has a number for people', () => {
    expect(orderNumber('order_536365')).to.equal('536365');
    expect(orderNumber('order_536365-2')).to.equal('536365-2');
    expect(orderNumber('order_abc-1d')).to.equal('ABC-1D');
    expect(orderNumber('order_01jabcdefghjkmnpqrstvwxyz0')).to.equal('QRSTVWXYZ0');
    expect(orderNumber('order_01jabcdefghjkmnpqrstvwxyz0-12')).to.equal('QRSTVWXYZ0-12');
  });

  const announced = { lines: [{ lineId: '1', quantity: 1 }], reasons: ['broken'] };
  const openReturn = { type: 'OpenReturn' as const, returnId: 'return_1', ...announced };
  const returnOpened: OrderEvent = {
    type: 'ReturnOpened',
    data: { orderId, operationId: 'return_1/request', returnId: 'return_1', ...announced },
  };
  const closed: OrderEvent = { type: 'ReturnClosed', data: { orderId, returnId: 'return_1' } };

  it('has each sent unit in at most one open return', () => {
    const sent = [placed, confirmed, oneSent];
    given(sent).when(openReturn).then([returnOpened]);
    given([...sent, returnOpened])
      .when({ ...openReturn, returnId: 'return_2' })
      .thenRejected('rule_violated');
    given([...sent, returnOpened])
      .when({ type: 'CloseReturn', returnId: 'return_1' })
      .then([closed]);
    expect(given([...sent, returnOpened, closed]).state.openReturns).to.deep.equal([]);
    const lines = [{ lineId: '1', quantity: 1 }];
    const receive = (returnId: string) => ({ type: 'ReceiveReturn', returnId, lines }) as const;
    given([...sent, returnOpened])
      .when(receive('return_2'))
      .thenRejected('rule_violated');
    const received = order.decide(receive('return_1'), given([...sent, returnOpened]).state, TEST_NOW) as OrderEvent[];
    expect(given([...sent, returnOpened, ...received]).state).to.deep.include({ openReturns: [] });
  });

  const reallocationId = `${orderId}/reallocation/1`;
  const move = { reallocationId, from: mugs(1), to: [{ ...mugs(1), location: 'leeds' }] };
  const reallocate = { type: 'Reallocate', ...move } as const;
  const requested: OrderEvent = { type: 'ReallocationRequested', data: { orderId, ...move } };
  const sentElsewhere: OrderEvent = { type: 'OrderReallocated', data: { orderId, ...move } };
  const abandoned: OrderEvent = { type: 'ReallocationAbandoned', data: { orderId, reallocationId } };
  const missing = (quantity: number): OrderEvent => {
    return { type: 'OrderUnitsMissing', data: { orderId, ...mugs(quantity) } };
  };
  const short: OrderEvent = { type: 'OrderHeld', data: { orderId, code: 'stock_shortfall' } };
  const back: OrderEvent = { type: 'OrderResumed', data: { orderId, code: 'stock_shortfall' } };

  it('is held while units are missing, and resumed when they are back', () => {
    const tell = (quantity: number) => ({ type: 'RecordMissing', ...mugs(quantity) }) as const;
    given([placed, confirmed])
      .when(tell(1))
      .then([missing(1), short]);
    given([placed, confirmed])
      .when(tell(9))
      .then([missing(2), short]);
    given([placed, confirmed, missing(1), short])
      .when(fulfil)
      .thenRejected('conflict');
    given([placed, confirmed, missing(1), short])
      .when(tell(2))
      .then([missing(2)]);
    given([placed, confirmed, missing(2), short])
      .when(tell(1))
      .then([missing(1)]);
    given([placed, confirmed, missing(1), short])
      .when(tell(0))
      .then([missing(0), back]);
    given([placed]).when(tell(1)).then([]);
  });

  it('stays as staff have left it: resumed despite missing units, or held for another reason', () => {
    const tell = (quantity: number) => ({ type: 'RecordMissing', ...mugs(quantity) }) as const;
    const resumed: OrderEvent = { type: 'OrderResumed', data: { orderId } };
    const held: OrderEvent = { type: 'OrderHeld', data: { orderId, code: 'address', note: 'no such street' } };
    given([placed, confirmed, missing(1), short, resumed])
      .when(tell(1))
      .then([]);
    given([placed, confirmed, missing(1), short, resumed])
      .when(tell(0))
      .then([missing(0)]);
    given([placed, confirmed, missing(1), short, held])
      .when(tell(0))
      .then([missing(0), back]);
    given([placed, confirmed, missing(1), short, held, missing(0), back])
      .when(fulfil)
      .thenRejected('conflict');
  });

  it('keeps the missing units of each place apart', () => {
    const leeds = { ...mugs(1), location: 'leeds' };
    const missingIn = (one: typeof leeds): OrderEvent => ({ type: 'OrderUnitsMissing', data: { orderId, ...one } });
    const elsewhere = placedFrom([cup, leeds, mugs(1)]);
    const both = [
      elsewhere,
      confirmed,
      missing(1),
      short,
      missingIn(leeds),
      missingIn({ ...cup, quantity: 1 }),
    ] as const;
    expect(given(both).state.missing).to.deep.equal([mugs(1), leeds, { ...cup, quantity: 1 }]);
    given(both)
      .when({ type: 'RecordMissing', ...mugs(0) })
      .then([missing(0)]);
    given([elsewhere, confirmed, missing(1), short, missingIn(leeds), missing(0)])
      .when({ type: 'RecordMissing', ...leeds, quantity: 0 })
      .then([missingIn({ ...leeds, quantity: 0 }), back]);
  });

  it('expires or is withdrawn only until it is confirmed', () => {
    const expire = { type: 'ExpireOrder', detail: 'Nobody paid.' } as const;
    const expired: OrderEvent = { type: 'OrderExpired', data: { orderId, detail: 'Nobody paid.' } };
    given([placed]).when(expire).then([expired]);
    for (const command of [expire, rejectIt, cancel]) {
      given([placed, confirmed]).when(command).thenRejected('conflict');
    }
    for (const command of [expire, rejectIt]) {
      given([placed, expired]).when(command).then([]);
      given([placed, rejected]).when(command).then([]);
    }
  });

  it('reallocates only while it is confirmed, and each reallocation once', () => {
    given([placed]).when(reallocate).thenRejected('conflict');
    given([placed, confirmed, requested, sentElsewhere]).when(reallocate).then([]);
    given([placed, confirmed, requested, abandoned]).when(reallocate).then([]);
    const decide = { type: 'RecordReallocation', reallocationId, reserved: true } as const;
    given([placed, confirmed, requested, abandoned]).when(decide).then([]);
    given([placed, confirmed])
      .when({ ...reallocate, from: mugs(2) })
      .then([{ type: 'ReallocationRequested', data: { orderId, ...move, from: mugs(2) } }]);
  });

  it('reallocates several groups of units at a time, each on its own', () => {
    const [first, second] = ['r1', 'r2'].map((id) => ({ ...move, reallocationId: id }));
    const ask = (one: typeof move): OrderEvent => ({ type: 'ReallocationRequested', data: { orderId, ...one } });
    const both = [placed, confirmed, oneSent, ask(the(first))];
    given(both)
      .when({ type: 'Reallocate', ...the(second) })
      .thenRejected('conflict');
    const open = [placed, confirmed, ask(the(first)), ask(the(second))];
    const phasesAfter = (event: OrderEvent) =>
      given([...open, event]).state.unsettled.map((one) => one.kind === 'reallocation' && [one.operationId, one.phase]);
    expect(phasesAfter({ type: 'OrderReallocated', data: { orderId, ...the(second) } })).to.deep.equal([
      ['r1', 'requested'],
      ['r2', 'moved'],
    ]);
    expect(phasesAfter({ type: 'ReallocationAbandoned', data: { orderId, reallocationId: 'r1' } })).to.deep.equal([
      ['r1', 'abandoned'],
      ['r2', 'requested'],
    ]);
    const moved: OrderEvent = { type: 'OrderReallocated', data: { orderId, ...the(first) } };
    given([placed, confirmed, ask(the(first)), moved])
      .when({ type: 'Reallocate', ...the(second) })
      .then([ask(the(second))]);
    const decide = { type: 'RecordReallocation', reallocationId: 'r1', reserved: true } as const;
    given([placed, confirmed, ask(the(first)), moved])
      .when(decide)
      .then([]);
    given([placed, confirmed, ask({ ...the(first), from: mugs(2) }), oneSent])
      .when(decide)
      .then([{ type: 'ReallocationAbandoned', data: { orderId, reallocationId: 'r1' } }]);
  });

  it('cancels missing units before available ones', () => {
    const elsewhere = placedFrom([cup, { ...mugs(1), location: 'leeds' }, mugs(1)]);
    const given1 = given([elsewhere, confirmed, missing(1), short]);
    const decided = order.decide({ ...cancelLines, lines: [{ lineId: '1', quantity: 1 }] }, given1.state, TEST_NOW);
    expect(the((decided as OrderEvent[])[0]).data).to.deep.include({ from: [mugs(1)] });
    expect((decided as OrderEvent[]).slice(1)).to.deep.equal([missing(0), back]);
  });

  it('is sent from elsewhere, unless its units were sent or cancelled meanwhile', () => {
    const decide = { type: 'RecordReallocation', reallocationId, reserved: true } as const;
    given([placed, confirmed]).when(reallocate).then([requested]);
    given([placed, confirmed])
      .when({ ...reallocate, from: mugs(3) })
      .thenRejected('conflict');
    given([placed, confirmed, requested])
      .when({ ...reallocate, reallocationId: 'r2', from: mugs(2) })
      .thenRejected('conflict');
    given([placed, confirmed, requested]).when(decide).then([sentElsewhere]);
    given([placed, confirmed, requested])
      .when({ ...decide, reserved: false })
      .then([abandoned]);
    given([placed, confirmed, requested, oneSent, restSent, completed]).when(decide).then([abandoned]);
    given([placed, confirmed]).when(decide).thenRejected('not_found');
    const { parcels, unsettled } = given([placed, confirmed, requested, sentElsewhere]).state;
    expect(parcels).to.deep.equal([cup, mugs(1), { ...mugs(1), location: 'leeds' }]);
    expect(unsettled).to.deep.equal([
      {
        kind: 'reallocation',
        operationId: reallocationId,
        at: TEST_NOW,
        amount: 0,
        from: move.from,
        to: move.to,
        phase: 'moved',
      },
    ]);
    given([placed, confirmed, requested, missing(2), short])
      .when(decide)
      .then([sentElsewhere, missing(1)]);
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(order, {
      PlaceOrder: { given: [], when: place },
      ConfirmOrder: { given: [placed], when: confirm },
      RejectOrder: { given: [placed], when: rejectIt },
      ExpireOrder: { given: [placed], when: { type: 'ExpireOrder', detail: 'Nobody paid.' } },
      CancelOrder: { given: [placed], when: cancel },
      CancelLines: { given: [placed, confirmed], when: cancelLines },
      HoldOrder: { given: [placed, confirmed], when: { type: 'HoldOrder', code: 'payment_failed' } },
      ChangeShippingAddress: { given: [placed, confirmed], when: moveIt },
      ResumeOrder: {
        given: [placed, confirmed, { type: 'OrderHeld', data: { orderId, code: 'payment_failed' } }],
        when: { type: 'ResumeOrder' },
      },
      ReceiveReturn: {
        given: [placed, confirmed, oneSent],
        when: { type: 'ReceiveReturn', returnId: 'return_1', lines: [{ lineId: '1', quantity: 1 }] },
      },
      RequestCollection: {
        given: [placed, confirmed, oneSent],
        when: { type: 'RequestCollection', collectionId: 'collection_1' },
      },
      SettleOperation: { given: [placed, confirmed, oneSent], when: { type: 'SettleOperation', operationId: 'f1' } },
      TakeFromElsewhere: { given: [placed], when: { type: 'TakeFromElsewhere', round: 2, allocation: [cup, mugs(2)] } },
      AwaitCustomer: { given: [placed], when: { type: 'AwaitCustomer' } },
      AwaitProvider: { given: [placed], when: { type: 'AwaitProvider' } },
      EndCheckout: { given: [placed, rejected], when: { type: 'EndCheckout' } },
      OpenReturn: { given: [placed, confirmed, oneSent], when: openReturn },
      CloseReturn: {
        given: [placed, confirmed, oneSent, returnOpened],
        when: { type: 'CloseReturn', returnId: 'return_1' },
      },
      RecordMissing: { given: [placed, confirmed], when: { type: 'RecordMissing', ...mugs(1) } },
      Reallocate: { given: [placed, confirmed], when: reallocate },
      RecordReallocation: {
        given: [placed, confirmed, requested],
        when: { type: 'RecordReallocation', reallocationId, reserved: true },
      },
      FulfilOrder: { given: [placed, confirmed], when: { ...fulfil, lines: [{ lineId: '1', quantity: 1 }] } },
    });
  });

  it('refunds the shipping with the return that leaves nothing, if it was placed with that term', () => {
    const refundable: OrderContents = { ...contents, shipping: { ...contents.shipping, refundable: true } };
    const allBack = (made: OrderContents, ...returns: (readonly [string, number])[][]) => {
      const amounts: unknown[] = [];
      let state = fold(
        order,
        null,
        order.decide({ ...place, contents: made }, null, TEST_NOW) as OrderEvent[],
        TEST_NOW,
      );
      const play = (command: OrderCommand) => {
        const events = order.decide(command, state, TEST_NOW) as OrderEvent[];
        state = fold(order, state, events, TEST_NOW);
        for (const { type, data } of events)
          if (type === 'OrderReturned') amounts.push([data.amount, data.shipping?.amount]);
      };
      play(confirm);
      play({ type: 'FulfilOrder', fulfilmentId: 'all' });
      for (const [n, units] of returns.entries()) {
        play({
          type: 'ReceiveReturn',
          returnId: `return_${n}`,
          lines: units.map(([lineId, quantity]) => ({ lineId, quantity })),
        });
      }
      return { amounts, kept: dueWith(the(state)).kept };
    };
    const [mug, cup] = [
      ['1', 1],
      ['2', 1],
    ] as const;
    expect(allBack(refundable, [['1', 2], cup])).to.deep.equal({ amounts: [[1847, 399]], kept: 0 });
    expect(allBack(refundable, [mug], [mug, cup]).amounts).to.deep.equal([
      [599, undefined],
      [599 + 250 + 399, 399],
    ]);
    expect(allBack(refundable, [['1', 2]]).amounts).to.deep.equal([[1198, undefined]]);
    expect(allBack(contents, [['1', 2], cup]).amounts).to.deep.equal([[1448, undefined]]);
  });

  it('changes its address only while nothing was sent and it is not given up', () => {
    const { given } = decider(order);
    for (const history of [[placed], [placed, confirmed]]) given(history).when(moveIt).then([moved]);
    expect(given([placed, confirmed, moved]).state).to.deep.include({ status: 'confirmed', shippingAddress });
    for (const history of [
      [placed, rejected],
      [placed, cancelled],
      [placed, confirmed, oneSent],
      [placed, confirmed, oneSent, restSent],
    ]) {
      given(history).when(moveIt).thenRejected('conflict');
    }
    given([]).when(moveIt).thenRejected('not_found');
  });

  it('adds up: Σ lines + shipping + tax − discount = total', () => {
    const items = fc.array(
      fc.record({
        sku: fc.constant('A'),
        title: fc.constant('a'),
        quantity: fc.integer({ min: 1, max: 1_000 }),
        unitPrice: fc.integer({ min: 0, max: 1_000_000 }),
      }),
      { minLength: 1, maxLength: 30, size: 'max' },
    );
    fc.assert(
      fc.property(items, fc.integer({ min: 0, max: 10_000 }), (ordered, amount) => {
        const made = orderLines(ordered);
        const decision = order.decide(
          {
            ...place,
            contents: {
              ...contents,
              lines: made,
              shipping: { method: 'standard', title: 'Standard delivery', amount },
            },
          },
          null,
          TEST_NOW,
        );
        expect(isRejection(decision)).to.equal(false);
        const { data } = (decision as OrderEvent[])[0] as typeof placed & { type: 'OrderPlaced' };
        const goods = ordered.reduce((all, { quantity, unitPrice }) => all + quantity * unitPrice, 0);
        expect(data.subtotal).to.equal(goods);
        expect(data.total).to.equal(goods + amount + data.tax - data.discount);
        expect(totalsOf({ lines: made, shipping: { amount } }).total).to.equal(data.total);
      }),
    );
  });

  describe('under any sequence of fulfilments, cancellations and returns', () => {
    /** Lines with discounts, and taxes included in prices or added to them. */
    const anyContents = fc
      .record({
        items: fc.array(
          fc.record({
            quantity: fc.integer({ min: 1, max: 7 }),
            unitPrice: fc.integer({ min: 0, max: 1_000 }),
            discounted: fc.integer({ min: 0, max: 100 }),
            taxed: fc.integer({ min: 0, max: 25 }),
          }),
          { minLength: 1, maxLength: 4, size: 'max' },
        ),
        shipping: fc.integer({ min: 0, max: 500 }),
        refundable: fc.boolean(),
        taxIncluded: fc.boolean(),
      })
      .map(({ items, shipping, refundable, taxIncluded }): OrderContents => {
        const priced = items.map(({ quantity, unitPrice, discounted, taxed }, index) => {
          const discount = Math.floor((quantity * unitPrice * discounted) / 100);
          const tax = Math.floor(((quantity * unitPrice - discount) * taxed) / 100);
          return { sku: `SKU-${index % 2}`, title: 'x', quantity, unitPrice, discounts: [discount], tax, taxRate: 0 };
        });
        const discount = Math.floor(shipping / 3);
        const charged = { method: 'standard', title: 'Standard delivery', amount: shipping, discounts: [discount] };
        const amount = priced.reduce((all, { discounts: [off] }) => all + the(off), discount);
        return {
          ...contents,
          lines: orderLines(priced),
          shipping: {
            ...charged,
            tax: Math.min(7, shipping - discount),
            taxRate: 0,
            ...(refundable && { refundable: true as const }),
          },
          coupons: [{ code: 'SOME', amount }],
          taxRates: [{ country: 'GB', basisPoints: 2_000 }],
          ...(taxIncluded && { taxIncluded: true as const }),
        };
      });
    const someUnits = fc.array(
      fc.record({ lineId: fc.constantFrom('1', '2', '3', '4'), quantity: fc.integer({ min: 1, max: 4 }) }),
      { minLength: 1, maxLength: 3 },
    );
    const steps = fc.array(
      fc.record({ what: fc.constantFrom('fulfil', 'cancel', 'return', 'all'), units: someUnits }),
      { maxLength: 25, size: 'max' },
    );
    type Step = { what: string; units: { lineId: string; quantity: number }[] };
    const commandOf = ({ what, units }: Step, n: number): OrderCommand => {
      if (what === 'fulfil') return { type: 'FulfilOrder', fulfilmentId: `f${n}`, lines: units };
      if (what === 'return') return { type: 'ReceiveReturn', returnId: `return_${n}`, lines: units };
      if (what === 'cancel') return { type: 'CancelLines', cancellationId: `c${n}`, reason: 'x', lines: units };
      return { type: 'FulfilOrder', fulfilmentId: `f${n}` };
    };
    const openUnits = ({ lines: known }: Order) =>
      known.some(({ quantity, fulfilled, cancelled: gone }) => fulfilled + gone < quantity);

    /** The order after the sequence, and the amounts of its events on the way. */
    function played(made: OrderContents, sequence: Step[]) {
      const told = { total: 0, fulfilled: 0, goods: 0, cancelled: 0, returned: 0, open: 0 };
      let state: Order | null = null;
      const play = (command: OrderCommand) => {
        const decision = order.decide(command, state, TEST_NOW);
        if (isRejection(decision)) return;
        for (const { type, data } of decision) {
          if (type === 'OrderPlaced') told.total = told.open = data.total;
          if (type === 'OrderFulfilled') {
            told.fulfilled += data.amount;
            told.goods += data.amount - (data.shipping?.amount ?? 0);
            told.open -= data.amount;
          }
          if (type === 'OrderLinesCancelled') {
            told.cancelled += data.amount;
            told.open -= data.amount;
          }
          if (type === 'OrderReturned') told.returned += data.amount;
        }
        state = fold(order, state, decision, TEST_NOW);
        expect(told.fulfilled + told.cancelled + told.open).to.equal(told.total);
        const { kept, open } = dueWith({ ...the(state), unsettled: [] });
        expect({ kept, open }).to.deep.equal({ kept: told.fulfilled - told.returned, open: told.open });
        for (const { quantity, fulfilled, cancelled: gone, returned } of the(state).lines) {
          expect(fulfilled + gone).to.be.at.most(quantity);
          expect(returned).to.be.at.most(fulfilled);
        }
        const ended = !openUnits(the(state));
        expect(the(state).status === 'completed' || the(state).status === 'cancelled').to.equal(ended);
      };
      play({ ...place, contents: made });
      play(confirm);
      for (const [n, step] of sequence.entries()) play(commandOf(step, n));
      return { told, play, state: () => the(state) };
    }

    it('fulfilled + cancelled + open = total, and no unit is sent, cancelled or returned twice', () => {
      fc.assert(fc.property(anyContents, steps, (made, sequence) => void played(made, sequence)));
    });

    it('no order ends with an open amount', () => {
      fc.assert(
        fc.property(anyContents, steps, (made, sequence) => {
          const { told, play } = played(made, sequence);
          play({ type: 'CancelLines', cancellationId: 'rest', reason: 'x' });
          expect(told.open).to.equal(0);
        }),
      );
    });

    // medusajs/medusa#14818, #13091: sub-cent totals that the payment provider refuses.
    it('every amount is a whole number of minor units (complaint 17: sub-cent totals)', () => {
      fc.assert(
        fc.property(anyContents, steps, (made, sequence) => {
          const { told } = played(made, sequence);
          for (const amount of Object.values(told)) expect(Number.isSafeInteger(amount) && amount >= 0).to.equal(true);
        }),
      );
    });

    // medusajs/medusa#13433, #13066: returns that refund another amount than was paid.
    it('returning everything that was sent refunds everything that was paid for it, and never more (complaint 18: refund totals wrong)', () => {
      fc.assert(
        fc.property(anyContents, steps, (made, sequence) => {
          const { told, play, state } = played(made, sequence);
          const goods = () => told.goods;
          const paid = () => (made.shipping.refundable && !openUnits(state()) ? told.fulfilled : goods());
          expect(told.returned).to.be.at.most(paid());
          const left = state().lines.flatMap(({ id, fulfilled, returned }) =>
            fulfilled > returned ? [{ lineId: id, quantity: fulfilled - returned }] : [],
          );
          play({ type: 'ReceiveReturn', returnId: 'return_all', lines: left });
          // The shipping is refunded with the return that leaves nothing.
          const wanted = left.length > 0 || told.returned === told.fulfilled ? paid() : goods();
          expect(told.returned).to.equal(wanted);
        }),
      );
    });
  });
});

describe('An order line', () => {
  const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

  it('keeps its full title', () => {
    const titles = fc.string({ unit: 'binary', minLength: 1, maxLength: 100, size: 'max' });
    fc.assert(
      fc.property(fc.array(titles, { minLength: 1 }), (named) => {
        const items = named.map((title) => ({
          sku: 'x'.repeat(64),
          title,
          quantity: 1_000_000,
          unitPrice: 1_000_000_000,
        }));
        expect(orderLines(items).map(({ title }) => title)).to.deep.equal(named);
      }),
    );
  });

  it('is numbered and added up', () => {
    expect(
      orderLines(lines.map(({ sku, title, quantity, unitPrice }) => ({ sku, title, quantity, unitPrice }))),
    ).to.deep.equal(lines);
  });

  it('is small enough for the largest real invoice to fit one commit', () => {
    const items = Array.from({ length: 1_112 }, (_, n) => ({
      sku: `${n}`.padEnd(12, 'x'),
      title: 'x'.repeat(60),
      quantity: 80_995,
      unitPrice: 10_000,
      discounts: [80_995_000],
      tax: 161_990_000,
      taxRate: 0,
    }));
    const made: OrderContents = {
      ...contents,
      lines: orderLines(items),
      coupons: [{ code: 'TENTH', amount: 1_112 * 80_995_000 }],
      taxRates: [{ country: 'GB', basisPoints: 2_000 }],
    };
    expect(refusalOfContents(made)).to.equal(undefined);
    let state: Order | null = null;
    const units = orderLines(items).map(({ id, quantity }) => ({ lineId: id, quantity }));
    for (const command of [
      { ...place, contents: made },
      confirm,
      fulfil,
      { type: 'ReceiveReturn', returnId: 'return_1', location: 'main', lines: units },
    ] as const) {
      const decision = order.decide(command, state, TEST_NOW) as OrderEvent[];
      expect(bytes(decision), command.type).to.be.below(MAX_COMMIT_BYTES - 10_000);
      state = fold(order, state, decision, TEST_NOW);
    }
  });

  it('is limited in number: the order fits one commit, or is rejected before any other step', () => {
    const item = { sku: 'x'.repeat(64), title: '\u{1F375}'.repeat(100), quantity: 80_995, unitPrice: 10_000 };
    const most = (size: number) => orderLines(Array.from({ length: size }, () => item));
    const fitting = most(400);
    expect(refusalOfContents({ ...contents, lines: fitting })).to.equal(undefined);
    const decision = order.decide({ ...place, contents: { ...contents, lines: fitting } }, null, TEST_NOW);
    expect(bytes(decision)).to.be.below(MAX_COMMIT_BYTES - 10_000);
    expect(refusalOfContents({ ...contents, lines: most(450) })?.rejected).to.equal('too_large');
  });
});
