// Problem documents (RFC 9457): the status and title of each code, and the conversion of errors to problems.
import {
  type FieldError,
  MAX_NAMED_FIELDS,
  NotYetVisible,
  Problem,
  type ProblemCode,
  Unavailable,
} from '../../domain/kernel/errors.js';
import { MAX_DETAIL_CHARS, MAX_POINTER_CHARS, MAX_SUMMARY_CHARS, MAX_WAIT_MS } from './limits.js';

/** The codes of the API and those of HTTP itself. */
export type HttpProblemCode =
  | ProblemCode
  | 'request_in_progress'
  | 'idempotency_key_reused'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'headers_too_large'
  | 'internal_error';

export const PROBLEMS: Record<HttpProblemCode, { status: number; title: string }> = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  unauthenticated: { status: 401, title: 'A valid access token is required' },
  payment_declined: { status: 402, title: 'The payment was declined' },
  forbidden: { status: 403, title: 'The caller is not allowed to do this' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'The path does not allow this method' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  conflict: { status: 409, title: 'The request conflicts with the current state' },
  out_of_stock: { status: 409, title: 'Not enough in stock' },
  price_changed: { status: 409, title: 'A price has changed' },
  request_in_progress: { status: 409, title: 'The same request is still running' },
  command_expired: { status: 410, title: 'The command is too old to repeat' },
  version_mismatch: { status: 412, title: 'The resource has changed since it was read' },
  too_large: { status: 413, title: 'The request or its result is too large' },
  unsupported_media_type: { status: 415, title: 'The media type is not supported' },
  rule_violated: { status: 422, title: 'A business rule does not allow it' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key was used with another request' },
  rate_limited: { status: 429, title: 'Too many requests' },
  unavailable: { status: 503, title: 'Temporarily unavailable' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  internal_error: { status: 500, title: 'Internal error' },
};

/** A problem of the HTTP request itself. */
export class HttpProblem extends Error {
  override name = 'HttpProblem';
  constructor(
    readonly code: HttpProblemCode,
    detail: string,
    readonly headers: Record<string, string> = {},
    readonly extra: Record<string, unknown> = {},
    readonly seen: Problem['seen'] = [],
  ) {
    super(detail);
  }
}

/**
 * Reports the first `MAX_NAMED_FIELDS` wrong fields: `/lines/0/sku` in the body, `?limit` in the query, `{id}` in the path,
 * `path` if the path cannot be read at all, or the name of a header.
 */
export function invalidRequest(errors: readonly FieldError[]): HttpProblem {
  const named = errors.slice(0, MAX_NAMED_FIELDS);
  const [first, ...more] = named;
  const atLeast = errors.length >= MAX_NAMED_FIELDS ? 'at least ' : '';
  const others = more.length > 0 ? ` (and ${atLeast}${more.length} more)` : '';
  const where = first?.pointer ? `${cut(first.pointer, MAX_POINTER_CHARS)}: ` : '';
  return new HttpProblem('invalid_request', `${where}${first?.detail}${others}`, {}, { errors: named });
}

function shortened({ pointer, detail }: FieldError): FieldError {
  return { pointer: cut(pointer, MAX_POINTER_CHARS), detail: cut(detail, MAX_DETAIL_CHARS) };
}

/** Cuts values of the caller that a problem quotes to a useful length. */
function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length).replace(/[\ud800-\udbff]$/, '')}…` : text;
}

/** Converts any thrown value to a problem. Faults that the caller did not cause reveal no internals. */
export function toHttpProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof Unavailable) {
    const detail =
      error instanceof NotYetVisible
        ? `${error.engine} does not have the commits of the Consistency-Token yet. Repeat the request, or wait longer with Prefer: wait=N, up to ${MAX_WAIT_MS / 1000} seconds.`
        : `${error.engine} did not answer in time. Repeat the request, with the same Idempotency-Key if it had one.`;
    return new HttpProblem('unavailable', detail, { 'Retry-After': String(error.retryAfter) });
  }
  if (error instanceof Problem) return new HttpProblem(error.code, error.message, {}, { ...error.facts }, error.seen);
  const status = clientErrorStatus(error);
  if (status && error instanceof URIError)
    return invalidRequest([{ pointer: 'path', detail: 'is not percent-encoded UTF-8' }]);
  if (status) return invalidRequest([{ pointer: '', detail: (error as Error).message }]);
  return new HttpProblem(
    'internal_error',
    'The error was logged with the id in X-Request-Id, or counted together with errors of the same kind.',
  );
}

/** `instance` is the path of the request. */
export function problemDocument({ code, message, extra }: HttpProblem, instance: string): Record<string, unknown> {
  const { status, title } = PROBLEMS[code];
  const detail = cut(message, MAX_SUMMARY_CHARS);
  const where = cut(instance, MAX_SUMMARY_CHARS);
  const named = Array.isArray(extra.errors) && { errors: extra.errors.map(shortened) };
  return { ...extra, ...named, type: `/docs#${code}`, title, status, detail, instance: where, code };
}

/** Express throws errors that have a 4xx status. */
function clientErrorStatus(error: unknown): number | undefined {
  const status = (error as { status?: unknown } | undefined)?.status;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}
