// The builds of projections: which of them a store has, and the changes from one state to the next, as pure functions. A build is a
// projection with a number: it has documents of its own under a physical name of its own.
import type { Hlc } from '../../domain/kernel/clock.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { type Projection, partsOfName, physicalName } from './projection.js';

export interface Build {
  /** Version of the definition. */
  version: number;
  build: number;
  /** Everything up to this time of the log was applied before the projectors took over. 0: they have built it from the start. */
  builtTo: Hlc;
}

/**
 * `waiting`: nobody has begun it. `reading`: the log is read in parallel segments, and its events are sorted by document.
 * `loading`: the documents are folded and written in bulk, with its positions. `joining`: what has happened since is applied.
 * `following`: the projectors feed it. `checking`: documents are compared with the log.
 */
export const PHASES = ['waiting', 'reading', 'loading', 'joining', 'following', 'checking'] as const;
export type Phase = (typeof PHASES)[number];

/** A build that is not finished. */
export interface NextBuild extends Build {
  phase: Phase;
  /** In ms since 1970, as the other times here. */
  startedAt: number;
  /** Parallel segments. */
  segments: number;
  verify: Verify;
  /** The log is loaded up to here. */
  upTo: Hlc;
  /** Commits of the log up to there, and how many of them the phase has done. */
  total: number;
  done: number;
  perSecond: number;
  /** The documents are divided into slices: their number, those that are written, and how many documents these have. */
  slices: number;
  written: number[];
  documents: number;
  /** Positions are written, and commits are applied, up to here. */
  joinedTo: Hlc;
  /** Who works on it, and when it last said so. */
  runner?: { id: string; aliveAt: number };
  /** What it waits for, such as a store that is away. */
  waitsFor?: string;
}

export type Verify = 'sample' | 'full';

/** Why a build was given up. */
export interface Failure extends Pick<Build, 'version' | 'build'> {
  at: number;
  error: string;
  /** The commit that the definition cannot process. */
  stream?: StreamId;
  commitNo?: number;
}

export interface ProjectionBuilds {
  serving: Build;
  /** The build that served before. It is fed, so that a rollback is not a step back in time. */
  previous?: Build;
  next?: NextBuild;
  /** Why the last rebuild failed. */
  failure?: Failure;
  /** Builds whose documents are to be deleted after this time, when no process uses them any more. */
  dropping?: (Pick<Build, 'version' | 'build'> & { after: number })[];
  /** The highest number that a build had. */
  last: number;
}

/** By the name of the projection. Stored as JSON. */
export type BuildsState = Record<string, ProjectionBuilds>;

/** How long a process may still use a build that it has looked up before. */
export const IN_USE_MS = 10_000;

/** The version that people see. It is another one after every rebuild. */
export function versionText({ version, build }: Pick<Build, 'version' | 'build'>): string {
  return `${version}.${build}`;
}

/**
 * The builds of a store that has none of this projection: one that the projectors build. `inUse` are the physical names that a
 * program without builds has left.
 */
export function firstBuilds({ name, version }: Projection<never, never>, inUse: readonly string[]): ProjectionBuilds {
  const earlier = inUse.flatMap((table) => {
    const found = partsOfName(table);
    return found?.name === name && found.build === 1 && found.version < version ? [found.version] : [];
  });
  const isKnown = inUse.includes(physicalName({ name, version }));
  const first = isKnown || earlier.length === 0 ? version : Math.max(...earlier);
  return { serving: { version: first, build: 1, builtTo: 0 }, last: 1 };
}

/**
 * The build that a program with this version of the definition answers from. While programs of two versions run, the older one
 * keeps its own build, because it cannot read the newer documents.
 */
export function servingFor({ serving, previous }: ProjectionBuilds, version: number): Build {
  return serving.version > version && previous && previous.version <= version ? previous : serving;
}

/** The builds that a program with this definition feeds. */
export function fedBy({ serving, previous, next }: ProjectionBuilds, definition: Projection<never, never>): Build[] {
  const isFed = next && (next.phase === 'following' || next.phase === 'checking');
  const builds = [serving, ...(previous ? [previous] : []), ...(isFed ? [next] : [])];
  return builds.filter((build) => canFeed(definition, build));
}

/** True if the definition says that it can bring documents of this version up to date. */
export function canFeed(
  { version, continues, earlier = [] }: Projection<never, never>,
  build: Pick<Build, 'version'>,
): boolean {
  if (earlier.some((other) => other.version === build.version)) return true;
  return build.version <= version && build.version >= (continues?.[version] ?? version);
}

/** All builds that positions may speak of. */
export function existing({ serving, previous, next }: ProjectionBuilds): Build[] {
  return [serving, ...(previous ? [previous] : []), ...(next ? [next] : [])];
}

/** The projection as this build has it: with the definition of that version, if the program still has it. */
export function projectionOf<P extends Projection<never, never>>(definition: P, { version, build }: Build): P {
  const earlier = definition.earlier?.find((other) => other.version === version);
  return { ...definition, ...earlier, version, build };
}

export function begun(
  builds: ProjectionBuilds,
  version: number,
  { now, segments, verify }: { now: number; segments: number; verify: Verify },
): ProjectionBuilds {
  const next: NextBuild = {
    version,
    build: builds.last + 1,
    builtTo: 0,
    phase: 'waiting',
    startedAt: now,
    segments,
    verify,
    upTo: 0,
    total: 0,
    done: 0,
    perSecond: 0,
    slices: 0,
    written: [],
    documents: 0,
    joinedTo: 0,
  };
  const { failure: _, ...rest } = builds;
  return { ...rest, next, last: next.build };
}

/** The new build serves, and the one that served stays fed. Whatever is older is dropped. */
export function switched(builds: ProjectionBuilds, now: number): ProjectionBuilds {
  const { serving, previous, next, ...rest } = builds;
  if (!next) return builds;
  const { version, build, builtTo } = next;
  return dropped({ ...rest, serving: { version, build, builtTo }, previous: serving }, previous, now);
}

export function failed(builds: ProjectionBuilds, failure: Omit<Failure, 'version' | 'build'>): ProjectionBuilds {
  const { next, ...rest } = builds;
  if (!next) return builds;
  const { version, build } = next;
  return dropped({ ...rest, failure: { version, build, ...failure } }, next, failure.at);
}

export function rolledBack({ serving, previous, ...rest }: ProjectionBuilds): ProjectionBuilds | undefined {
  return previous && { ...rest, serving: previous, previous: serving };
}

function dropped(builds: ProjectionBuilds, old: Build | undefined, now: number): ProjectionBuilds {
  if (!old) return builds;
  const { version, build } = old;
  return { ...builds, dropping: [...(builds.dropping ?? []), { version, build, after: now + IN_USE_MS }] };
}
