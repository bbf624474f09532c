import { expect } from 'chai';
import fc from 'fast-check';
import { TEST_NOW } from '../../test/domain/given-when-then.js';
import { the } from '../../test/the.js';
import { defined } from '../kernel/json.js';
import { isRejection } from '../kernel/rejection.js';
import { categoryOf } from '../kernel/stream.js';
import type { OrderEvent, OrderLine } from '../order/events.js';
import { dueWith, type Operation, type Order, type OrderCommand, type OrderContents, order } from '../order/order.js';
import { NO_CHARGE } from '../order/worth.js';
import { capturedOf, isPaidAhead, type Payment, refundableOf, refundedOf } from '../payment/ledger.js';
import { type PaymentCommand, payment } from '../payment/payment.js';
import { neededOf, settlementEnd, settlementSteps } from './settlement.js';

const CUSTOMER = 'customer_1';
const EMAIL_KEY = 'e'.repeat(43);
const ids = { paymentId: 'payment_7', orderId: 'order_7' };
const lines: OrderLine[] = [
  { id: '1', sku: 'MUG', quantity: 2, title: 'Mug', unitPrice: 500, total: 1000 },
  { id: '2', sku: 'CUP', quantity: 1, title: 'Cup', unitPrice: 200, total: 200 },
];
const contents: OrderContents = {
  orderId: ids.orderId,
  customerId: CUSTOMER,
  placedBy: 'customer',
  currency: 'GBP',
  lines,
  shipping: { method: 'standard', title: 'Standard delivery', amount: 300 },
  payment: { provider: 'test', method: 'pm_card_visa' },
  coupons: [
    { code: 'TENOFF', amount: 0, limited: true, limitPerCustomer: 1 },
    { code: 'OPEN', amount: 0 },
  ],
  emailKey: EMAIL_KEY,
};
const TOTAL = 1500;

const mug = [{ lineId: '1', quantity: 1 }];
const sendMug: OrderCommand = { type: 'FulfilOrder', fulfilmentId: 'shipment_1', lines: mug };
const sendRest: OrderCommand = { type: 'FulfilOrder', fulfilmentId: 'shipment_2' };
const cancelMug: OrderCommand = { type: 'CancelLines', cancellationId: 'cancellation_1', lines: mug, reason: 'x' };
const cancelRest: OrderCommand = { type: 'CancelLines', cancellationId: 'cancellation_2', reason: 'x' };
const returnMug: OrderCommand = { type: 'ReceiveReturn', returnId: 'return_1', lines: mug };

const authorised = (multicapture: boolean): PaymentCommand[] => [
  {
    type: 'RequestAuthorisation',
    operationId: 'authorise',
    ...ids,
    amount: TOTAL,
    currency: 'GBP',
    provider: 'test',
    method: 'm',
  },
  {
    type: 'RecordAuthorised',
    operationId: 'authorise',
    amount: TOTAL,
    providerRef: 'ref',
    ...(multicapture && { multicapture: true as const }),
  },
];

function ledgerAfter(state: Payment | null, command: PaymentCommand): Payment {
  const decision = payment.decide(command, state, TEST_NOW);
  if (isRejection(decision)) throw new Error(decision.detail);
  return the(decision.reduce((ledger, event) => payment.evolve(ledger, event, TEST_NOW), state));
}

/** An order and its payment. The commands are decided one after the other, and each operation but the last is settled at once. */
function worldOf(commands: OrderCommand[], multicapture = true) {
  let made: Order | null = null;
  let ledger: Payment | null = null;
  const toOrder = (command: OrderCommand) => {
    const decision = order.decide(command, made, TEST_NOW);
    if (isRejection(decision)) throw new Error(decision.detail);
    made = decision.reduce((state: Order | null, event) => order.evolve(state, event, TEST_NOW), made);
  };
  const toPayment = (command: PaymentCommand) => {
    ledger = ledgerAfter(ledger, command);
  };
  const settle = () => {
    for (const step of settlementSteps(the(made), the(made?.unsettled[0]), the(ledger))) {
      if (!step.provider) continue;
      for (const { command } of step.commands) {
        toPayment(command);
        if (command.type === 'RequestCapture' && the(ledger?.captures.at(-1)).operationId === command.operationId) {
          toPayment({ type: 'RecordCaptured', operationId: command.operationId });
        }
        if (command.type === 'RequestRefund') toPayment({ type: 'RecordRefunded', operationId: command.operationId });
      }
    }
    toOrder({ type: 'SettleOperation', operationId: the(made?.unsettled[0]).operationId });
  };

  for (const command of [{ type: 'PlaceOrder', contents } as const, { type: 'ConfirmOrder' } as const])
    toOrder(command);
  for (const command of authorised(multicapture)) toPayment(command);
  for (const [n, command] of commands.entries()) {
    toOrder(command);
    if (n < commands.length - 1) settle();
  }
  return { order: the(made) as Order, payment: the(ledger) as Payment };
}

