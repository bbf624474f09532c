// The builds of one store as a process sees them. The list in the store is the one pointer to the build that serves; a process looks
// at it once a second, because builds that it leaves stay fed and readable for longer.
import { setTimeout as delay } from 'node:timers/promises';
import { Unavailable } from '../../domain/kernel/errors.js';
import { ownEntry } from '../../domain/kernel/json.js';
import {
  type Build,
  type BuildsState,
  existing,
  fedBy,
  firstBuilds,
  type ProjectionBuilds,
  projectionOf,
  servingFor,
} from './builds.js';
import { type Projection, partsOfName, physicalName } from './projection.js';
import type { DocumentStore } from './sink.js';

/** Time after which a process looks at the list again. */
export const LOOK_EVERY_MS = 1_000;

/** How often a change is tried again that another process has made stale. In each round some process succeeds. */
const MAX_ROUNDS = 50;

const ROUND_PAUSE_MS = 20;

export interface BuildList {
  /** The list as it is now. */
  read(): Promise<BuildsState>;
  /** The builds of a projection as of the last look, at most a second ago. */
  of(name: string): Promise<ProjectionBuilds>;
  /** The builds that this program feeds, as projections. The same array as long as nothing has changed. */
  fed(): Promise<Fed>;
  /**
   * Changes the builds of a projection by compare-and-set. `change` may be called several times; if it returns undefined, nothing is
   * written. Returns the builds afterwards.
   */
  change(name: string, change: (builds: ProjectionBuilds) => ProjectionBuilds | undefined): Promise<ProjectionBuilds>;
}

export interface Fed {
  projections: readonly Projection<never, never>[];
  /** By physical name: the time of the log from which on the projectors have to bring everything. */
  builtTo: ReadonlyMap<string, number>;
  /** True for the physical name of a build that is dropped. A build that was begun after this look is not. */
  isGone(table: string): boolean;
}

export interface BuildListDeps {
  engine: string;
  /** The definitions, without builds. */
  projections: readonly Projection<never, never>[];
  documents: Pick<DocumentStore, 'builds' | 'setBuilds' | 'sweepState'>;
  /** Time after which this process looks at the list again, in ms. */
  lookEveryMs?: number;
}

export function createBuildList({
  engine,
  projections,
  documents,
  lookEveryMs = LOOK_EVERY_MS,
}: BuildListDeps): BuildList {
  let known: { state: BuildsState; at: number } | undefined;
  let looking: Promise<BuildsState> | undefined;
  let fed: { text: string; value: Fed } | undefined;

  function remember(state: BuildsState): BuildsState {
    known = { state, at: performance.now() };
    return state;
  }

  async function recent(): Promise<BuildsState> {
    if (known && performance.now() - known.at < lookEveryMs) return known.state;
    looking ??= read().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  async function read(): Promise<BuildsState> {
    const found = await documents.builds();
    if (found && projections.every(({ name }) => ownEntry(found.state, name))) return remember(found.state);
    return write((state) => state);
  }

  /** Adds the projections that the list does not have yet. */
  async function write(change: (state: BuildsState) => BuildsState | undefined): Promise<BuildsState> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const found = await documents.builds();
      const inUse = (await documents.sweepState())?.of ?? [];
      const missing = projections.filter(({ name }) => !ownEntry(found?.state ?? {}, name));
      const added = missing.map((projection) => [projection.name, firstBuilds(projection, inUse)] as const);
      const current = { ...found?.state, ...Object.fromEntries(added) };
      const next = change(current);
      if (!next) return remember(current);
      if (await documents.setBuilds(next, found?.revision)) return remember(next);
      await delay(ROUND_PAUSE_MS * Math.random());
    }
    throw new Unavailable(engine, 'too many processes change the list of builds at once');
  }

  return {
    read,
    of: async (name) => buildsIn(await recent(), name),

    async fed() {
      const state = await recent();
      const text = JSON.stringify(
        projections.map((projection) => tables(buildsIn(state, projection.name), projection)),
      );
      if (fed?.text !== text) fed = { text, value: fedIn(state) };
      return fed.value;
    },

    async change(name, change) {
      const state = await write((before) => {
        const builds = change(buildsIn(before, name));
        return builds && { ...before, [name]: builds };
      });
      return buildsIn(state, name);
    },
  };

  function fedIn(state: BuildsState): Fed {
    const builds = projections.flatMap((projection) =>
      fedBy(buildsIn(state, projection.name), projection).map(
        (build) => [projectionOf(projection, build), build.builtTo] as const,
      ),
    );
    const exists = new Set(
      Object.entries(state).flatMap(([name, mine]) => existing(mine).map((build) => tableOf(name, build))),
    );
    return {
      projections: builds.map(([projection]) => projection),
      builtTo: new Map(builds.map(([projection, builtTo]) => [physicalName(projection), builtTo])),
      isGone(table) {
        const { name, build } = partsOfName(table) ?? { name: '', build: 0 };
        return !exists.has(table) && build <= (ownEntry(state, name)?.last ?? build);
      },
    };
  }
}

/** The build that answers, as this program's definition has it. */
export async function servingOf<P extends Projection<never, never>>(list: BuildList, definition: P): Promise<P> {
  return projectionOf(definition, servingFor(await list.of(definition.name), definition.version));
}

export function tableOf(name: string, { version, build }: Pick<Build, 'version' | 'build'>): string {
  return physicalName({ name, version, build });
}

function tables(builds: ProjectionBuilds, definition: Projection<never, never>): unknown {
  const { name } = definition;
  return [
    fedBy(builds, definition).map((build) => [tableOf(name, build), build.builtTo]),
    existing(builds).map((build) => tableOf(name, build)),
  ];
}

function buildsIn(state: BuildsState, name: string): ProjectionBuilds {
  const builds = ownEntry(state, name);
  if (!builds) throw new Error(`The list of builds has no ${name}.`);
  return builds;
}
