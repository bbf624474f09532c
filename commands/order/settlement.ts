// Runs the settlement of orders: what was sent, cancelled or returned is followed by stock, payment and the rest, and then
// recorded as settled. Command ids derive from the operation, so any number of workers may settle one order, at once or
// one after the other; a crash anywhere is finished by whoever runs it next.
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
import type { Because, StepRunner } from '../runtime/steps.js';

export interface Settlement {
  /** Settles what is unsettled of an order, oldest first; throws what keeps the rest from being settled. */
  run(orderId: string, origin?: Origin): Promise<Map<StreamId, number>>;
  /** As far as it goes now: what is left is told to `onUnsettled` and settled later. Resolves with the last commits written. */
  attempt(orderId: string, origin: Origin): Promise<Map<StreamId, number>>;
}

export interface SettlementDeps {
  runner: CommandRunner;
  steps: StepRunner;
  /** Told of an order that could not be settled yet, and why. */
  onUnsettled?: (orderId: string, error: unknown) => void;
}

export function createSettlement({ runner, steps, onUnsettled }: SettlementDeps): Settlement {
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
        const settled = await settle(state, operation, ledger, becauseOf(operation, position, origin, seen));
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
  async function settle(state: Order, operation: Operation, before: Payment, because: Because): Promise<Order> {
    if (operation.kind === 'reallocation' && operation.phase === 'requested') {
      return reserveElsewhere(state, operation, before, because);
    }
    let ledger = before;
    for (const step of settlementSteps(state, operation, before)) {
      const { rejections, payment } = await steps.take(step, because);
      if (rejections[0]) throw problemOf(rejections[0]);
      ledger = payment ?? ledger;
    }
    let after = state;
    for (const command of settlementEnd(state, operation, ledger)) {
      after = orThrow(await steps.issue(command, because)).state!;
    }
    return after;
  }

  /** The order decides what comes of it, and is settled with that next. */
  async function reserveElsewhere(
    state: Order,
    operation: Operation,
    ledger: Payment,
    because: Because,
  ): Promise<Order> {
    const { operationId: reallocationId } = operation;
    let reserved = true;
    for (const step of settlementSteps(state, operation, ledger)) {
      const { rejections } = await steps.take(step, because);
      const other = rejections.find(({ rejected }) => rejected !== 'out_of_stock');
      if (other) throw problemOf(other);
      reserved &&= rejections.length === 0;
    }
    const command: OrderCommand = { type: 'RecordReallocation', reallocationId, reserved };
    const id = `${reallocationId}/outcome`;
    const decided = { id, stream: streamOf(state.orderId), decider: order, command };
    return orThrow(await steps.issue(decided, because)).state!;
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

/** What follows from something in the past did so then, whoever settles it. The order's commit is its cause. */
function becauseOf(operation: Operation, { at }: Position, origin: Origin, seen: Map<StreamId, number>): Because {
  const { operationId, at: issuedAt } = operation;
  const occurredAt = operation.kind === 'return' ? operation.occurredAt : undefined;
  return { origin, cause: { eventId: operationEventId(operationId), at }, issuedAt, occurredAt, seen };
}
