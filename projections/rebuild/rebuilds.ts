// Rebuilds of all projections of a shop: begins, shows, finishes and rolls them back.
import { Problem } from '../../domain/kernel/errors.js';
import { defined } from '../../domain/kernel/json.js';
import { tableOf } from '../runtime/build-list.js';
import {
  begun,
  canFeed,
  type Failure,
  type NextBuild,
  type Phase,
  type ProjectionBuilds,
  rolledBack,
  servingFor,
  type Verify,
  versionText,
} from '../runtime/builds.js';
import type { Projection } from '../runtime/projection.js';
import type { ProjectionStatus, Projector } from '../runtime/projector.js';
import { pauseUnlessAborted } from '../runtime/waiting.js';
import { finishBuild, type RebuildDeps, RebuildFailed, TakenOver } from './rebuild.js';

/** A runner that has said nothing for so long is dead. */
const DEAD_AFTER_MS = 15_000;

/** Interval at which a leading process looks for rebuilds that nobody runs. */
const ATTEND_EVERY_MS = 2_000;

/** Segments and slices at work at a time, unless the caller says another number. */
export const DEFAULT_SEGMENTS = 2;
export const MAX_SEGMENTS = 32;

/** The projections of one store. */
export interface RebuildStore extends Pick<RebuildDeps, 'engine' | 'documents' | 'builds'> {
  projections: readonly Projection<never, never>[];
  projector: Projector;
}

export interface RebuildsDeps
  extends Pick<
    RebuildDeps,
    'events' | 'interventions' | 'spillOf' | 'clock' | 'log' | 'rest' | 'store' | 'pause' | 'sizes'
  > {
  stores: readonly RebuildStore[];
  /** This process, as a runner of rebuilds: unique, also among processes that have ended. */
  runner: string;
  /** True if the runner is known to have ended. */
  hasEnded(runner: string): boolean;
}

export interface RebuildOptions {
  segments?: number;
  verify?: Verify;
}

export interface RunOptions extends RebuildOptions {
  signal: AbortSignal;
  /** Takes what the machine has, and does not rest for the sake of others. */
  isFullSpeed?: boolean;
  onProgress?: (report: BuildReport) => void;
}

export interface BuildReport {
  /** The number of the build. */
  build: number;
  version: string;
  phase: Phase | 'serving' | 'previous' | 'failed';
  /** Only while it is being made. */
  startedAt?: string;
  commits?: { done: number; total: number };
  perSecond?: number;
  /** Until the phase ends. */
  secondsLeft?: number;
  runner?: string;
  waitsFor?: string;
  /** Why it was given up, and when. */
  error?: string;
  failedAt?: string;
}

export interface ProjectionReport extends Omit<ProjectionStatus, 'version' | 'build'> {
  /** Of the build that serves. It is another one after every rebuild. */
  version: string;
  builds: BuildReport[];
}

export interface Rebuilds {
  names: readonly string[];
  report(): Promise<ProjectionReport[]>;
  /** A build of the projection: it serves, it served before, it is being made, or it is the last one that has failed. */
  build(name: string, build: number): Promise<BuildReport>;
  /** Begins a rebuild, which the leading process runs. Throws `conflict` if one is in progress. */
  request(name: string, options?: RebuildOptions): Promise<BuildReport>;
  /** Begins a rebuild or continues one whose runner has ended, and finishes it. Throws `conflict` if another process runs one. */
  run(name: string, options: RunOptions): Promise<BuildReport>;
  /** The build that served before serves again. Throws `conflict` if there is none, or a rebuild is in progress. */
  rollback(name: string): Promise<BuildReport>;
  /**
   * Begins rebuilds of projections whose version was raised, runs those that nobody runs, and deletes old builds, until the signal
   * aborts. Meant for the leading process.
   */
  attend(signal: AbortSignal): Promise<void>;
}

