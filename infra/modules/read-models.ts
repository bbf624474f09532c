// The read models of the shop: the kind of store of each projection, and the projector that keeps all of a store up to date.
import type { Logger } from 'pino';
import { type Clock, type Hlc, millisOf } from '../../domain/kernel/clock.js';
import type { SeenCommits } from '../../domain/kernel/consistency.js';
import { OperatorError } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import { agenda } from '../../projections/models/agenda.js';
import { alsoBought } from '../../projections/models/also-bought.js';
import { catalogue } from '../../projections/models/catalogue.js';
import { currentCarts } from '../../projections/models/current-carts.js';
import { customers } from '../../projections/models/customers.js';
import { orders } from '../../projections/models/orders.js';
import { productPage } from '../../projections/models/product-page.js';
import { productSearch } from '../../projections/models/product-search.js';
import { stock } from '../../projections/models/stock.js';
import { unitsSold } from '../../projections/models/units-sold.js';
import { type BuildList, createBuildList, type Fed, servingOf } from '../../projections/runtime/build-list.js';
import { canFeed } from '../../projections/runtime/builds.js';
import { type Difference, type DifferenceOptions, differences } from '../../projections/runtime/difference.js';
import { followBuilds } from '../../projections/runtime/follow-builds.js';
import { SWEEP_EVERY_MS } from '../../projections/runtime/host.js';
import type { Interventions } from '../../projections/runtime/interventions.js';
import { type Projection, physicalName } from '../../projections/runtime/projection.js';
import type { ProjectionMetrics, ProjectionStatus, Projector } from '../../projections/runtime/projector.js';
import type { DocumentStore, Sink } from '../../projections/runtime/sink.js';
import { createServed, type Served } from '../../projections/served.js';
import { type LaterStore, openedLater } from '../sinks/opened-later.js';

/** A sweep of another process is at most this old. Behind an older sweep the log may be too long to check repeatedly. */
const RECENT_MS = 2 * SWEEP_EVERY_MS;

export type StoreKind = 'relational' | 'documents' | 'search' | 'cache';
/** A program that lacks a kind of store has no read models in it. */
export type Sinks = Partial<Record<StoreKind, Sink>>;

const MODELS = {
  orders: { projection: orders, in: 'relational' },
  stock: { projection: stock, in: 'relational' },
  currentCarts: { projection: currentCarts, in: 'relational' },
  customers: { projection: customers, in: 'relational' },
  agenda: { projection: agenda, in: 'relational' },
  catalogue: { projection: catalogue, in: 'documents' },
  productSearch: { projection: productSearch, in: 'search' },
  productPage: { projection: productPage, in: 'cache' },
  alsoBought: { projection: alsoBought, in: 'cache' },
  unitsSold: { projection: unitsSold, in: 'cache' },
} as const satisfies Record<string, { projection: unknown; in: StoreKind }>;

type ReadModelName = keyof typeof MODELS;
type Definition<K extends ReadModelName> = (typeof MODELS)[K]['projection'];

/** What operators can pause: the projections by name, of which `agenda` stands for the work of the agenda. */
export const PAUSABLE: readonly string[] = Object.values(MODELS)
  .map(({ projection }) => projection.name)
  .sort();

export interface ReadModels {
  /** One for each store. */
  projectors: readonly Projector[];
  stores: readonly OpenStore[];
  served: { [K in ReadModelName]: Served<Definition<K>> };
  /** True once every read model shows these commits; false if `waitMs` ends first. */
  show(seen: SeenCommits, waitMs: number): Promise<boolean>;
  /** The documents of a projection that differ from the log. Undefined if there is no projection of this name. */
  differences(name: string, options: DifferenceOptions): AsyncIterable<Difference> | undefined;
  /** The projections that do not yet show the log up to `end` and these newer commits. */
  behind(end: Hlc, newest: SeenCommits): Promise<Behind[]>;
}

export interface Behind {
  projection: string;
  /** Its store could not be opened yet. */
  isAway: boolean;
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
  definition: Projection<never, never>;
  served: Served<Projection<never, never>>;
}

/** The projections of one store, which are opened, written and swept together. It is opened when it is first used. */
export interface OpenStore {
  documents: LaterStore;
  /**
   * Opens it now. From now on a build may not serve whose documents this program does not continue: nobody would keep it up to date,
   * and queries might not understand it. Rejects with `Unavailable`, or with an `OperatorError` if the store is refused.
   */
  admit(): Promise<void>;
  builds: BuildList;
  projector: Projector;
  models: OpenModel[];
  engine: string;
  /** The definitions. */
  projections: readonly Projection<never, never>[];
}