/** The commands that follow from the last command, by stream. */
function followOf(commands: OrderCommand[], multicapture = true) {
  const { order: made, payment: ledger } = worldOf(commands, multicapture);
  return settlementSteps(made, the(made.unsettled.at(-1)), ledger).flatMap((step) =>
    step.commands.map(({ stream, command }) => [stream, command]),
  );
}

const take = (type: string, sku: string, quantity: number, operationId: string) => [
  `stock#${sku}@main`,
  { type, sku, location: 'main', reservationId: ids.orderId, operationId, quantity },
];
const captureOf = (operationId: string, amount: number, rest: number) => [
  'payment#7',
  { type: 'RequestCapture', operationId: `${operationId}/capture`, amount, rest, final: rest === 0 },
];
const refundOf = (operationId: string, amount: number, reason: string, location?: string) => [
  'payment#7',
  { type: 'RequestRefund', operationId: `${operationId}/refund`, amount, reason, ...defined({ location }) },
];
const voidOf = (operationId: string) => [
  'payment#7',
  { type: 'RequestVoid', operationId: `${operationId}/void`, ...ids },
];

describe('The settlement of an operation', () => {
  it('sends every command to a stream of its aggregate, under an id derived from the operation', () => {
    const issuedBy = (...commands: OrderCommand[]) => {
      const { order: made, payment: ledger } = worldOf(commands);
      return settlementSteps(made, the(made.unsettled[0]), ledger).flatMap(({ commands }) =>
        commands.map(({ id, stream, decider }) => {
          expect(categoryOf(stream)).to.equal(decider.category);
          return id;
        }),
      );
    };
    expect(issuedBy(sendMug)).to.deep.equal([
      'shipment_1/RecordDispatch/1',
      'shipment_1/ShipReservation/MUG@main',
      'shipment_1/RequestCapture/7',
    ]);
    expect(issuedBy(cancelRest)).to.deep.equal([
      'cancellation_2/ReleaseReservation/CUP@main',
      'cancellation_2/ReleaseReservation/MUG@main',
      'cancellation_2/RequestVoid/7',
      'cancellation_2/ReleaseRedemption/TENOFF',
      `cancellation_2/ReleaseRedemption/TENOFF@${CUSTOMER}`,
      `cancellation_2/ReleaseRedemption/TENOFF@${EMAIL_KEY}`,
    ]);
    expect(issuedBy(sendMug, returnMug)).to.deep.equal([
      'return_1/ReturnStock/MUG@main',
      'return_1/RecordReceived/1',
      'return_1/RequestRefund/7',
    ]);
  });
});

