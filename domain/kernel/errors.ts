// Typed errors of the command path and the log. Each carries what its receiver needs to act; HTTP turns them into problems.
import type { StreamId } from './stream.js';

/** What clients tell refusals apart by; these never change. */
export type ProblemCode =
  | 'invalid_request'
  | 'unauthenticated'
  | 'payment_declined'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'out_of_stock'
  | 'price_changed'
  | 'request_in_progress'
  | 'command_expired'
  | 'version_mismatch'
  | 'too_large'
  | 'unsupported_media_type'
  | 'rule_violated'
  | 'idempotency_key_reused'
  | 'rate_limited'
  | 'unavailable';

/** A decider's no: a value, not a throw. */
export interface Rejection {
  rejected: ProblemCode;
  /** One sentence that says which rule, with the values that matter. */
  detail: string;
  /** Members of the problem document beside the standard ones, such as `available`. */
  extra?: Record<string, unknown>;
}

export function reject(rejected: ProblemCode, detail: string, extra?: Record<string, unknown>): Rejection {
  return extra ? { rejected, detail, extra } : { rejected, detail };
}

export function isRejection(decision: object): decision is Rejection {
  return 'rejected' in decision;
}

/** Something the caller is told, with a stable code. */
export class Problem extends Error {
  override name = 'Problem';
  constructor(
    readonly code: ProblemCode,
    detail: string,
    readonly extra: Record<string, unknown> = {},
    /** Commits that the request has made all the same. */
    readonly seen: Iterable<readonly [StreamId, number]> = [],
  ) {
    super(detail);
  }
}

/** A decider's no, as the caller is told. */
export function problemOf({ rejected, detail, extra }: Rejection, seen?: Problem['seen']): Problem {
  return new Problem(rejected, detail, extra, seen);
}

/** A part of a request that is wrong: `pointer` as in the `errors` of a problem, `/total/currency` or `?after`; '' is the whole body. */
export interface FieldError {
  pointer: string;
  detail: string;
}

/** Most parts of a request that one refusal names. */
export const MAX_NAMED_FIELDS = 20;

export function invalidField(pointer: string, detail: string): Problem {
  return invalidFields([{ pointer, detail }]);
}

/** Takes one error at least; the first few are named. */
export function invalidFields(fields: readonly FieldError[]): Problem {
  const errors = fields.slice(0, MAX_NAMED_FIELDS);
  const told = errors.map(({ pointer, detail }) => (pointer ? `${pointer}: ${detail}` : detail));
  return new Problem('invalid_request', told.slice(0, 3).join('; '), { errors });
}

export function isProblem(error: unknown, code?: ProblemCode): error is Problem {
  return error instanceof Problem && (code === undefined || error.code === code);
}

/** An engine did not answer within its budget. What was under way may have happened: repeat it with the same ids. */
export class Unavailable extends Problem {
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

/** Others changed the stream again and again before this command's turn came. Which stream, is for the log alone. */
export class StreamBusy extends Problem {
  override name = 'StreamBusy';
  constructor(readonly stream: StreamId) {
    super('conflict', 'Others change the same thing all the time; try again.');
  }
}

export class CommitTooLarge extends Problem {
  override name = 'CommitTooLarge';
  constructor(
    readonly stream: StreamId,
    bytes: number,
    limit: number,
  ) {
    super('too_large', `This would take ${bytes} bytes at once, the limit is ${limit}; split the command.`);
  }
}

/** A read model does not show in time what the caller has seen; it catches up by itself. */
export class NotYetVisible extends Unavailable {
  override name = 'NotYetVisible';
  constructor(model: string) {
    super(model, 'does not show yet what the Consistency-Token names.');
  }
}

export class ClockSkew extends Unavailable {
  override name = 'ClockSkew';
  constructor(engine: string, skewMs: number, limitMs: number) {
    super(engine, `this machine's clock is ${skewMs} ms off (limit ${limitMs} ms); synchronise it.`, 30);
  }
}

/** What whoever runs the program can mend; the message says all that they need: what is wrong, and what to do. */
export class OperatorError extends Error {
  override name = 'OperatorError';
}

/** An event that does not fit its definition: a bug, or a log written by a newer program. */
export class InvalidEvent extends Error {
  override name = 'InvalidEvent';
  constructor(type: string, problem: string) {
    super(`Event ${type} ${problem}`);
  }
}
