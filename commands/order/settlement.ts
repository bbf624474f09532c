// Runs the settlement of orders: what was sent, cancelled or returned is followed by stock, payment and the rest, and then
// recorded as settled. Command ids derive from the operation, so any number of workers may settle one order, at once or
// one after the other; a crash anywhere is finished by whoever runs it next.
import { coupon } from '../../domain/coupon/coupon.js';
import { returns } from '../../domain/fulfilment/return.js';
import { shipment } from '../../domain/fulfilment/shipment.js';
import type { Hlc } from '../../domain/kernel/clock.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import type { Position } from '../../domain/kernel/commit.js';
import type { Decider } from '../../domain/kernel/decider.js';
import { isProblem, Problem } from '../../domain/kernel/errors.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { type Operation, type Order, operationEventId, order } from '../../domain/order/order.js';
import type { Payment } from '../../domain/payment/ledger.js';
import { payment } from '../../domain/payment/payment.js';
import type { Issued } from '../../domain/processes/issued.js';
import { type SettlementStep, settlementEnd, settlementSteps } from '../../domain/processes/settlement.js';
import { stockItem } from '../../domain/stock/stock-item.js';
import type { PaymentOperations } from '../payment/operations.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { Origin } from '../runtime/origin.js';

export interface Settlement {
  /** Settles what is unsettled of an order, oldest first; throws what keeps the rest from being settled. */
  run(orderId: string, origin?: Origin): Promise<Map<StreamId, number>>;
  /** As far as it goes now: what is left is told to `onUnsettled` and settled later. Resolves with the last commits written. */
  attempt(orderId: string, origin: Origin): Promise<Map<StreamId, number>>;
}

export interface SettlementDeps {
  runner: CommandRunner;
  payments: Pick<PaymentOperations, 'ask'>;
  /** Told of an order that could not be settled yet, and why. */
  onUnsettled?: (orderId: string, error: unknown) => void;
}

/** One worker's settling of one operation. */
interface Run {
  order: Order;
  operation: Operation;
  /** The commit time of the order: everything that follows from it is later. */
  at: Hlc;
  origin: Origin;
  seen: Map<StreamId, number>;
}

