// Runs checkouts: issues the due steps, asks the payment provider, tells the order the outcome, and follows the order until the
// process ends. Every command id derives from process and step, so any number of workers may run one checkout, at once or one
// after the other. After a crash the next worker finishes it.
import { cart } from '../../domain/cart/cart.js';
import type { Clock } from '../../domain/kernel/clock.js';
import { lastOf } from '../../domain/kernel/collections.js';
import type { CommandMeta } from '../../domain/kernel/command.js';
import { orThrow, Problem, problemOf } from '../../domain/kernel/errors.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import { defined, sameJson } from '../../domain/kernel/json.js';
import { isRejection, type Rejection } from '../../domain/kernel/rejection.js';
import { type Loaded, loadExisting } from '../../domain/kernel/states.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { type Order, type OrderCommand, order } from '../../domain/order/order.js';
import { stockNeeds } from '../../domain/order/parcels.js';
import type { Payment } from '../../domain/payment/ledger.js';
import { payment } from '../../domain/payment/payment.js';
import {
  type Checkout,
  checkoutIdOf,
  checkoutOf,
  MAX_ROUNDS,
  MAX_STOCK_WAIT_MS,
  type Outcome,
  orderOfCart,
  outcomeCommandId,
  outcomeOfPayment,
  outcomeOfRejections,
  outcomeOfShortage,
  placingEventId,
  placingId,
} from '../../domain/processes/checkout.js';
import { type CheckoutStep, type Due, followUpSteps, nextSteps } from '../../domain/processes/checkout-steps.js';
import { refusalToSell, stockItem, stockStream } from '../../domain/stock/stock-item.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { Origin } from '../runtime/origin.js';
import { metaOf, type ProcessContext, type StepRunner } from '../runtime/steps.js';
import type { StockAllocator } from '../stock/allocator.js';
import type { Claim, StockQueue } from './stock-queue.js';

