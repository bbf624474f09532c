// Read models that got events disordered, twice or not at all must equal the log.
import type { Commit } from '../../domain/kernel/commit.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { agenda } from '../../projections/models/agenda.js';
import { currentCarts } from '../../projections/models/current-carts.js';
import { customers } from '../../projections/models/customers.js';
import { orders } from '../../projections/models/orders.js';
import { stock } from '../../projections/models/stock.js';
import { unitsSold } from '../../projections/models/units-sold.js';
import { type Projection, physicalName } from '../../projections/runtime/projection.js';
import { createProjector } from '../../projections/runtime/projector.js';
import { createMemorySink } from '../memory-sink.js';
import { the } from '../the.js';
import { createModel } from './fold.js';
import type { World } from './world.js';

const MODELS: readonly Projection<never, never>[] = [agenda, currentCarts, customers, orders, stock, unitsSold];
/** Number of commits that a feed delivers at once. */
const BATCH = 20;

export async function checkReadModels(world: World, say: (broken: string) => void): Promise<void> {
  const { commits, store, clock } = world;
  const arrivals = disturbed(commits, world);
  const tails = new Map<StreamId, number>();
  for (const { stream, position } of commits) {
    tails.set(stream, Math.max(position.commitNo, tails.get(stream) ?? 0));
  }
  const documents = await createMemorySink().open(MODELS);
  const projector = createProjector({
    engine: 'Memory',
    projections: MODELS,
    documents,
    store,
    clock,
    log: silent,
  });
  for (let from = 0; from < arrivals.length; from += BATCH) await projector.apply(arrivals.slice(from, from + BATCH));
  await projector.catchUp(tails);
  for (const projection of MODELS) {
    const table = physicalName(projection);
    const expected = createModel(projection, commits).documents();
    const ids = [...expected.keys()].map((key) => ({ table, key }));
    const shown = new Map((await documents.load(ids, [])).documents.map((found) => [found.key, found]));
    for (const [key, document] of expected) {
      const [has, wants] = [shown.get(key)?.document ?? null, document].map((value) => JSON.stringify(sorted(value)));
      if (has !== wants) say(`${projection.name} shows what happened: ${key} is ${has}, not ${wants}`);
    }
  }
  for (const { projection, stream, error } of await projector.quarantined()) {
    say(`${projection} digests ${stream}: ${error}`);
  }
}

/** Shuffled, with some commits twice and some lost. */
function disturbed(commits: readonly Commit[], { turns }: World): Commit[] {
  const arrivals = commits.flatMap((commit) =>
    Array.from({ length: the([1, 1, 2, 0][turns.random(4)]) }, () => commit),
  );
  for (let last = arrivals.length - 1; last > 0; last--) {
    const other = turns.random(last + 1);
    [arrivals[last], arrivals[other]] = [the(arrivals[other]), the(arrivals[last])];
  }
  return arrivals;
}

const silent = { info: () => {}, warn: () => {}, error: () => {} };

/** With sorted keys, because streams that feed one document may arrive in any order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, sorted(member)]));
}