describe('The settlement of a fulfilment', () => {
  it('records the dispatch, takes the units out of stock and captures their share, including the shipping first', () => {
    expect(followOf([sendMug])).to.deep.equal([
      ['shipment#1', { type: 'RecordDispatch' }],
      take('ShipReservation', 'MUG', 1, 'shipment_1'),
      captureOf('shipment_1', 800, 700),
    ]);
    expect(followOf([sendMug, sendRest])).to.deep.equal([
      ['shipment#2', { type: 'RecordDispatch' }],
      take('ShipReservation', 'CUP', 1, 'shipment_2'),
      take('ShipReservation', 'MUG', 1, 'shipment_2'),
      captureOf('shipment_2', 700, 0),
    ]);
  });

  it('keeps earlier unpaid amounts authorised, so that they can be collected', () => {
    const { order: made, payment: ledger } = worldOf([sendMug, sendRest]);
    const captures = ledger.captures.map((one) => ({ ...one, status: 'failed' as const }));
    const commands = the(settlementSteps(made, the(made.unsettled[0]), { ...ledger, captures }).at(-1)).commands;
    expect(commands.map(({ command }) => command)).to.deep.equal([captureOf('shipment_2', 700, 800)[1]]);
  });

  it('holds an order whose money could not be captured', () => {
    const { order: made, payment: ledger } = worldOf([sendMug]);
    const operation = the(made.unsettled[0]);
    const endOf = (...commands: PaymentCommand[]) =>
      settlementEnd(made, operation, commands.reduce(ledgerAfter, ledger)).map(({ command }) => command.type);
    const capture = { type: 'RequestCapture', operationId: 'shipment_1/capture', amount: 800, rest: 700 } as const;
    expect(endOf(capture)).to.deep.equal(['SettleOperation']);
    const failed = { type: 'RecordCaptureFailed', operationId: 'shipment_1/capture', reason: 'lapsed' } as const;
    expect(endOf(capture, failed)).to.deep.equal(['HoldOrder', 'SettleOperation']);
    const [hold] = settlementEnd(made, operation, [capture, failed].reduce(ledgerAfter, ledger));
    expect(hold?.command).to.deep.equal({ type: 'HoldOrder', code: 'payment_failed' });
    const another = { type: 'RequestCapture', operationId: 'shipment_0/capture', amount: 100 } as const;
    const anotherFailed = { ...failed, operationId: 'shipment_0/capture' } as const;
    expect(endOf(capture, another, anotherFailed)).to.deep.equal(['SettleOperation']);
    expect(endOf(another, capture, failed)).to.deep.equal(['HoldOrder', 'SettleOperation']);
    const paid = [capture, failed].reduce(ledgerAfter, ledger);
    const ended = settlementEnd({ ...made, status: 'completed' }, operation, paid);
    expect(ended.map(({ command }) => command.type)).to.deep.equal(['SettleOperation']);
  });

  it('captures nothing for free units, but closes the payment of a free order', () => {
    const { order: made } = worldOf([sendMug]);
    const free = { ...made, lines: made.lines.map((line) => ({ ...line, kept: NO_CHARGE })), shippingKept: NO_CHARGE };
    const operation = { ...the(made.unsettled[0]), amount: 0, open: 0 } as Operation;
    const capturesOf = (paid: number) => {
      const ledger = ledgerAfter(null, { ...the(authorised(true)[0]), amount: paid } as PaymentCommand);
      return the(settlementSteps(free, operation, ledger).at(-1)).commands.map(({ stream, command }) => [
        stream,
        command,
      ]);
    };
    expect(capturesOf(TOTAL)).to.deep.equal([]);
    expect(capturesOf(0)).to.deep.equal([captureOf('shipment_1', 0, 0)]);
  });
});

describe('The settlement of a cancellation', () => {
  it('of the whole order releases stock, coupons and money', () => {
    const released = { type: 'ReleaseRedemption', code: 'TENOFF', orderId: ids.orderId, confirmed: true };
    const releasedFor = (redeemer: string) => [`coupon#TENOFF@${redeemer}`, { ...released, redeemer }];
    expect(followOf([cancelRest])).to.deep.equal([
      take('ReleaseReservation', 'CUP', 1, 'cancellation_2'),
      take('ReleaseReservation', 'MUG', 2, 'cancellation_2'),
      voidOf('cancellation_2'),
      ['coupon#TENOFF', released],
      releasedFor(CUSTOMER),
      releasedFor(EMAIL_KEY),
    ]);
  });

  it('of a part only releases its stock: less will be captured', () => {
    expect(followOf([cancelMug])).to.deep.equal([take('ReleaseReservation', 'MUG', 1, 'cancellation_1')]);
    expect(followOf([cancelMug, sendRest]).at(-1)).to.deep.equal(captureOf('shipment_2', 1000, 0));
  });

  it('of a free part releases no money: the rest is still to be sent', () => {
    const { order: made } = worldOf([cancelMug]);
    const operation = { ...the(made.unsettled[0]), amount: 0, open: 0 } as Operation;
    const free = ledgerAfter(null, { ...the(authorised(true)[0]), amount: 0 } as PaymentCommand);
    const toPayment = (operation: Operation) =>
      settlementSteps(made, operation, free).find(({ provider }) => provider)?.commands;
    expect(toPayment(operation)).to.deep.equal([]);
    expect(toPayment({ ...operation, whole: true } as Operation)).to.have.length(1);
  });

  it('of the rest releases the remaining money, and keeps the coupons', () => {
    expect(followOf([sendMug, cancelRest])).to.deep.equal([
      take('ReleaseReservation', 'CUP', 1, 'cancellation_2'),
      take('ReleaseReservation', 'MUG', 1, 'cancellation_2'),
      voidOf('cancellation_2'),
    ]);
  });

  it('of the rest keeps money authorised that is still owed for sent units: it may be collected yet', () => {
    const { order: made, payment: ledger } = worldOf([sendMug, cancelRest]);
    const captures = ledger.captures.map((one) => ({ ...one, status: 'failed' as const }));
    const steps = settlementSteps(made, the(made.unsettled[0]), { ...ledger, captures });
    expect(the(steps.find(({ provider }) => provider)).commands).to.deep.equal([]);
  });

  it('refunds what was captured ahead, if money can be captured only once', () => {
    expect(followOf([sendMug, cancelMug], false).at(-1)).to.deep.equal(refundOf('cancellation_1', 500, 'cancellation'));
    expect(followOf([sendMug, cancelMug, cancelRest], false).at(-1)).to.deep.equal(
      refundOf('cancellation_2', 200, 'cancellation'),
    );
  });
});

