// Runs the settlement of orders: stock, payment and the rest follow each shipment, cancellation or return, which is then recorded
// as settled. Command ids derive from the operation, so any number of workers may settle one order, at once or one after the
// other. After a crash the next worker finishes the settlement.
import type { Position } from '../../domain/kernel/commit.js';
import { orThrow, Problem, problemOf } from '../../domain/kernel/errors.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { type Operation, type Order, type OrderCommand, operationEventId, order } from '../../domain/order/order.js';
import type { Payment } from '../../domain/payment/ledger.js';
import { payment } from '../../domain/payment/payment.js';
import { settlementEnd, settlementSteps } from '../../domain/processes/settlement.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { Origin } from '../runtime/origin.js';
import type { ProcessContext, StepRunner } from '../runtime/steps.js';

export interface Settlement {
  /** Settles the unsettled operations of an order, oldest first. Throws the error that stops the rest. */
  run(orderId: string, origin?: Origin): Promise<Map<StreamId, number>>;
  /**
   * Settles as much as possible now. An error is reported to `onUnsettled`, and the rest is settled later. Resolves with the last
   * commits written.
   */
  attempt(orderId: string, origin: Origin): Promise<Map<StreamId, number>>;
}

export interface SettlementDeps {
  runner: CommandRunner;
  steps: StepRunner;
  /** Called with an order that could not be settled yet, and the error. */
  onUnsettled?: (orderId: string, error: unknown) => void;
}

export function createSettlement({ runner, steps, onUnsettled }: SettlementDeps): Settlement {
  async function settleAll(orderId: string, origin: Origin, seen: Map<StreamId, number>): Promise<void> {
    /** Operations that cannot be settled now, by id, with the error. */
    const failures = new Map<string, unknown>();
    const nextOf = ({ unsettled }: Order) =>
      unsettled.find((operation, index) => canGoOn(operation, unsettled.slice(0, index), failures));
    for (;;) {
      const { state, position } = await runner.load(order, streamOf(orderId));
      if (!state) break;
      seen.set(streamOf(orderId), position.commitNo);
      const operation = nextOf(state);
      if (!operation) break;
      const { state: ledger } = await runner.load(payment, streamOf(siblingId('payment', orderId)));
      if (!ledger) throw new Problem('conflict', `${orderId} has no payment, so it cannot be settled.`);
      if (operation.kind !== 'fulfilment' && !(await isUnchanged(orderId, position))) continue;
      try {
        const settled = await settle(state, operation, ledger, contextOf(operation, position, origin, seen));
        if (!nextOf(settled)) break;
      } catch (error) {
        // A shipment needs the money as the previous shipment left it, so it stops the settlement. A refund can wait.
        if (operation.kind === 'fulfilment') throw error;
        failures.set(operation.operationId, error);
      }
    }
    if (failures.size > 0) throw failures.values().next().value;
  }

  /**
   * A refund is the difference between order and payment. The two match only if the order has not changed since before the
   * payment was read, whatever other workers settle meanwhile.
   */
  async function isUnchanged(orderId: string, { commitNo }: Position): Promise<boolean> {
    return (await runner.load(order, streamOf(orderId))).position.commitNo === commitNo;
  }

  /** Returns the order after the settlement. */
  async function settle(state: Order, operation: Operation, before: Payment, context: ProcessContext): Promise<Order> {
    if (operation.kind === 'reallocation' && operation.phase === 'requested') {
      return reserveElsewhere(state, operation, before, context);
    }
    let ledger = before;
    for (const step of settlementSteps(state, operation, before)) {
      const { rejections, payment } = await steps.take(step, context);
      if (rejections[0]) throw problemOf(rejections[0]);
      ledger = payment ?? ledger;
    }
    let after = state;
    for (const command of settlementEnd(state, operation, ledger)) {
      after = orThrow(await steps.issue(command, context)).state;
    }
    return after;
  }

  /** The order decides with the result. The next iteration settles the operation. */
  async function reserveElsewhere(
    state: Order,
    operation: Operation,
    ledger: Payment,
    context: ProcessContext,
  ): Promise<Order> {
    const { operationId: reallocationId } = operation;
    let reserved = true;
    for (const step of settlementSteps(state, operation, ledger)) {
      const { rejections } = await steps.take(step, context);
      const other = rejections.find(({ rejected }) => rejected !== 'out_of_stock');
      if (other) throw problemOf(other);
      reserved &&= rejections.length === 0;
    }
    const command: OrderCommand = { type: 'RecordReallocation', reallocationId, reserved };
    const id = `${reallocationId}/outcome`;
    const decided = { id, stream: streamOf(state.orderId), decider: order, command };
    return orThrow(await steps.issue(decided, context)).state;
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
 * A collection depends on earlier refunds, and a refund on earlier collections. So nothing overtakes a collection, not even a
 * waiting one, since another worker may be collecting. Any other waiting operation, such as one with a dispute, delays no other.
 */
function canGoOn(
  { operationId, kind }: Operation,
  before: readonly Operation[],
  failures: ReadonlyMap<string, unknown>,
): boolean {
  if (kind === 'fulfilment') return true;
  // These operations move no money.
  if (kind === 'return_request' || kind === 'reallocation') return !failures.has(operationId);
  if (kind === 'collection') return failures.size === 0;
  return !failures.has(operationId) && !before.some((other) => other.kind === 'collection');
}

/** Follow-ups of an operation in the past have the same past time, whoever settles it. Their cause is the order's commit. */
function contextOf(
  operation: Operation,
  { at }: Position,
  origin: Origin,
  seen: Map<StreamId, number>,
): ProcessContext {
  const { operationId, at: issuedAt } = operation;
  const occurredAt = operation.kind === 'return' ? operation.occurredAt : undefined;
  return { origin, cause: { eventId: operationEventId(operationId), at }, issuedAt, occurredAt, seen };
}