export function createSettlement({ runner, payments, onUnsettled }: SettlementDeps): Settlement {
  async function settleAll(orderId: string, origin: Origin, seen: Map<StreamId, number>): Promise<void> {
    /** What cannot be settled now, by operation id, and why. */
    const hindered = new Map<string, unknown>();
    const nextOf = ({ unsettled }: Order) =>
      unsettled.find((operation, index) => canGoOn(operation, unsettled.slice(0, index), hindered));
    for (;;) {
      const { state, position } = await runner.load(order, streamOf(orderId));
      if (!state) break;
      seen.set(streamOf(orderId), position.commitNo);
      const operation = nextOf(state);
      if (!operation) break;
      const { state: ledger } = await runner.load(payment, streamOf(siblingId('payment', orderId)));
      if (!ledger) throw new Problem('conflict', `${orderId} has no payment to settle it with.`);
      if (operation.kind !== 'fulfilment' && !(await isUnchanged(orderId, position))) continue;
      try {
        const settled = await settle({ order: state, operation, at: position.at, origin, seen }, ledger);
        if (!nextOf(settled)) break;
      } catch (error) {
        // What is sent has to find the money where it was left by what was sent before; what is given back can wait.
        if (operation.kind === 'fulfilment') throw error;
        hindered.set(operation.operationId, error);
      }
    }
    if (hindered.size > 0) throw hindered.values().next().value;
  }

  /**
   * What has to be given back is the difference between order and payment. Only if the order is still what it was before
   * the payment was read do the two belong together, whatever others settle meanwhile.
   */
  async function isUnchanged(orderId: string, { commitNo }: Position): Promise<boolean> {
    return (await runner.load(order, streamOf(orderId))).position.commitNo === commitNo;
  }

  /** The order behind it. */
  async function settle(run: Run, before: Payment): Promise<Order> {
    const { order, operation } = run;
    if (operation.kind === 'reallocation' && operation.phase === 'requested') return reserveElsewhere(run, before);
    let ledger = before;
    for (const step of settlementSteps(order, operation, before)) ledger = (await take(run, step)) ?? ledger;
    return issueToOrder(run, settlementEnd(order, operation, ledger));
  }

  /** The order decides what comes of it, and is settled with that next. */
  async function reserveElsewhere(run: Run, ledger: Payment): Promise<Order> {
    const { order: state, operation } = run;
    const { operationId: reallocationId } = operation;
    let reserved = true;
    for (const step of settlementSteps(state, operation, ledger)) {
      await take(run, step).catch((error) => {
        if (!isProblem(error, 'out_of_stock')) throw error;
        reserved = false;
      });
    }
    const command = { type: 'RecordReallocation', reallocationId, reserved } as const;
    const id = `${reallocationId}/outcome`;
    const { state: decided } = await runner.execute(order, streamOf(state.orderId), command, metaOf(run, id));
    return decided!;
  }

  /** The payment, if it was a step of the payment. */
  async function take(run: Run, step: SettlementStep): Promise<Payment | undefined> {
    switch (step.aggregate) {
      case 'stock':
        return issueAll(run, stockItem, step.commands);
      case 'shipment':
        return issueAll(run, shipment, step.commands);
      case 'return':
        return issueAll(run, returns, step.commands);
      case 'coupon':
        return issueAll(run, coupon, step.commands);
      case 'payment':
        return pay(run, step.commands);
    }
  }

  async function pay(
    run: Run,
    commands: (SettlementStep & { aggregate: 'payment' })['commands'],
  ): Promise<Payment | undefined> {
    await issueAll(run, payment, commands);
    const { state, seen } = await payments.ask(run.order.paymentId, { metaOf: (id) => metaOf(run, id) });
    for (const [stream, commitNo] of seen) run.seen.set(stream, commitNo);
    return state ?? undefined;
  }

  async function issueToOrder(run: Run, commands: ReturnType<typeof settlementEnd>): Promise<Order> {
    let after = run.order;
    for (const { id, stream, command } of commands) {
      const { state, position } = await runner.execute(order, stream, command, metaOf(run, id));
      run.seen.set(stream, position.commitNo);
      after = state!;
    }
    return after;
  }

  /** All at once; what one of them is refused is thrown when all have ended. */
  async function issueAll<C, S, E extends DomainEvent>(
    run: Run,
    decider: Decider<C, S, E>,
    commands: readonly Issued<C>[],
  ): Promise<undefined> {
    const issued = commands.map(async ({ id, stream, command }) => {
      const { position } = await runner.execute(decider, stream, command, metaOf(run, id));
      run.seen.set(stream, position.commitNo);
    });
    const refused = (await Promise.allSettled(issued)).find((result) => result.status === 'rejected');
    if (refused) throw refused.reason;
  }

  return {
    async run(orderId, origin = { correlationId: orderId, actor: { type: 'process', id: 'settlement' } }) {
      const seen = new Map<StreamId, number>();
      await settleAll(orderId, origin, seen);
      return seen;
    },
    async attempt(orderId, origin) {
      const seen = new Map<StreamId, number>();
      await settleAll(orderId, origin, seen).catch((error) => onUnsettled?.(orderId, error));
      return seen;
    },
  };
}

/**
 * What is collected depends on what was given back before, and what is given back on what was collected: nothing passes a
 * collection, even one that only waits, for another worker may be collecting. Else an operation that waits, as for a
 * dispute, holds up no other.
 */
function canGoOn(
  { operationId, kind }: Operation,
  before: readonly Operation[],
  hindered: ReadonlyMap<string, unknown>,
): boolean {
  if (kind === 'fulfilment') return true;
  // These move no money.
  if (kind === 'return_request' || kind === 'reallocation') return !hindered.has(operationId);
  if (kind === 'collection') return hindered.size === 0;
  return !hindered.has(operationId) && !before.some((other) => other.kind === 'collection');
}

/** What follows from something in the past did so then, whoever settles it. */
function metaOf({ operation, at, origin }: Run, id: string): CommandMeta {
  const { operationId, at: issuedAt } = operation;
  const occurredAt = operation.kind === 'return' ? operation.occurredAt : undefined;
  return {
    id,
    issuedAt,
    late: 'search',
    cause: { eventId: operationEventId(operationId), at },
    ...origin,
    ...(occurredAt !== undefined && { occurredAt }),
  };
}