describe('The settlement of a reallocation', () => {
  const from = { sku: 'MUG', location: 'main', quantity: 2 };
  const to = [
    { sku: 'MUG', location: 'leeds', quantity: 1 },
    { sku: 'MUG', location: 'york', quantity: 1 },
  ];
  const reallocationId = `${ids.orderId}/reallocate/1`;
  const move: OrderCommand = { type: 'Reallocate', reallocationId, from, to };
  const reservation = (type: string, location: string, more: object = {}) => [
    `stock#MUG@${location}`,
    { type, sku: 'MUG', location, reservationId: reallocationId, ...more },
  ];
  const commandsIn = (phase: 'requested' | 'moved' | 'abandoned') => {
    const { order: made, payment: ledger } = worldOf([move]);
    const operation = { ...the(made.unsettled[0]), phase } as Operation;
    return settlementSteps(made, operation, ledger).flatMap((step) =>
      step.commands.map(({ stream, command }) => [stream, command]),
    );
  };

  it('reserves the units at the new locations first', () => {
    const { order: made } = worldOf([move]);
    expect(made.unsettled[0]).to.deep.include({ kind: 'reallocation', phase: 'requested' });
    expect(commandsIn('requested')).to.deep.equal([
      reservation('ReserveStock', 'leeds', { quantity: 1 }),
      reservation('ReserveStock', 'york', { quantity: 1 }),
    ]);
  });

  it('commits them there and releases them here, once the order has decided to move', () => {
    expect(commandsIn('moved')).to.deep.equal([
      reservation('CommitReservation', 'leeds'),
      reservation('CommitReservation', 'york'),
      take('ReleaseReservation', 'MUG', 2, reallocationId),
    ]);
  });

  it('releases them there, once the order has decided to stay', () => {
    expect(commandsIn('abandoned')).to.deep.equal([
      reservation('ReleaseReservation', 'leeds'),
      reservation('ReleaseReservation', 'york'),
    ]);
  });
});

describe('The settlement of a requested return', () => {
  it('creates the return', () => {
    const request: OrderCommand = {
      type: 'OpenReturn',
      returnId: 'return_1',
      lines: [{ lineId: '1', quantity: 1 }],
      reasons: ['broken'],
    };
    expect(followOf([sendMug, request])).to.deep.equal([
      ['return#1', { ...request, type: 'RequestReturn', orderId: ids.orderId, customerId: CUSTOMER }],
    ]);
  });
});

