// Runs checkouts: issues the due steps, asks the payment provider, records the outcome, and follows the record until the process
// ends. Every command id derives from process and step, so any number of workers may run one checkout, at once or one after the
// other. After a crash the next worker finishes it.
import { type Cart, cart } from '../../domain/cart/cart.js';
import { type Clock, millisOf } from '../../domain/kernel/clock.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { START } from '../../domain/kernel/commit.js';
import { orThrow, Problem, problemOf } from '../../domain/kernel/errors.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import { defined, sameJson } from '../../domain/kernel/json.js';
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
import { type CheckoutStep, type Due, followUpSteps, nextSteps } from '../../domain/processes/checkout-steps.js';
import type { CommandRunner, Loaded } from '../runtime/command-runner.js';
import type { Origin } from '../runtime/origin.js';
import { metaOf, type ProcessContext, type StepRunner } from '../runtime/steps.js';
import type { StockAllocator } from '../stock/allocator.js';
import type { Claim, StockQueue } from './stock-queue.js';

export interface CheckoutProcess {
  /**
   * Places an order and runs its checkout until it has completed or failed, or until it waits for the customer or the provider. A
   * checkout that has already started is continued. Throws `Unavailable` if an engine is down; the recovery then finishes the
   * checkout.
   */
  run(place: OrderCommand & { type: 'PlaceOrder' }, origin: Origin): Promise<CheckoutResult>;
  /** Continues the checkout of an order that another worker has begun. Returns undefined if nothing of it was recorded. */
  resume(orderId: string, cartId?: string): Promise<CheckoutResult | undefined>;
}

export interface CheckoutResult {
  checkout: Checkout;
  /** The ledger, if the provider was asked in this run. */
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
interface CheckoutRun {
  stream: StreamId;
  order: Order;
  state: Checkout;
  payment?: Payment;
  /** The cause is the last recorded outcome, or the order: every later commit comes after it. */
  context: ProcessContext;
  /** Version of the checkout record. */
  version: number;
  /** Another worker has recorded outcomes as well. */
  hasOtherWorkers: boolean;
  /** The deadline of the wait for stock, in ms. It is set at the first shortage. */
  waitsUntil?: number;
  /** The units that the queue has assigned to this checkout. */
  claim?: Claim;
  /** Tells the queue that this process no longer holds the stock of its last round. */
  releaseClaim?: () => void;
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
      ...defined({ occurredAt }),
    };
    const { repeated, ...placed } = orThrow(await runner.execute(order, streamOf(orderId), place, meta));
    // An order placed just now has no checkout record to read.
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

  /** Runs until nothing is due, or until only the customer or the provider can continue. */
  async function follow(run: CheckoutRun): Promise<CheckoutResult> {
    const due = nextSteps(run.state, clock());
    // The checkout had already ended, so other workers took all its steps.
    run.hasOtherWorkers = !due;
    if (due) {
      await takeAll(run, due).finally(() => {
        run.claim?.settle();
        run.releaseClaim?.();
      });
      void followUp(run);
    }
    if (run.hasOtherWorkers) await reloadResult(run);
    const { state, context, payment } = run;
    return { checkout: state, seen: context.seen, ...defined({ payment }) };
  }

  async function takeAll(run: CheckoutRun, first: Due): Promise<void> {
    for (let due: Due | undefined = first; due; due = nextSteps(run.state, clock())) {
      const outcome = (await take(run, due.steps)) ?? due.outcome;
      if (!outcome) {
        const { orderId } = run.state.order;
        throw new Problem('conflict', `The checkout of ${orderId} cannot continue; it will be retried.`);
      }
      const isRecorded = await record(run, outcome);
      if (isRecorded && (run.state.phase === 'unknown' || run.state.phase === 'waiting')) return;
    }
  }

  /** The answer does not wait for these steps. A failure is left to the agenda, which logs it if it fails again. */
  async function followUp(run: CheckoutRun): Promise<void> {
    const behind = { ...run.context, seen: new Map() };
    await Promise.all(followUpSteps(run.state).map((step) => steps.take(step, behind))).catch(() => {});
  }

  /** Takes the steps one after the other, until the outcome of one decides how the process continues. */
  async function take(run: CheckoutRun, due: readonly CheckoutStep[]): Promise<CheckoutOutcome | undefined> {
    for (const step of due) {
      const outcome = await (step.mayWaitForStock ? reserve(run, step) : takeOne(run, step));
      if (outcome) return outcome;
    }
    return undefined;
  }

