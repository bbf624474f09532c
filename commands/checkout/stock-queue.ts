// A queue of checkouts that wait for units which other checkouts hold at this moment, in order of arrival. The next one gets a
// claim on the units, so that no more are woken than can be served. The queue learns at once what this process appends to a stock
// stream. It polls the stream only for units that a checkout of another process holds.
import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../domain/kernel/clock.js';
import { pairs } from '../../domain/kernel/collections.js';
import type { Loaded } from '../../domain/kernel/states.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Parcel, StockNeed } from '../../domain/order/parcels.js';
import { planAllocation, type Shortage } from '../../domain/stock/allocation.js';
import { type StockItem, type StockKey, stockItem, stockStream } from '../../domain/stock/stock-item.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import { levelOf, type StockAllocator } from '../stock/allocator.js';

/**
 * Interval between reads of a stream whose units another process holds. The real one is up to a quarter shorter or longer, so that
 * many processes do not all read, and then reserve, at the same moment.
 */
const READ_EVERY_MS = 200;

/** Most checkouts of one process that wait at the same time. A further one is short at once. */
const MAX_WAITING = 1_000;

export interface StockQueue {
  /**
   * Resolves with a claim as soon as the units are available. Resolves with a shortage at the time `until`, in ms, or at once if
   * the running checkouts could not release enough. Throws `unavailable`.
   */
  claim(needs: readonly StockNeed[], until: number): Promise<Claim | Shortage>;
  /** Records that a checkout of this process holds these units, until the returned function is called. */
  hold(parcels: readonly Parcel[]): () => void;
}

/** Units reserved for one waiting checkout of this process. No other one gets them until the claim is settled. */
export interface Claim {
  allocation: Parcel[];
  settle(): void;
}

export interface StockQueueDeps {
  runner: Pick<CommandRunner, 'load' | 'watch'>;
  allocator: Pick<StockAllocator, 'placesOf'>;
  clock: Clock;
  pause?: (ms: number) => Promise<unknown>;
  /** In [0, 1). */
  random?: () => number;
}

interface Waiter {
  needs: readonly StockNeed[];
  /** Equal for all waiters that need the same units from the same places. */
  kind: string;
  places: readonly Place[];
  answer?: Claim | Shortage;
  wake(): void;
}

/** A stock item that at least one checkout waits for. */
interface Place {
  key: StockKey;
  stream: StreamId;
  item: StockItem;
  commitNo: number;
  waiters: number;
  unwatch(): void;
}

export function createStockQueue({
  runner,
  allocator,
  clock,
  pause = sleep,
  random = Math.random,
}: StockQueueDeps): StockQueue {
  const waiting = new Set<Waiter>();
  const places = new Map<StreamId, Place>();
  /** Units by stock stream: those claimed but not yet reserved, and those held by checkouts of this process. */
  const claimed = createTally();
  const held = createTally();

  async function claim(needs: readonly StockNeed[], until: number): Promise<Claim | Shortage> {
    const keys = await allocator.placesOf(needs);
    const loaded = await Promise.all(keys.map((key) => runner.load(stockItem, stockStream(key))));
    const joined = pairs(keys, loaded).map(([key, item]) => join(key, item));
    const giveUpAt = waiting.size < MAX_WAITING ? until : clock();
    let wake = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const kind = JSON.stringify([needs, joined.map(({ stream }) => stream)]);
    const waiter: Waiter = { needs, kind, places: joined, wake };
    waiting.add(waiter);
    try {
      serve();
      while (!waiter.answer && clock() < giveUpAt) {
        await Promise.race([woken, pause(Math.min(READ_EVERY_MS * (0.75 + random() / 2), giveUpAt - clock()))]);
        if (waiter.answer) break;
        await Promise.all(joined.filter(isHeldElsewhere).map(read));
        serve();
      }
      return waiter.answer ?? answerOf(planOf(waiter));
    } catch (error) {
      // The waiter got a claim while a read failed.
      if (waiter.answer && 'settle' in waiter.answer) waiter.answer.settle();
      throw error;
    } finally {
      waiting.delete(waiter);
      for (const place of joined) leave(place);
    }
  }

  /**
   * Gives a claim to each waiter whose units are available, and a shortage to each that would wait in vain. A thousand waiters
   * may need the same units: if one of them has to wait, the others wait too and are not planned for.
   */
  function serve(): void {
    const waitOn = new Set<string>();
    for (const waiter of waiting) {
      if (waitOn.has(waiter.kind)) continue;
      const plan = planOf(waiter);
      if ('short' in plan && plan.ifReleased) {
        waitOn.add(waiter.kind);
        continue;
      }
      waiter.answer = answerOf(plan);
      waiting.delete(waiter);
      waiter.wake();
    }
  }

  function planOf({ needs, places }: Waiter): Parcel[] | Shortage {
    const levels = places.map(({ key, stream, item }) => {
      const level = levelOf(key, item);
      const taken = claimed.of(stream);
      return { ...level, available: level.available - taken, heldByCheckouts: level.heldByCheckouts + taken };
    });
    return planAllocation(needs, levels);
  }

  function answerOf(plan: Parcel[] | Shortage): Claim | Shortage {
    if ('short' in plan) return plan;
    const unclaim = claimed.add(plan);
    return {
      allocation: plan,
      settle() {
        unclaim();
        serve();
      },
    };
  }

  function join(key: StockKey, loaded: Loaded<StockItem>): Place {
    const stream = stockStream(key);
    const known = places.get(stream);
    if (known) {
      known.waiters++;
      see(known, loaded);
      return known;
    }
    const { state, position } = loaded;
    const place: Place = {
      key,
      stream,
      item: state,
      commitNo: position.commitNo,
      waiters: 1,
      unwatch: runner.watch(stockItem, stream, (loaded) => {
        see(place, loaded);
        serve();
      }),
    };
    places.set(stream, place);
    return place;
  }

  function leave(place: Place): void {
    if (--place.waiters > 0) return;
    place.unwatch();
    places.delete(place.stream);
  }

  async function read(place: Place): Promise<void> {
    see(place, await runner.load(stockItem, place.stream));
  }

  /** A slow read must not replace a newer state. */
  function see(place: Place, { state, position }: Loaded<StockItem>): void {
    if (position.commitNo <= place.commitNo) return;
    place.item = state;
    place.commitNo = position.commitNo;
  }

  function isHeldElsewhere({ key, stream, item }: Place): boolean {
    return levelOf(key, item).heldByCheckouts > held.of(stream);
  }

  return { claim, hold: (parcels) => held.add(parcels) };
}

/** Units by stock stream. */
function createTally() {
  const tally = new Map<StreamId, number>();
  const add = (stream: StreamId, quantity: number) => {
    const sum = (tally.get(stream) ?? 0) + quantity;
    if (sum === 0) tally.delete(stream);
    else tally.set(stream, sum);
  };
  return {
    of: (stream: StreamId) => tally.get(stream) ?? 0,
    /** Adds the units. The returned function removes them once; further calls do nothing. */
    add(parcels: readonly Parcel[]): () => void {
      let isIn = true;
      for (const parcel of parcels) add(stockStream(parcel), parcel.quantity);
      return () => {
        if (isIn) for (const parcel of parcels) add(stockStream(parcel), -parcel.quantity);
        isIn = false;
      };
    },
  };
}

function sleep(ms: number): Promise<unknown> {
  return setTimeout(ms, undefined, { ref: false });
}