describe('The settlement of a return', () => {
  it('puts the units back into stock, records the receipt and refunds what was paid for them', () => {
    expect(followOf([sendMug, returnMug])).to.deep.equal([
      [
        'stock#MUG@main',
        { type: 'ReturnStock', sku: 'MUG', location: 'main', movementId: 'return_1', quantity: 1, writtenOff: false },
      ],
      ['return#1', { type: 'RecordReceived', lines: mug, location: 'main', amount: 500 }],
      refundOf('return_1', 500, 'return', 'main'),
    ]);
  });

  it('reports written-off units separately from units that are sold again', () => {
    const both: OrderCommand = {
      type: 'ReceiveReturn',
      returnId: 'return_1',
      lines: [...mug, { lineId: '1', quantity: 1, writtenOff: true }],
    };
    const moved = followOf([sendRest, both]).slice(0, 2) as [string, { movementId: string; writtenOff: boolean }][];
    expect(moved.map(([, { movementId, writtenOff }]) => [movementId, writtenOff])).to.deep.equal([
      ['return_1', false],
      ['return_1/written-off', true],
    ]);
  });

  it('never refunds more than was captured, and nothing twice', () => {
    const { order: made, payment: ledger } = worldOf([sendMug, returnMug]);
    const refunds = (state: Payment) =>
      settlementSteps(made, the(made.unsettled.at(-1)), state).flatMap((step) =>
        step.provider ? step.commands.map(({ command }) => command) : [],
      );
    const some = ledgerAfter(ledger, { type: 'RequestRefund', operationId: 'kind', amount: 600, reason: 'x' });
    expect(refunds(some)).to.deep.include({
      type: 'RequestRefund',
      operationId: 'return_1/refund',
      amount: 200,
      reason: 'return',
      location: 'main',
    });
    const all = ledgerAfter(some, { type: 'RequestRefund', operationId: 'kinder', amount: 200, reason: 'x' });
    expect(refunds(all)).to.deep.equal([]);
    const [own] = refunds(ledger);
    const asked = ledgerAfter(ledger, the(own));
    expect(refunds(asked)).to.deep.equal([]);
    const failed = { type: 'RecordRefundFailed', operationId: 'return_1/refund', reason: 'lost_card' } as const;
    expect(refunds(ledgerAfter(asked, failed))).to.deep.equal([]);
  });

  it('refunds the same amount, whether or not another unsettled return has been refunded already', () => {
    const sendMugs: OrderCommand = { ...sendMug, lines: [{ lineId: '1', quantity: 2 }] };
    const { order: made, payment: ledger } = worldOf([sendMugs, returnMug]);
    const decision = order.decide({ ...returnMug, returnId: 'return_2' }, made, TEST_NOW);
    const apply = (state: Order | null, event: OrderEvent) => order.evolve(state, event, TEST_NOW);
    const both = (decision as OrderEvent[]).reduce(apply, made);
    const why = { reason: 'return', location: 'main' };
    const refund = { type: 'RequestRefund', operationId: 'return_1/refund', amount: 500, ...why } as const;
    for (const state of [ledger, ledgerAfter(ledger, refund)]) {
      const steps = settlementSteps(both, the(both.unsettled.at(-1)), state);
      expect(the(steps.at(-1)).commands.map(({ command }) => command)).to.deep.equal([
        { ...refund, operationId: 'return_2/refund' },
      ]);
    }
  });

  it('refunds nothing for goods that a lost dispute has already refunded, and only the rest for more goods', () => {
    const refundOf = (commands: OrderCommand[], multicapture: boolean, outcome: 'won' | 'lost') => {
      const { order: made, payment: ledger } = worldOf(commands, multicapture);
      const dispute = { disputeId: 'dp_1', amount: 500, reason: 'not_as_described', outcome };
      const after = ledgerAfter(ledger, { type: 'RecordDisputeClosed', ...dispute });
      return settlementSteps(made, the(made.unsettled.at(-1)), after).flatMap((step) =>
        step.provider
          ? step.commands.flatMap(({ command }) => (command.type === 'RequestRefund' ? command.amount : []))
          : [],
      );
    };
    const both: OrderCommand = { ...returnMug, lines: [{ lineId: '1', quantity: 2 }] };
    expect(refundOf([sendRest, returnMug], true, 'lost')).to.deep.equal([]);
    expect(refundOf([sendRest, returnMug], true, 'won')).to.deep.equal([500]);
    expect(refundOf([sendRest, both], true, 'lost')).to.deep.equal([500]);
    expect(refundOf([sendMug, cancelMug], false, 'lost')).to.deep.equal([]);
    expect(refundOf([sendMug, cancelRest], false, 'lost')).to.deep.equal([200]);
  });

  it('refunds nothing that was not paid, even if the open units were paid ahead', () => {
    const cup = [{ lineId: '2', quantity: 1 }];
    const sendCup: OrderCommand = { type: 'FulfilOrder', fulfilmentId: 'shipment_2', lines: cup };
    const returnCup: OrderCommand = { type: 'ReceiveReturn', returnId: 'return_1', lines: cup };
    const { order: made } = worldOf([sendMug, sendCup, returnCup]);
    const capture = (operationId: string, amount: number, rest: number): PaymentCommand => {
      return { type: 'RequestCapture', operationId: `${operationId}/capture`, amount, rest, final: false };
    };
    const ledger = the(
      [
        ...authorised(false),
        capture('shipment_1', 800, 700),
        { type: 'RecordCaptureFailed', operationId: 'shipment_1/capture', reason: 'refused' } as const,
        capture('shipment_2', 200, 500),
        { type: 'RecordCaptured', operationId: 'shipment_2/capture' } as const,
      ].reduce<Payment | null>(ledgerAfter, null),
    );
    expect(the(settlementSteps(made, the(made.unsettled[0]), ledger).at(-1)).commands).to.deep.equal([]);
  });

  it('releases uncaptured money once everything that it was for is back, and nothing else', () => {
    const returnCup: OrderCommand = { ...returnMug, lines: [{ lineId: '2', quantity: 1 }], returnId: 'return_2' };
    const returnBoth: OrderCommand = { ...returnMug, lines: [...mug, { lineId: '2', quantity: 1 }] };
    const voidsOf = (commands: OrderCommand[], ...lost: string[]) => {
      const { order: made, payment: ledger } = worldOf(commands);
      const captures = ledger.captures.map((one) =>
        lost.includes(one.operationId) ? { ...one, status: 'failed' as const } : one,
      );
      const steps = settlementSteps(made, the(made.unsettled[0]), { ...ledger, captures, refunds: [] });
      const last = the(steps.at(-1));
      return last.provider ? last.commands.filter(({ command }) => command.type === 'RequestVoid') : [];
    };
    const second = 'shipment_2/capture';
    expect(
      voidsOf([sendMug, sendRest, returnBoth], second).map(({ stream, command }) => [stream, command]),
    ).to.deep.equal([voidOf('return_1')]);
    expect(voidsOf([sendMug, sendRest, returnMug], second), 'the cup is still to be paid').to.deep.equal([]);
    expect(voidsOf([sendMug, returnMug]), 'the rest is still to be sent').to.deep.equal([]);
    expect(voidsOf([sendMug, sendRest, returnCup]), 'nothing is held').to.deep.equal([]);
  });

  it('records a refund outside the shop as done at once', () => {
    const { order: made, payment: ledger } = worldOf([sendMug, returnMug]);
    const external: Payment = { ...ledger, authorisation: { ...the(ledger.authorisation), provider: 'external' } };
    const refund = the(settlementSteps(made, the(made.unsettled.at(-1)), external).at(-1));
    const types = refund.provider && refund.commands.map(({ command }) => command.type);
    expect(types).to.deep.equal(['RequestRefund', 'RecordRefunded']);
  });
});

