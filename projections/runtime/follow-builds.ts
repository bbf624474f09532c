// The projector of a store whose builds come and go: a projector for the builds that are fed now. When they change, the next call
// uses another one. A call that has begun keeps its own, which does no harm: it is like a process that learns of the change later.

import type { BuildList, Fed } from './build-list.js';
import { physicalName } from './projection.js';
import { createProjector, type Projector, type ProjectorDeps } from './projector.js';

export interface FollowDeps extends Omit<ProjectorDeps, 'projections' | 'builtTo' | 'isGone'> {
  builds: Pick<BuildList, 'fed'>;
  /** Until the first look. */
  fed: Fed;
}

export function followBuilds({ builds, fed: first, ...deps }: FollowDeps): Projector {
  let made = make(first);

  function make(fed: Fed) {
    return { fed, projector: createProjector({ ...deps, ...fed }) };
  }

  async function current(): Promise<Projector> {
    const fed = await builds.fed();
    if (made.fed !== fed) made = make(fed);
    return made.projector;
  }

  return {
    engine: deps.engine,
    get names() {
      return made.fed.projections.map((projection) => physicalName(projection)).sort();
    },
    apply: async (commits) => (await current()).apply(commits),
    catchUp: async (tails) => (await current()).catchUp(tails),
    retryReleased: async () => (await current()).retryReleased(),
    retry: async () => (await current()).retry(),
    quarantined: async () => (await current()).quarantined(),
    status: async () => (await current()).status(),
    compare: async (streams) => (await current()).compare(streams),
    sweepState: async () => (await current()).sweepState(),
    saveSweepState: async (state) => (await current()).saveSweepState(state),
    lineage: async () => (await current()).lineage(),
  };
}
