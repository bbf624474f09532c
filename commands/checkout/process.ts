// Runs checkouts: issues the steps that are due, asks the payment provider, records what came of it, and follows the
// record until the process is at its end. Every command id derives from process and step, so any number of workers may
// run one checkout at once or one after the other; a crash anywhere is finished by whoever runs it next.
import { type Cart, cart } from '../../domain/cart/cart.js';
import { coupon } from '../../domain/coupon/coupon.js';
import type { Clock, Hlc } from '../../domain/kernel/clock.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import type { Position } from '../../domain/kernel/commit.js';
import type { Decider } from '../../domain/kernel/decider.js';
import {
  isProblem,
  Problem,
  problemOf,
  type Rejection,
  reject,
  StreamBusy,
  Unavailable,
} from '../../domain/kernel/errors.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import { sameJson } from '../../domain/kernel/json.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { order } from '../../domain/order/order.js';
import { type Parcel, stockNeeds } from '../../domain/order/parcels.js';
import type { Payment } from '../../domain/payment/ledger.js';
import { payment } from '../../domain/payment/payment.js';
import {
  type Checkout,
  type CheckoutCommand,
  checkout,
  checkoutIdOf,
  checkoutOfCart,
  MAX_ROUNDS,
  MAX_STOCK_WAIT_MS,
  outcomeCommandId,
  outcomeOfPayment,
  outcomeOfRejections,
} from '../../domain/processes/checkout.js';
import type { CheckoutOutcome } from '../../domain/processes/checkout-events.js';
import { type CheckoutStep, type Due, nextSteps, stepsBehind } from '../../domain/processes/checkout-steps.js';
import type { Issued } from '../../domain/processes/issued.js';
import { stockItem } from '../../domain/stock/stock-item.js';
import type { PaymentOperations } from '../payment/operations.js';
import type { CommandRunner, Loaded } from '../runtime/command-runner.js';
import type { Origin } from '../runtime/origin.js';
import type { StockAllocator } from '../stock/allocator.js';
import type { Claim, StockQueue } from './stock-queue.js';

export interface CheckoutProcess {
  /**
   * Runs a checkout until it has completed or failed, or until only the customer or the provider can say how it goes on;
   * one that was started before goes on. Throws `Unavailable` where an engine is away: the recovery finishes it then.
   */
  run(start: CheckoutCommand & { type: 'StartCheckout' }, origin: Origin): Promise<CheckoutResult>;
  /** Goes on with the checkout of an order that somebody else has begun; undefined if nothing of it was ever recorded. */
  resume(orderId: string, cartId?: string): Promise<CheckoutResult | undefined>;
}

export interface CheckoutResult {
  checkout: Checkout;
  /** The ledger, where the provider was asked in this run. */
  payment?: Payment;
  /** The last commit of every stream that was written or seen, for a consistency token. */
  seen: Map<StreamId, number>;
}

export interface CheckoutProcessDeps {
  runner: CommandRunner;
  clock: Clock;
  payments: Pick<PaymentOperations, 'ask' | 'refresh'>;
  stock: Pick<StockAllocator, 'allocate'>;
  queue: StockQueue;
}

/** What came of the commands of a step: the noes, and the last state. */
interface Issue {
  rejections: Rejection[];
  state: unknown;
}

/** One worker's run of one checkout. */
interface Run {
  stream: StreamId;
  state: Checkout;
  payment?: Payment;
  origin: Origin;
  /** Of the record: commit time of the last outcome, which everything that follows from it is later than, and version. */
  at: Hlc;
  version: number;
  seen: Map<StreamId, number>;
  /** Somebody else has recorded outcomes, too. */
  isShared: boolean;
  /** Until when it waits for stock, in ms; set once it was short for the first time. */
  waitsUntil?: number;
  /** The units that it was told to take. */
  claim?: Claim;
  /** Says that this process holds the stock of its last round no more. */
  letGo?: () => void;
}