describe('The settlement of a collection', () => {
  const collect: OrderCommand = { type: 'RequestCollection', collectionId: 'collection_1' };
  const failed = (operationId: string): PaymentCommand => {
    return { type: 'RecordCaptureFailed', operationId: `${operationId}/capture`, reason: 'refused' };
  };
  const collectedOf = (multicapture: boolean, commands: OrderCommand[], ...facts: PaymentCommand[]) => {
    const { order: made, payment: ledger } = worldOf([...commands, collect], multicapture);
    const captures = ledger.captures.map((one) => ({ ...one, status: 'requested' as const }));
    const refunds = facts.length > 0 ? [] : ledger.refunds;
    const paid = facts.reduce(ledgerAfter, { ...ledger, captures, refunds });
    const [step] = settlementSteps(made, the(made.unsettled[0]), paid);
    return the(step).commands.map(({ command }) => command);
  };
  const asked = (amount: number, rest: number) => {
    return { type: 'RequestCapture', operationId: 'collection_1/capture', amount, rest, final: rest === 0 };
  };

  it('captures the unpaid amount for sent units', () => {
    expect(collectedOf(true, [sendMug], failed('shipment_1'))).to.deep.equal([asked(800, 700)]);
    expect(collectedOf(true, [sendMug, sendRest], failed('shipment_2'))).to.deep.equal([asked(700, 0)]);
    expect(collectedOf(true, [sendMug, sendRest], failed('shipment_1'), failed('shipment_2'))).to.deep.equal([
      asked(1500, 0),
    ]);
  });

  it('captures nothing that is paid, in progress or returned', () => {
    expect(collectedOf(true, [sendMug, returnMug], failed('shipment_1'))).to.deep.equal([asked(300, 700)]);
    expect(collectedOf(false, [sendMug, cancelMug])).to.deep.equal([]);
    const { order: made, payment: ledger } = worldOf([sendMug, collect]);
    const once = [failed('shipment_1'), asked(800, 700) as PaymentCommand].reduce(ledgerAfter, {
      ...ledger,
      captures: ledger.captures.map((one) => ({ ...one, status: 'requested' as const })),
    });
    expect(the(settlementSteps(made, the(made.unsettled[0]), once)[0]).commands).to.deep.equal([]);
    const inVain = ledgerAfter(once, failed('collection_1'));
    expect(the(settlementSteps(made, the(made.unsettled[0]), inVain)[0]).commands).to.deep.equal([]);
  });

  it('releases the authorised money if nothing is owed and nothing is open', () => {
    const lost = [failed('shipment_1'), failed('shipment_2')];
    expect(collectedOf(true, [sendMug, sendRest, returnMug], ...lost)).to.deep.equal([asked(1000, 0)]);
    for (const commands of [
      [sendMug, cancelRest],
      [sendMug, sendRest],
    ]) {
      expect(collectedOf(true, commands)).to.deep.equal([voidOf('collection_1')[1]]);
    }
  });

  it('captures later amounts as well, if money can be captured only once', () => {
    expect(collectedOf(false, [sendMug], failed('shipment_1'))).to.deep.equal([asked(800, 700)]);
  });
});

