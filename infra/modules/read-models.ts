// The read models of the shop: the kind of store of each projection, and the projector that keeps all of a store up to date.
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
import { type Difference, type DifferenceOptions, differences } from '../../projections/runtime/difference.js';
import { SWEEP_EVERY_MS } from '../../projections/runtime/host.js';
import type { Interventions } from '../../projections/runtime/interventions.js';
import { type Projection, physicalName } from '../../projections/runtime/projection.js';
import {
  createProjector,
  type ProjectionMetrics,
  type ProjectionStatus,
  type Projector,
} from '../../projections/runtime/projector.js';
import type { DocumentStore, Sink } from '../../projections/runtime/sink.js';
import { createVisibility, type Visibility, type VisibilityGate } from '../../projections/visibility.js';

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

/** What operators can pause: the projections by name, of which `agenda` stands for the work of the agenda. */
export const PAUSABLE: readonly string[] = Object.values(MODELS)
  .map(({ projection }) => projection.name)
  .sort();

export interface ReadModels {
  /** One for each store. */
  projectors: readonly Projector[];
  visibility: Record<ReadModelName, Visibility>;
  /** True once every read model shows these commits; false if `waitMs` ends first. */
  show(seen: SeenCommits, waitMs: number): Promise<boolean>;
  /** The documents of a projection that differ from the log. Undefined if there is no projection of this name. */
  differences(name: string, options: DifferenceOptions): AsyncIterable<Difference> | undefined;
  /** Names of the projections that do not yet show the log up to `end` and these newer commits. */
  behind(end: Hlc, newest: SeenCommits): Promise<string[]>;
}

export interface ReadModelsDeps {
  sinks: Sinks;
  store: EventStore;
  clock: Clock;
  log: Logger;
  metrics: ProjectionMetrics;
  interventions: Interventions;
}

interface OpenModel {
  model: string;
  projection: Projection<never, never>;
  visibility: VisibilityGate;
}

/** The projections of one store, which are opened, written and swept together. */
interface OpenStore {
  documents: DocumentStore;
  projector: Projector;
  models: OpenModel[];
}

export async function openReadModels({ sinks, ...deps }: ReadModelsDeps): Promise<ReadModels> {
  const kinds = Object.keys(sinks) as StoreKind[];
  const stores = await Promise.all(
    [...new Set(Object.values(sinks))].map((sink) => {
      const mine = Object.entries(MODELS).filter(([, model]) =>
        kinds.some((kind) => kind === model.in && sinks[kind] === sink),
      );
      return openStore(sink, mine as unknown as [string, { projection: Projection<never, never> }][], deps);
    }),
  );
  const models = stores.flatMap((store) => store.models);
  return {
    projectors: stores.map(({ projector }) => projector),
    visibility: Object.fromEntries(
      models.map(({ model, visibility }) => [model, visibility]),
    ) as unknown as ReadModels['visibility'],
    show: async (seen, waitMs) =>
      (await Promise.all(models.map(({ visibility }) => visibility.wait(seen, waitMs)))).every(Boolean),
    differences(name, options) {
      const found = stores.flatMap(({ documents, models }) =>
        models.flatMap(({ projection }) => (projection.name === name ? [{ documents, projection }] : [])),
      )[0];
      return found && differences({ ...deps, ...found, isSkipped: deps.interventions.isSkipped }, options);
    },
    behind: async (end, newest) => (await Promise.all(stores.map((store) => behindIn(store, end, newest)))).flat(),
  };
}

async function openStore(
  sink: Sink,
  named: readonly [string, { projection: Projection<never, never> }][],
  deps: Omit<ReadModelsDeps, 'sinks'>,
): Promise<OpenStore> {
  const projections = named.map(([, { projection }]) => projection);
  const documents = await sink.open(projections);
  const models = named.map(([model, { projection }]) => ({
    model,
    projection,
    visibility: createVisibility(documents, projection),
  }));
  const onAdvance = () => {
    for (const { visibility } of models) visibility.advanced();
  };
  const projector = createProjector({ ...deps, engine: sink.engine, projections, documents, onAdvance });
  return { documents, projector, models };
}

async function behindIn({ documents, projector, models }: OpenStore, end: Hlc, newest: SeenCommits): Promise<string[]> {
  const isThere = async ({ projection, visibility }: OpenModel) => {
    if (!(await visibility.wait(newest, 0))) return false;
    await documents.refresh?.(physicalName(projection));
    return true;
  };
  try {
    // Either a sweep of any process has passed `end`, or the feed has brought the commits since a recent sweep.
    const { sweptTo } = await projector.sweepState();
    const isSwept =
      sweptTo >= end || (millisOf(end) - millisOf(sweptTo) < RECENT_MS && (await projector.status()).every(hasNoLag));
    if (!isSwept) return models.map(({ projection }) => projection.name);
    const there = await Promise.all(models.map((model) => isThere(model).catch(() => false)));
    return models.flatMap(({ projection }, index) => (there[index] ? [] : [projection.name]));
  } catch {
    return models.map(({ projection }) => projection.name);
  }
}

function hasNoLag({ lag }: ProjectionStatus): boolean {
  return lag.commits === 0 && !lag.atLeast;
}