export function createCheckoutProcess({ runner, clock, payments, stock, queue }: CheckoutProcessDeps): CheckoutProcess {
  async function run(start: CheckoutCommand & { type: 'StartCheckout' }, origin: Origin): Promise<CheckoutResult> {
    const stream = streamOf(checkoutIdOf(start.order.orderId));
    const { occurredAt } = start.order;
    const meta: CommandMeta = {
      id: `${checkoutIdOf(start.order.orderId)}/start`,
      issuedAt: clock(),
      newStream: true,
      ...origin,
      ...(occurredAt !== undefined && { occurredAt }),
    };
    const { state, position } = await runner.execute(checkout, stream, start, meta);
    return follow(runFrom(stream, origin, state!, position));
  }

  async function resume(orderId: string, cartId?: string): Promise<CheckoutResult | undefined> {
    const checkoutId = checkoutIdOf(orderId);
    const stream = streamOf(checkoutId);
    const origin: Origin = { correlationId: checkoutId, actor: { type: 'process', id: checkoutId } };
    const { state, position } = await runner.load(checkout, stream);
    if (state) return follow(runFrom(stream, origin, state, position));
    const submitted = cartId && (await runner.load(cart, streamOf(cartId))).state;
    return submitted && isSubmittedAs(submitted, orderId) ? run(checkoutOfCart(submitted), origin) : undefined;
  }

  /** Until nothing is due, or only the customer or the provider can say how it goes on. */
  async function follow(run: Run): Promise<CheckoutResult> {
    const due = nextSteps(run.state, clock());
    // Of one that is at its end when we come, somebody else has taken all steps.
    run.isShared = !due;
    if (due) {
      await takeAll(run, due).finally(() => {
        run.claim?.settle();
        run.letGo?.();
      });
      void followUp(run);
    }
    if (run.isShared) await seeOthersWork(run);
    const { state, seen, payment } = run;
    return { checkout: state, seen, ...(payment && { payment }) };
  }

  async function takeAll(run: Run, first: Due): Promise<void> {
    for (let due: Due | undefined = first; due; due = nextSteps(run.state, clock())) {
      const outcome = (await take(run, due.steps)) ?? due.outcome;
      if (!outcome) {
        const { orderId } = run.state.order;
        throw new Problem('conflict', `The checkout of ${orderId} cannot go on; it will be tried again.`);
      }
      const isRecorded = await record(run, outcome);
      if (isRecorded && (run.state.phase === 'unknown' || run.state.phase === 'waiting')) return;
    }
  }

  /** Nobody waits for it. What fails is on the agenda, which logs it if it fails again. */
  async function followUp(run: Run): Promise<void> {
    const behind = { ...run, seen: new Map() };
    await Promise.all(stepsBehind(run.state).map((step) => issue(behind, step))).catch(() => {});
  }

  /** Takes the steps one after the other, up to one whose outcome decides how the process goes on. */
  async function take(run: Run, steps: readonly CheckoutStep[]): Promise<CheckoutOutcome | undefined> {
    for (const step of steps) {
      if (step.name === 'reserve') {
        const outcome = await reserve(run, step);
        if (outcome) return outcome;
        continue;
      }
      const { rejections, state } = await issue(run, step);
      if (rejections.length > 0 && !step.optional) {
        const outcome = outcomeOfRejections(run.state, step.name, rejections);
        if (!outcome) throw problemOf(rejections[0]!);
        return outcome;
      }
      if (step.aggregate === 'payment') {
        await askProvider(run, state as Payment);
        if (step.name === 'authorise') return outcomeOfPayment(run.state, run.payment!, clock());
      }
    }
    return undefined;
  }

  /**
   * Reserves the stock. If it is short, the checkout takes it from other locations, or waits for running checkouts that may give
   * it back. A waiting checkout holds nothing: two that each hold what the other needs would wait in vain.
   */
  async function reserve(run: Run, step: CheckoutStep): Promise<CheckoutOutcome | undefined> {
    const { checkoutId, order, rounds } = run.state;
    const { reservationId, parcels } = rounds.at(-1)!;
    const needs = stockNeeds(order.lines);
    const short = (available: Record<string, number>): CheckoutOutcome => {
      return { type: 'CheckoutStockShort', data: { checkoutId, available } };
    };
    const from = (allocation: readonly Parcel[]): CheckoutOutcome => {
      return {
        type: 'CheckoutReallocated',
        data: { checkoutId, round: rounds.length + 1, allocation: [...allocation] },
      };
    };
    for (;;) {
      if (run.waitsUntil !== undefined && !run.claim) {
        const claim = await queue.claim(needs, run.waitsUntil);
        if ('short' in claim) return short(claim.short);
        run.claim = claim;
        if (rounds.length < MAX_ROUNDS && !sameJson(claim.allocation, parcels)) return from(claim.allocation);
      }
      run.letGo?.();
      run.letGo = queue.hold(parcels);
      const { rejections } = await issue(run, step);
      run.claim?.settle();
      delete run.claim;
      if (rejections.length === 0) return undefined;
      const outcome = outcomeOfRejections(run.state, step.name, rejections)!;
      if (outcome.type !== 'CheckoutStockShort') return outcome;
      run.letGo();

      const found = await stock.allocate(needs, reservationId);
      if ('short' in found && !found.hoped) return short(found.short);
      run.waitsUntil ??= clock() + MAX_STOCK_WAIT_MS;
      if (rounds.length >= MAX_ROUNDS || clock() >= run.waitsUntil) return outcome;
      if (rejections.length < step.commands.length) return from('short' in found ? found.hoped! : found);
    }
  }

  function issue(run: Run, step: CheckoutStep): Promise<Issue> {
    const isNew = run.state.phase === 'started';
    switch (step.aggregate) {
      case 'order':
        return issueAll(run, order, step.commands, isNew);
      case 'stock':
        return issueAll(run, stockItem, step.commands, false, step.repeatable && clock());
      case 'payment':
        return issueAll(run, payment, step.commands, isNew);
      case 'coupon':
        return issueAll(run, coupon, step.commands, false, step.repeatable && clock());
      case 'cart':
        return issueAll(run, cart, step.commands, false);
    }
  }

  /** All at once, in order for each stream. Rejections are answers; any other error is thrown once all have ended. */
  async function issueAll<C, S, E extends DomainEvent>(
    run: Run,
    decider: Decider<C, S, E>,
    commands: readonly Issued<C>[],
    isNew: boolean,
    issuedAt?: number,
  ): Promise<Issue> {
    const issued = commands.map(async ({ id, stream, command }) => {
      const { state, position } = await runner.execute(decider, stream, command, metaOf(run, id, isNew, issuedAt));
      run.seen.set(stream, position.commitNo);
      return state;
    });
    const rejections: Rejection[] = [];
    let state: unknown;
    for (const result of await Promise.allSettled(issued)) {
      if (result.status === 'fulfilled') state = result.value;
      else rejections.push(rejectionIn(result.reason));
    }
    return { rejections, state };
  }

  /** False if others have gone on meanwhile: what came of our steps is of no account then, their record is followed. */
  async function record(run: Run, outcome: CheckoutOutcome): Promise<boolean> {
    const meta = { ...metaOf(run, outcomeCommandId(outcome)), expectedVersion: run.version };
    try {
      const recorded = await runner.execute(checkout, run.stream, { type: 'RecordOutcome', outcome }, meta);
      run.isShared ||= recorded.repeated;
      move(run, recorded);
      return true;
    } catch (error) {
      if (!isProblem(error, 'version_mismatch')) throw error;
      run.isShared = true;
      move(run, await runner.load(checkout, run.stream));
      return false;
    }
  }

  /** Who asked hears how it ended, whoever ended it: the order and the payment are seen as they are now. */
  async function seeOthersWork({ state, seen }: Run): Promise<void> {
    const streams = [streamOf(state.order.orderId), streamOf(siblingId('payment', state.order.orderId))] as const;
    const [ordered, paid] = await Promise.all([runner.load(order, streams[0]), runner.load(payment, streams[1])]);
    seen.set(streams[0], ordered.position.commitNo).set(streams[1], paid.position.commitNo);
  }

  /** While the customer has to act, nothing is due with the provider, which may know already that it is done. */
  async function askProvider(run: Run, known: Payment): Promise<void> {
    const asking = { known, metaOf: (id: string) => metaOf(run, id) };
    const asked = await (run.state.phase === 'waiting'
      ? payments.refresh(known.paymentId, asking)
      : payments.ask(known.paymentId, asking));
    run.payment = asked.state ?? known;
    for (const [stream, commitNo] of asked.seen) run.seen.set(stream, commitNo);
  }

  function metaOf({ state, origin, at }: Run, id: string, isNew = false, issuedAt = state.startedAt): CommandMeta {
    const { occurredAt } = state.order;
    return {
      id,
      issuedAt,
      late: 'search',
      ...(isNew && { newStream: true }),
      cause: { eventId: `${state.checkoutId}/start:0`, at },
      ...origin,
      ...(occurredAt !== undefined && { occurredAt }),
    };
  }

  return { run, resume };
}

function runFrom(stream: StreamId, origin: Origin, state: Checkout, { at, version, commitNo }: Position): Run {
  return { stream, state, origin, at, version, seen: new Map([[stream, commitNo]]), isShared: false };
}

function move(run: Run, { state, position }: Loaded<Checkout | null>): void {
  run.state = state!;
  run.at = position.at;
  run.version = position.version;
  run.seen.set(run.stream, position.commitNo);
}

function isSubmittedAs(submitted: Cart, orderId: string): boolean {
  return submitted.submission?.orderId === orderId;
}

/** A decider's no; a race that was lost or an engine that is away is thrown on. */
function rejectionIn(error: unknown): Rejection {
  if (!isProblem(error) || error instanceof StreamBusy || error instanceof Unavailable) throw error;
  return reject(error.code, error.message, error.extra);
}