export function openReadModels({ sinks, ...deps }: ReadModelsDeps): ReadModels {
  const kinds = Object.keys(sinks) as StoreKind[];
  const stores = [...new Set(Object.values(sinks))].map((sink) => {
    const mine = Object.entries(MODELS).flatMap(([model, { projection, in: kind }]) =>
      kinds.some((each) => each === kind && sinks[each] === sink) ? [{ model, definition: projection }] : [],
    );
    return openStore(sink, mine, deps);
  });
  const models = stores.flatMap((store) => store.models);
  const shows = async ({ served }: OpenModel, seen: SeenCommits, waitMs: number) =>
    served.gateOf(await served.current()).wait(seen, waitMs);
  return {
    projectors: stores.map(({ projector }) => projector),
    stores,
    served: Object.fromEntries(
      Object.keys(MODELS).map((name) => [name, models.find(({ model }) => model === name)?.served ?? absent(name)]),
    ) as unknown as ReadModels['served'],
    show: async (seen, waitMs) => (await Promise.all(models.map((model) => shows(model, seen, waitMs)))).every(Boolean),
    differences(name, options) {
      for (const { documents, models } of stores) {
        const model = models.find(({ definition }) => definition.name === name);
        if (model) return differencesOf(documents, model);
      }
      return undefined;

      async function* differencesOf(documents: DocumentStore, { served }: OpenModel) {
        const projection = await served.current();
        yield* differences({ ...deps, documents, projection, isSkipped: deps.interventions.isSkipped }, options);
      }
    },
    behind: async (end, newest) => (await Promise.all(stores.map((store) => behindIn(store, end, newest)))).flat(),
  };
}

function requireContinued(definition: Projection<never, never>, serving: Projection<never, never>): void {
  if (canFeed(definition, serving)) return;
  const { name, version } = definition;
  throw new OperatorError(
    `The read model ${name} is served from version ${serving.version}, and this program has version ${version}, which does not say that it continues that one. ` +
      `Rebuild it first, with this program and while the other one still runs (commerce rebuild ${name}), or complete its definition (docs/rebuild.md).`,
  );
}

function absent(model: string): Served<never> {
  const refuse = () => {
    throw new Error(`The read model ${model} is in a store that this program does not open.`);
  };
  return { current: async () => refuse(), gateOf: refuse, advanced() {} };
}

function openStore(
  sink: Sink,
  named: readonly Omit<OpenModel, 'served'>[],
  deps: Omit<ReadModelsDeps, 'sinks'>,
): OpenStore {
  const { engine } = sink;
  const projections = named.map(({ definition }) => definition);
  let isAdmitted = false;
  const documents = openedLater(engine, async () => {
    const store = await sink.open([]);
    const list = createBuildList({ engine, projections, documents: store });
    const { projections: fed } = await list.fed();
    if (isAdmitted) for (const each of projections) requireContinued(each, await servingOf(list, each));
    for (const projection of fed) await store.create(projection);
    return store;
  });
  const builds = createBuildList({ engine, projections, documents });
  /** Until the first look. */
  const fed: Fed = { projections, builtTo: new Map(), isGone: () => false };
  const models = named.map((each) => ({ ...each, served: createServed(documents, builds, each.definition) }));
  const onAdvance = () => {
    for (const { served } of models) served.advanced();
  };
  const projector = followBuilds({ ...deps, engine, documents, builds, fed, onAdvance });
  const admit = async () => {
    isAdmitted = true;
    try {
      await documents.open();
    } catch (error) {
      throw error instanceof Error && error.cause instanceof OperatorError ? error.cause : error;
    }
  };
  return { engine, projections, documents, builds, projector, models, admit };
}

async function behindIn(store: OpenStore, end: Hlc, newest: SeenCommits): Promise<Behind[]> {
  const behind = await modelsBehind(store, end, newest).catch(() => store.models);
  const isAway = store.documents.isAway();
  return behind.map(({ definition: { name: projection } }) => ({ projection, isAway }));
}

async function modelsBehind(
  { documents, projector, models }: OpenStore,
  end: Hlc,
  newest: SeenCommits,
): Promise<OpenModel[]> {
  const isThere = async ({ served }: OpenModel) => {
    const build = await served.current();
    if (!(await served.gateOf(build).wait(newest, 0))) return false;
    await documents.refresh?.(physicalName(build));
    return true;
  };
  // Either a sweep of any process has passed `end`, or the feed has brought the commits since a recent sweep.
  const { sweptTo } = await projector.sweepState();
  const isSwept =
    sweptTo >= end || (millisOf(end) - millisOf(sweptTo) < RECENT_MS && (await projector.status()).every(hasNoLag));
  if (!isSwept) return models;
  const there = await Promise.all(models.map((model) => isThere(model).catch(() => false)));
  return models.filter((_, index) => !there[index]);
}

function hasNoLag({ lag }: ProjectionStatus): boolean {
  return lag.commits === 0 && !lag.atLeast;
}
