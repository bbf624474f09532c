import { expect } from 'chai';
import fc from 'fast-check';
import { isRejection } from '../kernel/errors.js';
import { MAX_COMMIT_BYTES } from '../kernel/limits.js';
import { decider, fold, issuedTwiceChangesNothing, TEST_NOW } from '../testing/given-when-then.js';
import type { OrderEvent, OrderLine } from './events.js';
import {
  fulfilmentStatusOf,
  MAX_LINE_BYTES,
  type Order,
  type OrderCommand,
  type OrderContents,
  order,
  orderLines,
  orderNumber,
  totalsOf,
} from './order.js';

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
  shipping: { method: 'standard', amount: 399 },
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
const rejected: OrderEvent = {
  type: 'OrderRejected',
  data: { orderId, reason: 'out_of_stock', detail: 'Not enough of MUG-1.' },
};
const cancelled: OrderEvent = { type: 'OrderCancelled', data: { orderId, reason: 'changed my mind' } };
const oneSent: OrderEvent = {
  type: 'OrderFulfilled',
  data: { orderId, fulfilmentId: 'f1', lines: [{ lineId: '1', quantity: 1 }] },
};
const completed: OrderEvent = { type: 'OrderCompleted', data: { orderId } };

const confirm = { type: 'ConfirmOrder' } as const;
const rejectIt = { type: 'RejectOrder', reason: 'out_of_stock', detail: 'Not enough of MUG-1.' } as const;
const cancel = { type: 'CancelOrder', reason: 'changed my mind' } as const;
const fulfil = { type: 'FulfilOrder', fulfilmentId: 'f2' } as const;