  async function takeOne(run: CheckoutRun, step: CheckoutStep): Promise<CheckoutOutcome | undefined> {
    const { rejections, payment } = await steps.take(step, run.context);
    if (rejections.length > 0) return step.optional ? undefined : outcomeOf(run, step, rejections);
    if (!payment) return undefined;
    run.payment = payment;
    return step.outcomeFromPayment ? outcomeOfPayment(run.state, payment, clock()) : undefined;
  }

  /** Throws if a step that must succeed eventually is rejected. */
  function outcomeOf(run: CheckoutRun, { name }: CheckoutStep, rejections: readonly Rejection[]): CheckoutOutcome {
    const outcome = outcomeOfRejections(run.state, name, rejections);
    if (!outcome) throw problemOf(rejections[0]!);
    return outcome;
  }

  /**
   * Reserves the stock. If it is short, the checkout takes it from other locations, or waits for running checkouts that may
   * release it. A waiting checkout holds nothing, so that two checkouts never wait for each other.
   */
  async function reserve(run: CheckoutRun, step: CheckoutStep): Promise<CheckoutOutcome | undefined> {
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
      run.releaseClaim?.();
      run.releaseClaim = queue.hold(parcels);
      const { rejections } = await steps.take(step, run.context);
      run.claim?.settle();
      delete run.claim;
      if (rejections.length === 0) return undefined;
      const outcome = outcomeOf(run, step, rejections);
      if (outcome.type !== 'CheckoutStockShort') return outcome;
      run.releaseClaim();

      const found = await stock.allocate(needs, reservationId);
      if ('short' in found && !found.ifReleased) return short(found.short);
      run.waitsUntil ??= clock() + MAX_STOCK_WAIT_MS;
      if (rounds.length >= MAX_ROUNDS || clock() >= run.waitsUntil) return outcome;
      if (rejections.length < step.commands.length) return from('short' in found ? found.ifReleased! : found);
    }
  }

  /**
   * Returns false if another worker has recorded first. Then our outcome is dropped and the other worker's record is followed.
   */
  async function record(run: CheckoutRun, outcome: CheckoutOutcome): Promise<boolean> {
    const isFirst = run.version === 0 && ({ newStream: true } as const);
    const meta = { ...metaOf(run.context, outcomeCommandId(outcome)), ...isFirst, expectedVersion: run.version };
    const recorded = await runner.execute(checkout, run.stream, { type: 'RecordOutcome', outcome }, meta);
    if (isRejection(recorded, 'version_mismatch')) {
      run.hasOtherWorkers = true;
      move(run, await runner.load(checkout, run.stream));
      return false;
    }
    const { repeated, ...loaded } = orThrow(recorded);
    run.hasOtherWorkers ||= repeated;
    move(run, loaded);
    return true;
  }

  /** Another worker finished the checkout. Reload the order and the payment, so that the answer shows the result. */
  async function reloadResult({ state, context: { seen } }: CheckoutRun): Promise<void> {
    const streams = [streamOf(state.order.orderId), streamOf(siblingId('payment', state.order.orderId))] as const;
    const [ordered, paid] = await Promise.all([runner.load(order, streams[0]), runner.load(payment, streams[1])]);
    seen.set(streams[0], ordered.position.commitNo).set(streams[1], paid.position.commitNo);
  }

  return { run, resume };
}

const NOT_RECORDED: Loaded<CheckoutRecord> = { state: checkout.initialState, position: START };

function runFrom(origin: Origin, placed: Loaded<Order>, { state, position }: Loaded<CheckoutRecord>): CheckoutRun {
  const { orderId, placedAt, occurredAt } = placed.state;
  const context = {
    origin,
    cause: { eventId: placingEventId(orderId), at: placed.position.at },
    issuedAt: placedAt,
    occurredAt,
    seen: new Map([[streamOf(orderId), placed.position.commitNo]]),
  };
  const stream = streamOf(checkoutIdOf(orderId));
  const run: CheckoutRun = {
    stream,
    order: placed.state,
    state: checkoutOf(placed.state, state),
    context,
    version: 0,
    hasOtherWorkers: false,
  };
  if (position.commitNo > 0) move(run, { state, position });
  return run;
}

function move(run: CheckoutRun, { state, position }: Loaded<CheckoutRecord>): void {
  run.state = checkoutOf(run.order, state);
  run.context = { ...run.context, cause: { ...run.context.cause, at: position.at } };
  run.version = position.version;
  run.context.seen.set(run.stream, position.commitNo);
}

function isSubmittedAs(submitted: Cart, orderId: string): boolean {
  return submitted.submission?.orderId === orderId;
}
