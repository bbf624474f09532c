// Runs checkouts: issues the steps that are due, asks the payment provider, records what came of it, and follows the
// record until the process is at its end. Every command id derives from process and step, so any number of workers may
// run one checkout at once or one after the other; a crash anywhere is finished by whoever runs it next.
import { type Cart, cart } from '../../domain/cart/cart.js';
import type { Clock } from '../../domain/kernel/clock.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import type { Position } from '../../domain/kernel/commit.js';
import { orThrow, Problem, problemOf } from '../../domain/kernel/errors.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import { sameJson } from '../../domain/kernel/json.js';
import { isRejection, type Rejection } from '../../domain/kernel/rejection.js';
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
import type { CommandRunner, Loaded } from '../runtime/command-runner.js';
import type { Origin } from '../runtime/origin.js';
import { type Because, metaOf, type StepRunner } from '../runtime/steps.js';
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
  steps: Pick<StepRunner, 'take'>;
  stock: Pick<StockAllocator, 'allocate'>;
  queue: StockQueue;
}

/** One worker's run of one checkout. */
interface Run {
  stream: StreamId;
  state: Checkout;
  payment?: Payment;
  /** Its cause is the last outcome that was recorded: everything that follows from it is later. */
  because: Because;
  /** Of the record. */
  version: number;
  /** Somebody else has recorded outcomes, too. */
  isShared: boolean;
  /** Until when it waits for stock, in ms; set once it was short for the first time. */
  waitsUntil?: number;
  /** The units that it was told to take. */
  claim?: Claim;
  /** Says that this process holds the stock of its last round no more. */
  letGo?: () => void;
}

export function createCheckoutProcess({ runner, clock, steps, stock, queue }: CheckoutProcessDeps): CheckoutProcess {
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
    const { state, position } = orThrow(await runner.execute(checkout, stream, start, meta));
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
    const { state, because, payment } = run;
    return { checkout: state, seen: because.seen, ...(payment && { payment }) };
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
    const behind = { ...run.because, seen: new Map() };
    await Promise.all(stepsBehind(run.state).map((step) => steps.take(step, behind))).catch(() => {});
  }

  /** Takes the steps one after the other, up to one whose outcome decides how the process goes on. */
  async function take(run: Run, due: readonly CheckoutStep[]): Promise<CheckoutOutcome | undefined> {
    for (const step of due) {
      const outcome = await (step.waitsForStock ? reserve(run, step) : takeOne(run, step));
      if (outcome) return outcome;
    }
    return undefined;
  }

  async function takeOne(run: Run, step: CheckoutStep): Promise<CheckoutOutcome | undefined> {
    const { rejections, payment } = await steps.take(step, run.because);
    if (rejections.length > 0) return step.optional ? undefined : outcomeOf(run, step, rejections);
    if (!payment) return undefined;
    run.payment = payment;
    return step.decidesByPayment ? outcomeOfPayment(run.state, payment, clock()) : undefined;
  }

  /** Throws where a step is rejected that has to succeed some time. */
  function outcomeOf(run: Run, { name }: CheckoutStep, rejections: readonly Rejection[]): CheckoutOutcome {
    const outcome = outcomeOfRejections(run.state, name, rejections);
    if (!outcome) throw problemOf(rejections[0]!);
    return outcome;
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
      const { rejections } = await steps.take(step, run.because);
      run.claim?.settle();
      delete run.claim;
      if (rejections.length === 0) return undefined;
      const outcome = outcomeOf(run, step, rejections);
      if (outcome.type !== 'CheckoutStockShort') return outcome;
      run.letGo();

      const found = await stock.allocate(needs, reservationId);
      if ('short' in found && !found.hoped) return short(found.short);
      run.waitsUntil ??= clock() + MAX_STOCK_WAIT_MS;
      if (rounds.length >= MAX_ROUNDS || clock() >= run.waitsUntil) return outcome;
      if (rejections.length < step.commands.length) return from('short' in found ? found.hoped! : found);
    }
  }

  /** False if others have gone on meanwhile: what came of our steps is of no account then, their record is followed. */
  async function record(run: Run, outcome: CheckoutOutcome): Promise<boolean> {
    const meta = { ...metaOf(run.because, outcomeCommandId(outcome)), expectedVersion: run.version };
    const recorded = await runner.execute(checkout, run.stream, { type: 'RecordOutcome', outcome }, meta);
    if (isRejection(recorded, 'version_mismatch')) {
      run.isShared = true;
      move(run, await runner.load(checkout, run.stream));
      return false;
    }
    const { repeated, ...loaded } = orThrow(recorded);
    run.isShared ||= repeated;
    move(run, loaded);
    return true;
  }

  /** Who asked hears how it ended, whoever ended it: the order and the payment are seen as they are now. */
  async function seeOthersWork({ state, because: { seen } }: Run): Promise<void> {
    const streams = [streamOf(state.order.orderId), streamOf(siblingId('payment', state.order.orderId))] as const;
    const [ordered, paid] = await Promise.all([runner.load(order, streams[0]), runner.load(payment, streams[1])]);
    seen.set(streams[0], ordered.position.commitNo).set(streams[1], paid.position.commitNo);
  }

  return { run, resume };
}

function runFrom(stream: StreamId, origin: Origin, state: Checkout, { at, version, commitNo }: Position): Run {
  const because = {
    origin,
    cause: { eventId: `${state.checkoutId}/start:0`, at },
    issuedAt: state.startedAt,
    occurredAt: state.order.occurredAt,
    seen: new Map([[stream, commitNo]]),
  };
  return { stream, state, because, version, isShared: false };
}

function move(run: Run, { state, position }: Loaded<Checkout | null>): void {
  run.state = state!;
  run.because = { ...run.because, cause: { ...run.because.cause, at: position.at } };
  run.version = position.version;
  run.because.seen.set(run.stream, position.commitNo);
}

function isSubmittedAs(submitted: Cart, orderId: string): boolean {
  return submitted.submission?.orderId === orderId;
}