describe('An order', () => {
  const { given } = decider(order);

  it('is placed with its number, its payment and its totals', () => {
    given([]).when(place).then([placed]);
  });

  it('is placed only if its parts add up', () => {
    const wrong = (changed: Partial<OrderLine>) => ({
      ...place,
      contents: { ...contents, lines: [{ ...lines[0]!, ...changed }] },
    });
    given([])
      .when(wrong({ total: 1199 }))
      .thenRejected('rule_violated');
    given([])
      .when(wrong({ quantity: 3 }))
      .thenRejected('rule_violated');
    given([])
      .when({ ...place, contents: { ...contents, lines: [lines[0]!, { ...lines[1]!, id: '1' }] } })
      .thenRejected('rule_violated');
    const shipping = { method: 'standard', amount: Number.MAX_SAFE_INTEGER };
    given([])
      .when({ ...place, contents: { ...contents, shipping } })
      .thenRejected('rule_violated');
  });

  it('is confirmed or rejected once it is placed', () => {
    given([placed]).when(confirm).then([confirmed]);
    given([placed]).when(rejectIt).then([rejected]);
    given([placed, confirmed]).when(rejectIt).thenRejected('conflict');
    given([placed, rejected]).when(confirm).thenRejected('conflict');
    given([placed, cancelled]).when(confirm).thenRejected('conflict');
    given([placed, confirmed, oneSent, completed]).when(confirm).then([]);
    given([placed, cancelled]).when(rejectIt).then([]);
  });

  it('that was never placed cannot do anything, and need not be rejected', () => {
    given([]).when(rejectIt).then([]);
    for (const command of [confirm, cancel, fulfil]) given([]).when(command).thenRejected('not_found');
  });

  it('is cancelled as long as nothing was sent', () => {
    given([placed]).when(cancel).then([cancelled]);
    given([placed, confirmed]).when(cancel).then([cancelled]);
    given([placed, confirmed, oneSent]).when(cancel).thenRejected('rule_violated');
    given([placed, rejected]).when(cancel).thenRejected('conflict');
    given([placed, confirmed, oneSent, completed]).when(cancel).thenRejected('conflict');
  });

  it('is fulfilled in parts, and completed with the last', () => {
    const history = [placed, confirmed, oneSent];
    given([placed, confirmed])
      .when({ type: 'FulfilOrder', fulfilmentId: 'f1', lines: [{ lineId: '1', quantity: 1 }] })
      .then([oneSent]);
    const rest = [
      { lineId: '1', quantity: 1 },
      { lineId: '2', quantity: 1 },
    ];
    const allSent: OrderEvent = { type: 'OrderFulfilled', data: { orderId, fulfilmentId: 'f2', lines: rest } };
    given(history).when(fulfil).then([allSent, completed]);
    given(history)
      .when({ ...fulfil, lines: rest })
      .then([allSent, completed]);
    given(history)
      .when({ ...fulfil, lines: [rest[1]!] })
      .then([{ type: 'OrderFulfilled', data: { orderId, fulfilmentId: 'f2', lines: [rest[1]!] } }]);
    given([...history, { type: 'OrderFulfilled', data: { orderId, fulfilmentId: 'f2', lines: [rest[0]!] } }])
      .when({ ...fulfil, fulfilmentId: 'f3' })
      .then([{ type: 'OrderFulfilled', data: { orderId, fulfilmentId: 'f3', lines: [rest[1]!] } }, completed]);
  });

  it('sends no more than was ordered, and of its own lines only', () => {
    const send = (...sent: { lineId: string; quantity: number }[]) => ({ ...fulfil, lines: sent });
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
      [placed, cancelled],
      [placed, rejected],
      [placed, confirmed, oneSent, completed],
    ]) {
      given(history).when(fulfil).thenRejected('conflict');
    }
  });

  it('has a fulfilment status that follows from its lines', () => {
    const status = (...history: OrderEvent[]) => fulfilmentStatusOf(given([placed, ...history]).state!.lines);
    expect(status()).to.equal('not_fulfilled');
    expect(status(oneSent)).to.equal('partially_fulfilled');
    expect(
      status({ type: 'OrderFulfilled', data: { orderId, fulfilmentId: 'f2', lines: [{ lineId: '2', quantity: 1 }] } }),
    ).to.equal('partially_fulfilled');
    const rest = {
      orderId,
      fulfilmentId: 'f2',
      lines: [
        { lineId: '1', quantity: 1 },
        { lineId: '2', quantity: 1 },
      ],
    };
    expect(status(oneSent, { type: 'OrderFulfilled', data: rest })).to.equal('fulfilled');
  });

  it('moves on as its events say', () => {
    const status = (...history: OrderEvent[]) => given([placed, ...history]).state!.status;
    expect(status()).to.equal('placed');
    expect(status(confirmed)).to.equal('confirmed');
    expect(status(rejected)).to.equal('rejected');
    expect(status(cancelled)).to.equal('cancelled');
    expect(status(confirmed, oneSent)).to.equal('confirmed');
    expect(status(confirmed, oneSent, completed)).to.equal('completed');
  });

  it('has a number that people can read', () => {
    expect(orderNumber('order_536365')).to.equal('536365');
    expect(orderNumber('order_536365-2')).to.equal('536365-2');
    expect(orderNumber('order_01jabcdefghjkmnpqrstvwxyz0')).to.equal('QRSTVWXYZ0');
    expect(orderNumber('order_01jabcdefghjkmnpqrstvwxyz0-12')).to.equal('QRSTVWXYZ0-12');
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(order, {
      PlaceOrder: { given: [], when: place },
      ConfirmOrder: { given: [placed], when: confirm },
      RejectOrder: { given: [placed], when: rejectIt },
      CancelOrder: { given: [placed], when: cancel },
      FulfilOrder: { given: [placed, confirmed], when: { ...fulfil, lines: [{ lineId: '1', quantity: 1 }] } },
    });
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
          { ...place, contents: { ...contents, lines: made, shipping: { method: 'standard', amount } } },
          null,
          TEST_NOW,
        );
        expect(isRejection(decision)).to.equal(false);
        const { data } = (decision as OrderEvent[])[0] as typeof placed & { type: 'OrderPlaced' };
        const goods = ordered.reduce((all, { quantity, unitPrice }) => all + quantity * unitPrice, 0);
        expect(data.subtotal).to.equal(goods);
        expect(data.total).to.equal(goods + amount + data.tax - data.discount);
        expect(totalsOf(made, amount).total).to.equal(data.total);
      }),
    );
  });

  it('never sends more of a line than was ordered, under any sequence of commands', () => {
    const commands: fc.Arbitrary<OrderCommand> = fc.oneof(
      fc.constantFrom<OrderCommand>(place, confirm, rejectIt, cancel, { ...fulfil, fulfilmentId: 'rest' }),
      fc
        .tuple(
          fc.constantFrom('a', 'b', 'c'),
          fc.array(fc.record({ lineId: fc.constantFrom('1', '2'), quantity: fc.integer({ min: 1, max: 2 }) }), {
            minLength: 1,
            maxLength: 2,
          }),
        )
        .map(([fulfilmentId, sent]): OrderCommand => ({ type: 'FulfilOrder', fulfilmentId, lines: sent })),
    );
    fc.assert(
      fc.property(fc.array(commands, { maxLength: 20, size: 'max' }), (sequence) => {
        let state: Order | null = null;
        for (const command of [place, confirm, ...sequence]) {
          const decision = order.decide(command, state, TEST_NOW);
          if (!isRejection(decision)) state = fold(order, state as Order | null, decision, TEST_NOW);
          for (const { quantity, fulfilled } of state?.lines ?? []) expect(fulfilled).to.be.at.most(quantity);
          const done = state?.lines.every(({ quantity, fulfilled }) => quantity === fulfilled);
          expect(state?.status === 'completed').to.equal(done);
        }
      }),
    );
  });
});

describe('An order line', () => {
  const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

  it('costs at most 200 bytes, whatever the title, and keeps as much of it as fits', () => {
    const skus = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
    const titles = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 200, size: 'max' }),
      fc.string({ minLength: 1, maxLength: 200, size: 'max' }),
    );
    fc.assert(
      fc.property(skus, titles, (sku, title) => {
        const [line] = orderLines([{ sku, title, quantity: 1_000_000, unitPrice: 1_000_000_000 }]);
        expect(bytes(line)).to.be.at.most(MAX_LINE_BYTES);
        expect(title.startsWith(line!.title)).to.equal(true);
        const next = [...title.slice(line!.title.length)][0];
        if (next !== undefined) expect(bytes({ ...line, title: line!.title + next })).to.be.above(MAX_LINE_BYTES);
      }),
      { numRuns: 100 },
    );
  });

  it('is numbered and added up', () => {
    expect(
      orderLines(lines.map(({ sku, title, quantity, unitPrice }) => ({ sku, title, quantity, unitPrice }))),
    ).to.deep.equal(lines);
  });

  it('is small enough that the largest real invoice fits one commit', () => {
    const items = Array.from({ length: 1_112 }, () => ({
      sku: 'x'.repeat(64),
      title: 'é'.repeat(200),
      quantity: 80_995,
      unitPrice: 10_000,
    }));
    const decision = order.decide({ ...place, contents: { ...contents, lines: orderLines(items) } }, null, TEST_NOW);
    expect(bytes(decision)).to.be.below(MAX_COMMIT_BYTES - 10_000);
  });
});
