// Thrown errors, which end a request or a process early. Each has what its receiver needs to act; HTTP turns them into problem
// documents.
import {
  isRejection,
  type NoFacts,
  type OptionalIfEmpty,
  type Rejection,
  type RejectionCode,
  type RejectionFacts,
} from './rejection.js';
import type { StreamId } from './stream.js';

/** Clients tell problems apart by these codes, so the codes never change. */
export type ProblemCode = keyof ProblemFacts;

interface ProblemFacts extends RejectionFacts {
  invalid_request: { errors: readonly FieldError[] };
  unauthenticated: NoFacts;
  forbidden: NoFacts;
  unavailable: NoFacts;
}

/** An error to report to the caller, with a stable code. */
export class Problem<C extends ProblemCode = ProblemCode> extends Error {
  override name = 'Problem';
  /** Members of the problem document beside the standard ones, such as `available`. */
  readonly facts: ProblemFacts[C];
  /** Commits that the request made before it failed. */
  readonly seen: Iterable<readonly [StreamId, number]>;
  constructor(
    readonly code: C,
    detail: string,
    ...[facts, seen = []]: OptionalIfEmpty<ProblemFacts[C], Problem['seen']>
  ) {
    super(detail);
    this.facts = facts ?? ({} as ProblemFacts[C]);
    this.seen = seen;
  }
}

/** Turns a rejection into the problem that the caller receives. */
export function problemOf(rejection: Rejection, seen?: Problem['seen']): Problem<RejectionCode> {
  const { rejected, detail, facts } = rejection;
  return new Problem(rejected, detail, facts, seen);
}

/** Returns the result of a command, or of anything else that may be rejected. Throws a rejection as a `Problem`. */
export function orThrow<T extends object>(result: T | Rejection): Exclude<T, Rejection> {
  if (isRejection(result)) throw problemOf(result);
  return result as Exclude<T, Rejection>;
}

/**
 * An invalid part of a request. `pointer` is that of the problem's `errors`: `/total/currency`, `?after`, or '' for the whole
 * body.
 */
export interface FieldError {
  pointer: string;
  detail: string;
}

/** Most invalid parts of a request that one problem names. */
export const MAX_NAMED_FIELDS = 20;

export function invalidField(pointer: string, detail: string): Problem<'invalid_request'> {
  return invalidFields([{ pointer, detail }]);
}

/** Needs at least one error. Names the first few. */
export function invalidFields(fields: readonly FieldError[]): Problem<'invalid_request'> {
  const errors = fields.slice(0, MAX_NAMED_FIELDS);
  const told = errors.map(({ pointer, detail }) => (pointer ? `${pointer}: ${detail}` : detail));
  return new Problem('invalid_request', told.slice(0, 3).join('; '), { errors });
}

export function isProblem<C extends ProblemCode = ProblemCode>(error: unknown, code?: C): error is Problem<C> {
  return error instanceof Problem && (code === undefined || error.code === code);
}

/** An engine did not answer within its time budget. Pending work may have been done: repeat it with the same ids. */
export class Unavailable extends Problem<'unavailable'> {
  override name = 'Unavailable';
  constructor(
    readonly engine: string,
    detail: string,
    /** Seconds after which a retry makes sense. */
    readonly retryAfter = 1,
  ) {
    super('unavailable', `${engine}: ${detail}`);
  }
}

/** Other commands changed the stream too often before this one could be appended. The stream's name is only for the log. */
export class StreamBusy extends Problem<'conflict'> {
  override name = 'StreamBusy';
  constructor(readonly stream: StreamId) {
    super('conflict', 'Too many other requests change the same resource; try again.');
  }
}

export class CommitTooLarge extends Problem<'too_large'> {
  override name = 'CommitTooLarge';
  constructor(
    readonly stream: StreamId,
    bytes: number,
    limit: number,
  ) {
    super('too_large', `The command would store ${bytes} bytes at once, but the limit is ${limit}; split the command.`);
  }
}

/** A read model does not yet show the commits that the caller has seen. It catches up by itself. */
export class NotYetVisible extends Unavailable {
  override name = 'NotYetVisible';
  constructor(model: string) {
    super(model, 'does not have the commits of the Consistency-Token yet.');
  }
}

export class ClockSkew extends Unavailable {
  override name = 'ClockSkew';
  constructor(engine: string, skewMs: number, limitMs: number) {
    super(engine, `this machine's clock is ${skewMs} ms off (limit ${limitMs} ms); synchronise it.`, 30);
  }
}

/** The commit carries the fence of a term that is over: another process holds the lease now, and will do the work. */
export class Deposed extends Unavailable {
  override name = 'Deposed';
  constructor(engine: string, lease: string, token: number) {
    super(engine, `term ${token} of the lease ${lease} is over; another process does its work now.`);
  }
}

/** A problem that the operator of the program can fix. The message says what is wrong and what to do. */
export class OperatorError extends Error {
  override name = 'OperatorError';
}

/** An event that does not match its definition: a bug, or a log written by a newer program. */
export class InvalidEvent extends Error {
  override name = 'InvalidEvent';
  constructor(type: string, problem: string) {
    super(`Event ${type} ${problem}`);
  }
}
