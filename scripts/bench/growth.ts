// The cost of a long history: the size of a stream's state and the time of one more command, after many items were opened and
// closed and some are still open. A million items fit into some seconds in memory; on Postgres fewer do.
import { randomBytes } from 'node:crypto';
import { setImmediate as breathe } from 'node:timers/promises';
import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import { type Coupon, type CouponCommand, coupon, couponStream } from '../../domain/coupon/coupon.js';
import type { CouponEvent } from '../../domain/coupon/events.js';
import type { Decider } from '../../domain/kernel/decider.js';
import { orThrow, problemOf } from '../../domain/kernel/errors.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import { isRejection } from '../../domain/kernel/rejection.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { RESERVATION_MS } from '../../domain/processes/checkout-steps.js';
import { MAX_QUANTITY, type StockEvent } from '../../domain/stock/events.js';
import { type StockCommand, type StockItem, stockItem, stockStream } from '../../domain/stock/stock-item.js';
import { createKeyedHash } from '../../infra/crypto/master-key.js';
import { createAuthenticSnapshots } from '../../infra/event-store/authentic-snapshots.js';
import { createEventsTable, createPostgresEventStore } from '../../infra/event-store/postgres/postgres-event-store.js';
import {
  createPostgresSnapshotTexts,
  createSnapshotsTable,
} from '../../infra/event-store/postgres/postgres-snapshots.js';
import { randomId } from '../../infra/ids.js';
import { createPool } from '../../infra/postgres.js';
import { createDatabase } from './database.js';
import type { BenchEngines } from './engines.js';
import { type MeasureOptions, median } from './measure.js';
import { codec, meta, runnerOn } from './work.js';

/** How often one more command is timed. */
const SAMPLES = 200;
/** How often it is timed as the first command of a new process. */
const PROCESSES = 5;
/** Concurrent callers on Postgres: few, so that a commit holds a few commands, as in a shop. */
const CALLERS = 8;
const CONNECTIONS = 16;
/** In memory, other work gets a turn after this many commands. */
const BREATH = 5_000;

/** The measured values of a stream. */
export interface Growth extends Size {
  name: string;
  where: 'memory' | 'Postgres';
  /** Size of the state, as JSON. */
  bytes: number;
  /** Size of the stored snapshot, including the ids of the commands of the last half minute. */
  snapshotBytes?: number;
  /** Time of one more command: `firstMs` in a process that knows nothing of the stream, `nextMs` in one that does. */
  firstMs?: number;
  nextMs: number;
}

/** The number of all items, and of those that are still open. */
interface Size {
  items: number;
  open: number;
}

/** A stream that grows by items that open and close again. */
interface Grower<C, S, E extends DomainEvent> {
  name: string;
  decider: Decider<C, S, E>;
  stream: StreamId;
  /** The command that must come first. */
  begin: C;
  /** `id` is an order's id. */
  open(id: string): C;
  close(id: string): C;
  inMemory: readonly Size[];
  onPostgres: Size;
}

const CODE = 'GROWTH';

const limitedCoupon: Grower<CouponCommand, Coupon, CouponEvent> = {
  name: 'limited coupon',
  decider: coupon,
  stream: couponStream({ code: CODE }),
  begin: { type: 'DefineCoupon', code: CODE, terms: { kind: 'percentage', basisPoints: 1_000, limit: 10_000_000 } },
  open: (orderId) => ({ type: 'RedeemCoupon', code: CODE, orderId }),
  close: (orderId) => ({ type: 'ConfirmRedemption', code: CODE, orderId }),
  inMemory: [
    { items: 1_000_000, open: 100 },
    { items: 20_000, open: 10_000 },
  ],
  onPostgres: { items: 20_000, open: 100 },
};

const ITEM = { sku: 'GROWTH', location: 'main' };

const hotStock: Grower<StockCommand, StockItem, StockEvent> = {
  name: 'stock item',
  decider: stockItem,
  stream: stockStream(ITEM),
  begin: { type: 'ReceiveStock', ...ITEM, productId: 'product_growth', movementId: 'delivery', quantity: MAX_QUANTITY },
  open: (reservationId) => {
    return { type: 'ReserveStock', ...ITEM, reservationId, quantity: 1, expiresAt: Date.now() + RESERVATION_MS };
  },
  close: (reservationId) => ({ type: 'CommitReservation', ...ITEM, reservationId }),
  inMemory: [
    { items: 100_000, open: 100_000 },
    { items: 100_000, open: 100 },
  ],
  onPostgres: { items: 100_000, open: 100_000 },
};

type Measure = (engines: BenchEngines, progress: Progress) => Promise<Growth[]>;

interface Progress {
  signal: AbortSignal;
  /** Called when more items are done. */
  onItems(more: number): void;
}

/** One entry for each stream that grows. */
const GROWING = [growing(limitedCoupon), growing(hotStock)];

