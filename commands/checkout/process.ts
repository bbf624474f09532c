// Runs checkouts: issues the steps that are due, asks the payment provider, records what came of it, and follows the
// record until the process is at its end. Every command id derives from process and step, so any number of workers may
// run one checkout at once or one after the other; a crash anywhere is finished by whoever runs it next.
import { type Cart, cart } from '../../domain/cart/cart.js';
import { type Clock, millisOf } from '../../domain/kernel/clock.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { START } from '../../domain/kernel/commit.js';
import { orThrow, Problem, problemOf } from '../../domain/kernel/errors.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import { sameJson } from '../../domain/kernel/json.js';
import { isRejection, type Rejection } from '../../domain/kernel/rejection.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { type Order, type OrderCommand, order } from '../../domain/order/order.js';
import { type Parcel, stockNeeds } from '../../domain/order/parcels.js';
import type { Payment } from '../../domain/payment/ledger.js';
import { payment } from '../../domain/payment/payment.js';
import {
  type Checkout,
  type CheckoutRecord,
  checkout,
  checkoutIdOf,
  checkoutOf,
  MAX_ROUNDS,
  MAX_STOCK_WAIT_MS,
  orderOfCart,
  outcomeCommandId,
  outcomeOfPayment,
  outcomeOfRejections,
  placingEventId,
  placingId,
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
   * Places an order and runs its checkout until it has completed or failed, or until only the customer or the provider can say how it goes on;
   * one that was started before goes on. Throws `Unavailable` where an engine is away: the recovery finishes it then.
   */
  run(place: OrderCommand & { type: 'PlaceOrder' }, origin: Origin): Promise<CheckoutResult>;
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
  order: Order;
  state: Checkout;
  payment?: Payment;
  /** Its cause is the last outcome that was recorded, or the order: everything that follows is later. */
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
  async function run(place: OrderCommand & { type: 'PlaceOrder' }, origin: Origin): Promise<CheckoutResult> {
    const { orderId, occurredAt } = place.contents;
    const issuedAt = clock();
    const meta: CommandMeta = {
      id: placingId(orderId),
      issuedAt,
      newStream: true,
      ...origin,
      ...(occurredAt !== undefined && { occurredAt }),
    };
    const { repeated, ...placed } = orThrow(await runner.execute(order, streamOf(orderId), place, meta));
    // What was placed just now has no record that could be read.
    const isNew = !repeated && millisOf(placed.position.at) >= issuedAt && placed.position.commitNo === 1;
    const recorded = isNew ? NOT_RECORDED : await runner.load(checkout, streamOf(checkoutIdOf(orderId)));
    return follow(runFrom(origin, placed as Loaded<Order>, recorded));
  }

  async function resume(orderId: string, cartId?: string): Promise<CheckoutResult | undefined> {
    const checkoutId = checkoutIdOf(orderId);
    const origin: Origin = { correlationId: checkoutId, actor: { type: 'process', id: checkoutId } };
    const placed = await runner.load(order, streamOf(orderId));
    if (placed.state) {
      return follow(runFrom(origin, placed as Loaded<Order>, await runner.load(checkout, streamOf(checkoutId))));
    }
    const submitted = cartId && (await runner.load(cart, streamOf(cartId))).state;
    return submitted && isSubmittedAs(submitted, orderId) ? run(orderOfCart(submitted), origin) : undefined;
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
    const isFirst = run.version === 0 && ({ newStream: true } as const);
    const meta = { ...metaOf(run.because, outcomeCommandId(outcome)), ...isFirst, expectedVersion: run.version };
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

const NOT_RECORDED: Loaded<CheckoutRecord> = { state: checkout.initialState, position: START };

function runFrom(origin: Origin, placed: Loaded<Order>, { state, position }: Loaded<CheckoutRecord>): Run {
  const { orderId, placedAt, occurredAt } = placed.state;
  const because = {
    origin,
    cause: { eventId: placingEventId(orderId), at: placed.position.at },
    issuedAt: placedAt,
    occurredAt,
    seen: new Map([[streamOf(orderId), placed.position.commitNo]]),
  };
  const stream = streamOf(checkoutIdOf(orderId));
  const run: Run = {
    stream,
    order: placed.state,
    state: checkoutOf(placed.state, state),
    because,
    version: 0,
    isShared: false,
  };
  if (position.commitNo > 0) move(run, { state, position });
  return run;
}

function move(run: Run, { state, position }: Loaded<CheckoutRecord>): void {
  run.state = checkoutOf(run.order, state);
  run.because = { ...run.because, cause: { ...run.because.cause, at: position.at } };
  run.version = position.version;
  run.because.seen.set(run.stream, position.commitNo);
}

function isSubmittedAs(submitted: Cart, orderId: string): boolean {
  return submitted.submission?.orderId === orderId;
}