export function createRebuilds({ stores, runner, hasEnded, ...deps }: RebuildsDeps): Rebuilds {
  const { clock, log } = deps;
  const names = stores.flatMap(({ projections }) => projections.map(({ name }) => name));
  let runs = 0;

  function storeOf(name: string): { store: RebuildStore; definition: Projection<never, never> } {
    for (const store of stores) {
      const definition = store.projections.find((projection) => projection.name === name);
      if (definition) return { store, definition };
    }
    throw new Problem('not_found', `There is no projection ${name}; there are: ${names.join(', ')}.`);
  }

  const isOver = ({ runner: by }: NextBuild) => !by || hasEnded(by.id) || clock() - by.aliveAt > DEAD_AFTER_MS;

  async function begin(name: string, { segments = DEFAULT_SEGMENTS, verify = 'sample' }: RebuildOptions, by?: string) {
    const { store, definition } = storeOf(name);
    return store.builds.change(name, (builds) => {
      if (builds.next) {
        const resumes = by !== undefined && isOver(builds.next);
        if (!resumes) throw inProgress(name, builds.next);
        return { ...builds, next: { ...builds.next, runner: { id: by, aliveAt: clock() } } };
      }
      const next = begun(builds, definition.version, { now: clock(), segments, verify });
      if (!by || !next.next) return next;
      return { ...next, next: { ...next.next, runner: { id: by, aliveAt: clock() } } };
    });
  }

  async function finish(name: string, by: string, { signal, isFullSpeed, onProgress }: RunOptions): Promise<void> {
    const { store, definition } = storeOf(name);
    try {
      const rest = isFullSpeed ? async () => {} : deps.rest;
      await finishBuild({ ...deps, ...store, rest }, definition, by, {
        signal,
        onProgress: (next) => onProgress?.(reportOf(next)),
      });
    } finally {
      // Another process may continue at once.
      await store.builds.change(name, (builds) => released(builds, by)).catch(() => {});
    }
  }

  /** One process may run rebuilds one after another. */
  const newRunner = () => `${runner}/${++runs}`;

  async function attendStore({ projections, builds, documents }: RebuildStore, signal: AbortSignal): Promise<void> {
    for (const { name, version } of projections) {
      if (signal.aborted) return;
      const found = (await builds.read())[name];
      if (!found) continue;
      if (isRaised(found, version)) {
        log.info({ projection: name, version }, 'the version of a projection was raised; it is rebuilt');
        await builds.change(name, (current) =>
          isRaised(current, version)
            ? begun(current, version, { now: clock(), segments: DEFAULT_SEGMENTS, verify: 'sample' })
            : undefined,
        );
      }
      for (const old of found.dropping ?? []) {
        if (old.after > clock()) continue;
        await documents.drop(tableOf(name, old));
        await builds.change(name, (current) => withoutDropped(current, old));
      }
      const { next } = (await builds.read())[name] ?? {};
      if (!next || next.version !== version || !isOver(next)) continue;
      const by = newRunner();
      await begin(name, {}, by).catch((error) => {
        if (!(error instanceof Problem)) throw error;
      });
      await finish(name, by, { signal }).catch((error) => {
        if (!(error instanceof RebuildFailed || error instanceof TakenOver)) throw error;
      });
    }
  }

  return {
    names,

    async report() {
      const reports = stores.map(async ({ projections, projector, builds }) => {
        const [state, statuses] = await Promise.all([builds.read(), projector.status()]);
        return projections.flatMap(({ name, version }) => {
          const found = state[name];
          if (!found) return [];
          const serving = servingFor(found, version);
          const status = statuses.find((each) => each.name === name && each.build === serving.build);
          if (!status) return [];
          return [{ ...status, version: versionText(serving), builds: reportsOf(found) }];
        });
      });
      return (await Promise.all(reports)).flat().map(({ build: _, ...report }) => report);
    },

    async build(name, build) {
      const { store } = storeOf(name);
      const found = reportsOf((await store.builds.read())[name] as ProjectionBuilds).find(
        (report) => report.build === build,
      );
      if (found) return found;
      throw new Problem('not_found', `${name} has no build ${build} any more.`);
    },

    async request(name, options = {}) {
      return reportOf((await begin(name, options)).next as NextBuild);
    },

    async run(name, options) {
      const by = newRunner();
      const { next } = await begin(name, options, by);
      await finish(name, by, options);
      return this.build(name, (next as NextBuild).build);
    },

    async rollback(name) {
      const { store, definition } = storeOf(name);
      const { serving } = await store.builds.change(name, (builds) => {
        if (builds.next) throw inProgress(name, builds.next);
        const back = rolledBack(builds);
        if (!back) throw new Problem('conflict', `${name} has no earlier build to roll back to; rebuild it first.`);
        if (canFeed(definition, back.serving)) return back;
        throw new Problem(
          'conflict',
          `The build ${versionText(back.serving)} of ${name} is not up to date, because version ${definition.version} does not continue it.`,
        );
      });
      log.info({ projection: name, version: versionText(serving) }, 'a projection was rolled back');
      return { build: serving.build, version: versionText(serving), phase: 'serving' };
    },

    async attend(signal) {
      while (!signal.aborted) {
        for (const store of stores) {
          // A store that is away is asked again soon.
          await attendStore(store, signal).catch((error) => {
            if (!signal.aborted) log.warn({ err: error }, 'rebuilds cannot be continued now; they will be');
          });
        }
        await pauseUnlessAborted(ATTEND_EVERY_MS, signal);
      }
    },
  };
}

/** No build is of this version, and none has failed. */
function isRaised({ serving, previous, next, failure }: ProjectionBuilds, version: number): boolean {
  return serving.version < version && !next && previous?.version !== version && failure?.version !== version;
}

function inProgress(name: string, next: NextBuild): Problem {
  const by = next.runner ? ` in ${next.runner.id}` : '';
  return new Problem(
    'conflict',
    `A rebuild of ${name} is in progress${by}: version ${versionText(next)}, ${next.phase}.`,
  );
}

function released(builds: ProjectionBuilds, by: string): ProjectionBuilds | undefined {
  if (builds.next?.runner?.id !== by) return undefined;
  const { runner: _, ...next } = builds.next;
  return { ...builds, next };
}

function withoutDropped(builds: ProjectionBuilds, old: { build: number }): ProjectionBuilds {
  const { dropping = [], ...rest } = builds;
  const left = dropping.filter(({ build }) => build !== old.build);
  return { ...rest, ...defined({ dropping: left.length > 0 ? left : undefined }) };
}

function reportsOf({ serving, previous, next, failure }: ProjectionBuilds): BuildReport[] {
  return [
    { build: serving.build, version: versionText(serving), phase: 'serving' },
    ...(previous ? [{ build: previous.build, version: versionText(previous), phase: 'previous' as const }] : []),
    ...(next ? [reportOf(next)] : []),
    ...(failure ? [failedReport(failure)] : []),
  ];
}

function reportOf(next: NextBuild): BuildReport {
  const { build, phase, startedAt, done, total, perSecond, runner, waitsFor } = next;
  const left = perSecond > 0 && total > 0 ? Math.ceil(Math.max(0, total - done) / perSecond) : undefined;
  return {
    build,
    version: versionText(next),
    phase,
    startedAt: new Date(startedAt).toISOString(),
    commits: { done, total },
    perSecond,
    ...defined({ secondsLeft: left, runner: runner?.id, waitsFor }),
  };
}

function failedReport(failure: Failure): BuildReport {
  const { build, at, error } = failure;
  return { build, version: versionText(failure), phase: 'failed', failedAt: new Date(at).toISOString(), error };
}
