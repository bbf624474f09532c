// Which build of a read model answers, and when it shows what a caller has seen.
import type { SeenCommits } from '../domain/kernel/consistency.js';
import { type BuildList, servingOf } from './runtime/build-list.js';
import { type Projection, physicalName } from './runtime/projection.js';
import type { DocumentStore } from './runtime/sink.js';
import { createVisibility, type ReadModel, type VisibilityGate } from './visibility.js';

/** Builds that a process remembers something of: the one that serves, and those that it has just left or entered. */
const REMEMBERED_BUILDS = 3;

export interface Served<P> {
  /** The build that serves now, as a projection. */
  current(): Promise<P>;
  gateOf(build: P): VisibilityGate;
  /** This process's projector has moved positions. */
  advanced(): void;
}

export function createServed<P extends Projection<never, never>>(
  documents: DocumentStore,
  list: BuildList,
  definition: P,
): Served<P> {
  const gates = new Map<string, VisibilityGate>();
  // Once for all builds: a store keeps its listeners as long as it is open.
  documents.onDoubt?.(() => {
    for (const gate of gates.values()) gate.doubted();
  });
  return {
    current: () => servingOf(list, definition),
    gateOf: (build) => remembered(gates, physicalName(build), () => createVisibility(documents, build)),
    advanced() {
      for (const gate of gates.values()) gate.advanced();
    },
  };
}

export function readModelOf<P extends Projection<never, never>, Q>(
  served: Pick<Served<P>, 'current' | 'gateOf'>,
  queriesOf: (build: P) => Q,
): ReadModel<Q> {
  const made = new Map<string, Q>();
  const queries = (build: P) => remembered(made, physicalName(build), () => queriesOf(build));
  return {
    current: async () => queries(await served.current()),
    async showing(seen: SeenCommits, waitMs: number) {
      const build = await served.current();
      return (await served.gateOf(build).wait(seen, waitMs)) ? queries(build) : undefined;
    },
  };
}

function remembered<T>(all: Map<string, T>, name: string, make: () => T): T {
  const found = all.get(name) ?? make();
  all.delete(name);
  all.set(name, found);
  const [oldest] = all.keys();
  if (all.size > REMEMBERED_BUILDS && oldest !== undefined) all.delete(oldest);
  return found;
}