/** Without a target value: the sizes and times should not grow with closed items. Throws `EngineUnavailable`. */
export async function measureGrowth(
  engines: BenchEngines,
  { signal, onRound = () => {} }: MeasureOptions,
): Promise<Growth[]> {
  const total = GROWING.reduce((sum, { all }) => sum + all, 0);
  let done = 0;
  const onItems = (more: number) => {
    done += more;
    onRound(done, total);
  };
  const rows: Growth[] = [];
  for (const { measure } of GROWING) rows.push(...(await measure(engines, { signal, onItems })));
  return rows;
}

function growing<C, S, E extends DomainEvent>(grower: Grower<C, S, E>): { all: number; measure: Measure } {
  const { name, inMemory, onPostgres } = grower;
  return {
    all: [...inMemory, onPostgres].reduce((sum, { items }) => sum + items, 0),
    async measure(engines, progress) {
      const rows: Growth[] = [];
      for (const size of inMemory)
        rows.push({ name, where: 'memory', ...size, ...(await inMind(grower, size, progress)) });
      rows.push({ name, where: 'Postgres', ...onPostgres, ...(await onEngine(grower, engines, progress)) });
      return rows;
    },
  };
}

async function inMind<C, S, E extends DomainEvent>(
  { decider, begin, open, close }: Grower<C, S, E>,
  { items, open: most }: Size,
  { signal, onItems }: Progress,
): Promise<Pick<Growth, 'bytes' | 'nextMs'>> {
  const after = (state: S, command: C): S => {
    const decision = decider.decide(command, state, Date.now());
    if (isRejection(decision)) throw problemOf(decision);
    return decision.reduce((folded, event) => decider.evolve(folded, event, Date.now()), state);
  };
  let state = after(decider.initialState, begin);
  const opened: string[] = [];
  for (let n = 0; n < items; n++) {
    const id = orderId();
    state = after(state, open(id));
    opened.push(id);
    if (n >= most) state = after(state, close(opened[n - most]!));
    if ((n + 1) % BREATH > 0) continue;
    signal.throwIfAborted();
    onItems(BREATH);
    await breathe();
  }
  const samples = Array.from({ length: SAMPLES }, () => {
    const command = open(orderId());
    const startedAt = performance.now();
    after(state, command);
    return performance.now() - startedAt;
  });
  return { bytes: bytesOf(state), nextMs: median(samples) };
}

async function onEngine<C, S, E extends DomainEvent>(
  grower: Grower<C, S, E>,
  engines: BenchEngines,
  progress: Progress,
): Promise<Pick<Growth, 'bytes' | 'snapshotBytes' | 'nextMs' | 'firstMs'>> {
  const { decider, stream, open } = grower;
  const database = await createDatabase(await engines.postgres());
  const pool = createPool({ url: database.url, max: CONNECTIONS });
  try {
    await createEventsTable(pool);
    await createSnapshotsTable(pool);
    const store = createPostgresEventStore({ pool, codec });
    const snapshots = createAuthenticSnapshots({
      texts: createPostgresSnapshotTexts(pool),
      keyedHash: createKeyedHash(randomBytes(32)),
      onDropped: () => {},
    });
    const next = async (runner: CommandRunner) => {
      const startedAt = performance.now();
      orThrow(await runner.execute(decider, stream, open(orderId()), meta()));
      return performance.now() - startedAt;
    };
    const runner = runnerOn(store, snapshots);
    await fill(grower, runner, progress);
    const { state } = await runner.load(decider, stream);
    const { rows } = await pool.query<{ bytes: number }>('select octet_length(text) as bytes from snapshots');
    const first: number[] = [];
    for (let n = 0; n < PROCESSES; n++) first.push(await next(runnerOn(store, snapshots)));
    const further: number[] = [];
    for (let n = 0; n < SAMPLES; n++) further.push(await next(runner));
    return { bytes: bytesOf(state), snapshotBytes: rows[0]!.bytes, firstMs: median(first), nextMs: median(further) };
  } finally {
    await pool.end();
    await database.drop();
  }
}

/** Fills the stream with a few concurrent callers. Each closes the item that was opened longest ago. */
async function fill<C, S, E extends DomainEvent>(
  { decider, stream, begin, open, close, onPostgres }: Grower<C, S, E>,
  runner: CommandRunner,
  { signal, onItems }: Progress,
): Promise<void> {
  orThrow(await runner.execute(decider, stream, begin, meta()));
  const opened: string[] = [];
  for (let n = 0; n < onPostgres.items; n += CALLERS) {
    signal.throwIfAborted();
    const ids = Array.from({ length: CALLERS }, orderId);
    await Promise.all(ids.map((id) => runner.execute(decider, stream, open(id), meta()).then(orThrow)));
    opened.push(...ids);
    const over = opened.splice(0, Math.max(0, opened.length - onPostgres.open));
    await Promise.all(over.map((id) => runner.execute(decider, stream, close(id), meta()).then(orThrow)));
    onItems(CALLERS);
  }
}

function orderId(): string {
  return `order_${randomId(Date.now())}`;
}

function bytesOf(state: unknown): number {
  return Buffer.byteLength(JSON.stringify(state));
}