describe('The amount that may still be captured', () => {
  /** After all but the last operation are settled. */
  const needed = (commands: OrderCommand[], multicapture = true) => {
    const { order: made, payment: ledger } = worldOf(commands, multicapture);
    return neededOf(made, ledger);
  };

  it('is the open amount, without what was cancelled or captured with shipments', () => {
    expect(needed([])).to.equal(TOTAL);
    expect(needed([cancelMug, sendRest])).to.equal(TOTAL - 500);
    expect(needed([sendMug, cancelRest])).to.equal(TOTAL - 800);
  });

  it('is zero if the open units were paid ahead', () => {
    expect(needed([sendMug, cancelRest], false)).to.equal(0);
  });

  it('includes unpaid amounts for sent units', () => {
    const { order: made, payment: ledger } = worldOf([sendMug, cancelRest]);
    const captures = ledger.captures.map((one) => ({ ...one, status: 'failed' as const }));
    expect(neededOf(made, { ...ledger, captures })).to.equal(TOTAL);
  });
});

describe('Money', () => {
  /**
   * The units of each line, a percentage of the refundable amount, captures that fail for good, and operations that are settled
   * later.
   */
  const turn = fc.oneof(
    fc.record({
      does: fc.constantFrom('send', 'cancel', 'sendBack'),
      mugs: fc.nat(2),
      cups: fc.nat(1),
      fails: fc.boolean(),
      waits: fc.boolean(),
    }),
    fc.record({ does: fc.constant('goodwill'), percent: fc.integer({ min: 1, max: 100 }) }),
    fc.record({ does: fc.constant('collect'), fails: fc.boolean() }),
  );
  type Turn = { does: string; mugs?: number; cups?: number; percent?: number; fails?: boolean; waits?: boolean };

  function commandOf({ does, mugs = 0, cups = 0 }: Turn, id: string): OrderCommand {
    const units = [
      { lineId: '1', quantity: mugs },
      { lineId: '2', quantity: cups },
    ].filter(({ quantity }) => quantity > 0);
    switch (does) {
      case 'send':
        return { type: 'FulfilOrder', fulfilmentId: `shipment_${id}`, lines: units };
      case 'cancel':
        return { type: 'CancelLines', cancellationId: `cancellation_${id}`, lines: units, reason: 'x' };
      case 'sendBack':
        return { type: 'ReceiveReturn', returnId: `return_${id}`, lines: units };
      default:
        return { type: 'RequestCollection', collectionId: `collection_${id}` };
    }
  }

  /** Plays the turns that are possible, and calls `look` after each. */
  function play(multicapture: boolean, turns: readonly Turn[], look: (made: Order, ledger: Payment) => void) {
    let { order: made, payment: ledger } = worldOf([], multicapture);
    const tell = (command: OrderCommand) => {
      const decision = order.decide(command, made, TEST_NOW);
      if (isRejection(decision)) return;
      made = decision.reduce((state, event) => order.evolve(state, event, TEST_NOW), made);
    };
    const pay = (command: PaymentCommand, fails = false) => {
      ledger = ledgerAfter(ledger, command);
      if (!('operationId' in command)) return;
      const { operationId } = command;
      if (ledger.captures.some((one) => one.operationId === operationId && one.status === 'requested')) {
        const failed = { type: 'RecordCaptureFailed', operationId, reason: 'refused' } as const;
        ledger = ledgerAfter(ledger, fails ? failed : { type: 'RecordCaptured', operationId });
      }
      if (command.type === 'RequestRefund') ledger = ledgerAfter(ledger, { type: 'RecordRefunded', operationId });
      if (command.type === 'RequestVoid' && ledger.status === 'void_requested') {
        ledger = ledgerAfter(ledger, { type: 'RecordVoided', operationId });
      }
    };
    for (const [n, turn] of turns.entries()) {
      if (turn.percent !== undefined) {
        const amount = Math.floor((refundableOf(ledger) * turn.percent) / 100);
        if (amount > 0) pay({ type: 'RequestRefund', operationId: `goodwill_${n}`, amount, reason: 'goodwill' });
      } else {
        tell(commandOf(turn, `${n}`));
      }
      if (turn.waits) continue;
      for (const operation of made.unsettled) {
        const steps = settlementSteps(made, operation, ledger).filter(({ provider }) => provider);
        for (const { command } of steps.flatMap(({ commands }) => [...commands])) {
          pay(command as PaymentCommand, turn.fails);
        }
        for (const { command } of settlementEnd(made, operation, ledger)) tell(command);
      }
      if (made.holds.length > 0) tell({ type: 'ResumeOrder' });
      look(made, ledger);
    }
  }

  const entitledTo = (made: Order, ledger: Payment) => {
    const { kept, open } = dueWith(made);
    return kept + (isPaidAhead(ledger) ? open : 0);
  };
  const netOf = (ledger: Payment) => capturedOf(ledger) - refundedOf(ledger);
  const goodwillIn = ({ refunds }: Payment) =>
    refunds.filter(({ reason }) => reason === 'goodwill').reduce((sum, { amount }) => sum + amount, 0);

  it('is never captured beyond what is kept, or open and paid ahead, whatever fails and whatever else is refunded', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(turn, { maxLength: 12 }), (multicapture, turns) => {
        play(multicapture, turns, (made, ledger) => {
          expect(netOf(ledger)).to.be.at.most(entitledTo(made, ledger));
        });
      }),
      { numRuns: 500 },
    );
  });

  it('matches what is kept, if no capture fails', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(turn, { maxLength: 12 }), (multicapture, turns) => {
        play(
          multicapture,
          turns.map((one) => ({ ...one, fails: false })),
          (made, ledger) => {
            expect(netOf(ledger)).to.be.at.least(entitledTo(made, ledger) - goodwillIn(ledger));
          },
        );
      }),
      { numRuns: 500 },
    );
  });

  it('matches what is kept once it is collected', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(turn, { maxLength: 12 }), (multicapture, turns) => {
        play(multicapture, [...turns, { does: 'collect', fails: false }], (made, ledger) => {
          if (!made.operationIds.at(-1)?.startsWith(`collection_${turns.length}`)) return;
          expect(netOf(ledger)).to.be.at.least(entitledTo(made, ledger) - goodwillIn(ledger));
        });
      }),
      { numRuns: 500 },
    );
  });
});
