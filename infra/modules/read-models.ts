// The read models of the shop: the kind of store of each projection, and the projector that keeps it up to date.
import type { Logger } from 'pino';
import { type Clock, type Hlc, millisOf } from '../../domain/kernel/clock.js';
import type { SeenCommits } from '../../domain/kernel/consistency.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { agenda } from '../../projections/models/agenda.js';
import { catalogue } from '../../projections/models/catalogue.js';
import { currentCarts } from '../../projections/models/current-carts.js';
import { orders } from '../../projections/models/orders.js';
import { productPage } from '../../projections/models/product-page.js';
import { productSearch } from '../../projections/models/product-search.js';
import { stock } from '../../projections/models/stock.js';
import { unitsSold } from '../../projections/models/units-sold.js';
import { SWEEP_EVERY_MS } from '../../projections/runtime/host.js';
import type { Projection } from '../../projections/runtime/projection.js';
import { createProjector, type ProjectionMetrics, type Projector } from '../../projections/runtime/projector.js';
import type { Sink } from '../../projections/runtime/sink.js';
import { createVisibility, type Visibility } from '../../projections/visibility.js';

/** A sweep of another process is at most this old. Behind an older sweep the log may be too long to check repeatedly. */
const RECENT_MS = 2 * SWEEP_EVERY_MS;

export type StoreKind = 'relational' | 'documents' | 'search' | 'cache';
export type Sinks = Record<StoreKind, Sink>;

const MODELS = {
  orders: { projection: orders, in: 'relational' },
  stock: { projection: stock, in: 'relational' },
  currentCarts: { projection: currentCarts, in: 'relational' },
  agenda: { projection: agenda, in: 'relational' },
  catalogue: { projection: catalogue, in: 'documents' },
  productSearch: { projection: productSearch, in: 'search' },
  productPage: { projection: productPage, in: 'cache' },
  unitsSold: { projection: unitsSold, in: 'cache' },
} as const satisfies Record<string, { projection: unknown; in: StoreKind }>;

export type ReadModelName = keyof typeof MODELS;

export interface ReadModels {
  projectors: readonly Projector[];
  visibility: Record<ReadModelName, Visibility>;
  /** True once every read model shows these commits; false if `waitMs` ends first. */
  show(seen: SeenCommits, waitMs: number): Promise<boolean>;
  /** Names of the projections that do not yet show the log up to `end` and these newer commits. */
  behind(end: Hlc, newest: SeenCommits): Promise<string[]>;
}

export interface ReadModelsDeps {
  sinks: Sinks;
  store: EventStore;
  clock: Clock;
  log: Logger;
  metrics: ProjectionMetrics;
}

export async function openReadModels({ sinks, ...deps }: ReadModelsDeps): Promise<ReadModels> {
  const opened = await Promise.all(
    Object.entries(MODELS).map(async ([name, model]) => {
      const projection = model.projection as unknown as Projection<never, never>;
      const table = await sinks[model.in].open(projection);
      const visibility = createVisibility(table, projection);
      const onAdvance = () => visibility.advanced();
      const { name: told } = projection;
      return { name, told, table, visibility, projector: createProjector({ ...deps, projection, table, onAdvance }) };
    }),
  );
  return {
    projectors: opened.map(({ projector }) => projector),
    visibility: Object.fromEntries(
      opened.map(({ name, visibility }) => [name, visibility]),
    ) as unknown as ReadModels['visibility'],
    show: async (seen, waitMs) =>
      (await Promise.all(opened.map(({ visibility }) => visibility.wait(seen, waitMs)))).every(Boolean),
    async behind(end, newest) {
      const isThere = opened.map(async ({ table, projector, visibility }) => {
        // Either a sweep of any process has passed `end`, or the feed has brought the commits since a recent sweep.
        const sweptTo = await table.sweptTo();
        const isSwept =
          sweptTo >= end || (millisOf(end) - millisOf(sweptTo) < RECENT_MS && (await hasNoLag(projector)));
        if (!isSwept || !(await visibility.wait(newest, 0))) return false;
        await table.refresh?.();
        return true;
      });
      const there = await Promise.all(isThere.map((each) => each.catch(() => false)));
      return opened.filter((_, index) => !there[index]).map(({ told }) => told);
    },
  };
}

async function hasNoLag(projector: Projector): Promise<boolean> {
  const { lag } = await projector.status();
  return lag.commits === 0 && !lag.atLeast;
}
