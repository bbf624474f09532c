// What the benches of rebuilds share: a log of orders in Postgres, and the rebuilds of their read model in one of the stores.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { eventTypesOf } from '../../domain/kernel/event.js';
import { orderEvents } from '../../domain/order/events.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createPostgresEventStore } from '../../infra/event-store/postgres/postgres-event-store.js';
import { createPostgresLoader } from '../../infra/event-store/postgres/postgres-loader.js';
import { createFileSpill } from '../../infra/rebuild/file-spill.js';
import { hasEnded, runnerOfThisProcess } from '../../infra/rebuild/runner.js';
import { orders } from '../../projections/models/orders.js';
import { createRebuilds } from '../../projections/rebuild/rebuilds.js';
import { createThrottle } from '../../projections/rebuild/throttle.js';
import { createBuildList, tableOf } from '../../projections/runtime/build-list.js';
import { followBuilds } from '../../projections/runtime/follow-builds.js';
import type { DocumentStore, Sink } from '../../projections/runtime/sink.js';
import { commitsOf, placeOrder } from './work.js';

/** Commits that are made and loaded at once. */
const COMMITS_AT_ONCE = 5_000;

/** Shorter than in the product: nobody else writes, or a moment does not matter. */
const WATERMARK_LAG_MS = 100;

/** For this codec all orders in the log have an old version, so that reading them needs an upcast. */
const { OrderPlaced, ...others } = orderEvents;
const laterCodec = createCommitCodec(
  eventTypesOf(others, {
    OrderPlaced: {
      ...OrderPlaced,
      version: OrderPlaced.version + 1,
      upcast: { [OrderPlaced.version]: (data: object) => ({ ...data }) },
    },
  }),
);

const silent = { info() {}, warn() {}, error() {} };

export interface RebuildWorld {
  documents: DocumentStore;
  /** Rebuilds, at full speed or with the throttle of the product, and returns the name of the new table. */
  rebuild(options: { segments: number; isFullSpeed: boolean }): Promise<string>;
}

/** Writes a log of new orders, each of one commit that makes one document. */
export async function writeOrders(pool: Pool, orders: number): Promise<void> {
  const loader = await createPostgresLoader(pool);
  for (let done = 0; done < orders; done += COMMITS_AT_ONCE) {
    await loader.load(await commitsOf(Array.from({ length: Math.min(COMMITS_AT_ONCE, orders - done) }, placeOrder)));
  }
  await pool.query('analyze events');
  await delay(2 * WATERMARK_LAG_MS);
}

/** `pool`: the log's. `folder`: where the rebuild keeps its files. */
export async function openRebuildWorld(pool: Pool, sink: Sink, folder: string): Promise<RebuildWorld> {
  const { engine } = sink;
  const projections = [orders];
  const store = createPostgresEventStore({ pool, codec: laterCodec, watermarkLagMs: WATERMARK_LAG_MS });
  const documents = await sink.open(projections);
  const builds = createBuildList({ engine, projections, documents });
  await builds.read();
  const context = { store, clock: Date.now, log: silent };
  const projector = followBuilds({ ...context, engine, documents, builds, fed: await builds.fed() });
  const rebuilds = createRebuilds({
    ...context,
    stores: [{ engine, documents, builds, projections, projector }],
    events: laterCodec.events,
    spillOf: (table) => createFileSpill(join(folder, table)),
    runner: runnerOfThisProcess(),
    hasEnded,
    rest: createThrottle(delay),
    // Nobody else has to learn of the new build.
    pause: async () => {},
  });
  const { signal } = new AbortController();
  return {
    documents,
    async rebuild({ segments, isFullSpeed }) {
      const { build } = await rebuilds.run(orders.name, { signal, segments, isFullSpeed });
      return tableOf(orders.name, { version: orders.version, build });
    },
  };
}