export interface CheckoutProcess {
  /**
   * Places an order and runs its checkout until it has completed or failed, or until it waits for the customer or the provider. A
   * checkout that has already started is continued. Throws `Unavailable` if an engine is down; the recovery then finishes the
   * checkout. The steps that follow the answer may still be running when it resolves.
   */
  run(place: OrderCommand & { type: 'PlaceOrder' }, origin: Origin): Promise<CheckoutResult>;
  /** Continues the checkout of an order, as after news of its payment. Returns undefined if there is no such order. */
  resume(orderId: string): Promise<CheckoutResult | undefined>;
  /**
   * Finishes what a crashed worker has left. Places the order of a submitted cart, continues the checkout, and takes the steps
   * that follow the answer, even if the checkout has ended. Returns undefined if nothing of it was recorded.
   */
  recover(orderId: string, cartId?: string): Promise<CheckoutResult | undefined>;
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
  /** The order's stream. */
  stream: StreamId;
  state: Checkout;
  payment?: Payment;
  /** The cause is the order as last seen: every later commit comes after it. */
  context: ProcessContext;
  /** Version of the order. */
  version: number;
  /** Another worker has changed the order as well. */
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
    return answer(await placed(place, origin));
  }

  async function resume(orderId: string): Promise<CheckoutResult | undefined> {
    const run = await found(orderId);
    return run && answer(run);
  }

  async function recover(orderId: string, cartId?: string): Promise<CheckoutResult | undefined> {
    const run = (await found(orderId)) ?? (cartId && (await placedFromCart(orderId, cartId)));
    if (!run) return undefined;
    await follow(run);
    await followUp(run);
    return resultOf(run);
  }

  async function answer(run: CheckoutRun): Promise<CheckoutResult> {
    // A failure after the answer is left to the agenda, which logs it if it fails again.
    if (await follow(run)) void followUp(run).catch(() => {});
    return resultOf(run);
  }

  async function placed(place: OrderCommand & { type: 'PlaceOrder' }, origin: Origin): Promise<CheckoutRun> {
    const { orderId, occurredAt } = place.contents;
    const meta: CommandMeta = {
      id: placingId(orderId),
      issuedAt: clock(),
      newStream: true,
      ...origin,
      ...defined({ occurredAt }),
    };
    return runFrom(origin, orThrow(await runner.execute(order, streamOf(orderId), place, meta)) as Loaded<Order>);
  }

  async function placedFromCart(orderId: string, cartId: string): Promise<CheckoutRun | undefined> {
    const submitted = (await runner.load(cart, streamOf(cartId))).state;
    if (submitted?.submission?.orderId !== orderId) return undefined;
    return placed(orderOfCart(submitted), originOf(orderId));
  }

  async function found(orderId: string): Promise<CheckoutRun | undefined> {
    const known = await runner.load(order, streamOf(orderId));
    return known.state ? runFrom(originOf(orderId), known as Loaded<Order>) : undefined;
  }

  /**
   * Runs until nothing is due, or until only the customer or the provider can continue. Returns false if the checkout had already
   * ended.
   */
  async function follow(run: CheckoutRun): Promise<boolean> {
    const due = nextSteps(run.state, clock());
    // The checkout had already ended, so other workers took all its steps.
    run.hasOtherWorkers = !due;
    if (due) {
      await takeAll(run, due).finally(() => {
        run.claim?.settle();
        run.releaseClaim?.();
      });
    }
    if (run.hasOtherWorkers) await reloadResult(run);
    return due !== undefined;
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

  /** The answer does not wait for these steps and does not name their commits. */
  async function followUp(run: CheckoutRun): Promise<void> {
    const behind = { ...run.context, seen: new Map() };
    await Promise.all(followUpSteps(run.state).map((step) => steps.take(step, behind)));
  }

  /** Takes the steps one after the other, until the outcome of one decides how the process continues. */
  async function take(run: CheckoutRun, due: readonly CheckoutStep[]): Promise<Outcome | undefined> {
    for (const step of due) {
      const outcome = await (step.mayWaitForStock ? reserve(run, step) : takeOne(run, step));
      if (outcome) return outcome;
    }
    return undefined;
  }

  async function takeOne(run: CheckoutRun, step: CheckoutStep): Promise<Outcome | undefined> {
    const { rejections, payment } = await steps.take(step, run.context);
    if (rejections.length > 0) return step.optional ? undefined : outcomeOf(run, step, rejections);
    if (!payment) return undefined;
    run.payment = payment;
    if (!step.outcomeFromPayment) return undefined;
    const outcome = outcomeOfPayment(run.state, payment, clock());
    const hasWaited = run.state.phase !== 'started';
    return (outcome.type === 'ConfirmOrder' && hasWaited && (await outcomeOfLoss(run))) || outcome;
  }

  /** While the checkout waited, its units may have been lost. Then they are not sold. */
  async function outcomeOfLoss(run: CheckoutRun): Promise<Outcome | undefined> {
    const { reservationId, parcels } = lastOf(run.state.rounds);
    const refusals = await Promise.all(
      parcels.map(async (parcel) => {
        const { state } = await runner.load(stockItem, stockStream(parcel));
        return refusalToSell(state, { ...parcel, reservationId });
      }),
    );
    const rejections = refusals.filter((one) => one !== undefined);
    return rejections.length > 0 ? outcomeOf(run, { name: 'confirm' }, rejections) : undefined;
  }

  /** Throws if a step that must succeed eventually is rejected. */
  function outcomeOf(
    run: CheckoutRun,
    { name }: Pick<CheckoutStep, 'name'>,
    rejections: readonly Rejection[],
  ): Outcome {
    const outcome = outcomeOfRejections(run.state, name, rejections);
    if (!outcome) throw problemOf(rejections[0]!);
    return outcome;
  }

  /**
   * Reserves the stock. If it is short, the checkout takes it from other locations, or waits for running checkouts that may
   * release it. A waiting checkout holds nothing, so that two checkouts never wait for each other.
   */
  async function reserve(run: CheckoutRun, step: CheckoutStep): Promise<Outcome | undefined> {
    const { order, rounds } = run.state;
    const { reservationId, parcels } = lastOf(rounds);
    const needs = stockNeeds(order.lines);
    const next = { type: 'TakeFromElsewhere', round: rounds.length + 1 } as const;
    for (;;) {
      if (run.waitsUntil !== undefined && !run.claim) {
        const claim = await queue.claim(needs, run.waitsUntil);
        if ('short' in claim) return outcomeOfShortage(claim.short);
        run.claim = claim;
        const isElsewhere = rounds.length < MAX_ROUNDS && !sameJson(claim.allocation, parcels);
        if (isElsewhere) return { ...next, allocation: claim.allocation };
      }
      run.releaseClaim?.();
      run.releaseClaim = queue.hold(parcels);
      const { rejections } = await steps.take(step, run.context);
      run.claim?.settle();
      delete run.claim;
      if (rejections.length === 0) return undefined;
      const outcome = outcomeOf(run, step, rejections);
      if (outcome.type !== 'RejectOrder' || outcome.reason !== 'out_of_stock') return outcome;
      run.releaseClaim();

      const found = await stock.allocate(needs, reservationId);
      if ('short' in found && !found.ifReleased) return outcomeOfShortage(found.short);
      run.waitsUntil ??= clock() + MAX_STOCK_WAIT_MS;
      if (rounds.length >= MAX_ROUNDS || clock() >= run.waitsUntil) return outcome;
      if (rejections.length < step.commands.length) {
        return { ...next, allocation: 'short' in found ? found.ifReleased! : found };
      }
    }
  }

  /**
   * Returns false if the order has changed since the steps began. Then our outcome is dropped, and the order is followed as
   * another worker has left it.
   */
  async function record(run: CheckoutRun, outcome: Outcome): Promise<boolean> {
    const id = outcomeCommandId(run.state.checkoutId, outcome);
    const meta = { ...metaOf(run.context, id), expectedVersion: run.version };
    const recorded = await runner.execute(order, run.stream, outcome, meta);
    if (isRejection(recorded, 'version_mismatch')) {
      run.hasOtherWorkers = true;
      move(run, await loadExisting(runner, order, run.stream));
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

  return { run, resume, recover };
}

function runFrom(origin: Origin, { state, position }: Loaded<Order>): CheckoutRun {
  const { orderId, placedAt, occurredAt } = state;
  const stream = streamOf(orderId);
  return {
    stream,
    state: checkoutOf(state),
    context: {
      origin,
      cause: { eventId: placingEventId(orderId), at: position.at },
      issuedAt: placedAt,
      occurredAt,
      seen: new Map([[stream, position.commitNo]]),
    },
    version: position.version,
    hasOtherWorkers: false,
  };
}

function move(run: CheckoutRun, { state, position }: Loaded<Order>): void {
  run.state = checkoutOf(state);
  run.context = { ...run.context, cause: { ...run.context.cause, at: position.at } };
  run.version = position.version;
  run.context.seen.set(run.stream, position.commitNo);
}

function resultOf({ state, context, payment }: CheckoutRun): CheckoutResult {
  return { checkout: state, seen: context.seen, ...defined({ payment }) };
}

/** The origin of work that no request has started. */
function originOf(orderId: string): Origin {
  const checkoutId = checkoutIdOf(orderId);
  return { correlationId: checkoutId, actor: { type: 'process', id: checkoutId } };
}
