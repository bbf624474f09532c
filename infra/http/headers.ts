// Reads and checks the request headers that the API uses.
import type { IncomingHttpHeaders } from 'node:http';
import { DEFAULT_WAIT_MS, MAX_WAIT_MS } from './limits.js';
import { invalidRequest } from './problems.js';

/** The allowed form, in the OpenAPI document and in validation. */
export const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/;

/** Keeps the caller's own request id if it is safe for logs and events; otherwise `make` creates one. */
export function requestIdOf(headers: IncomingHttpHeaders, make: () => string): string {
  const sent = headers['x-request-id'];
  return typeof sent === 'string' && /^[\w.:@+/=-]{1,128}$/.test(sent) ? sent : make();
}

/** The token of `Authorization: Bearer …`; undefined without that header, `''` for another scheme. */
export function bearerTokenOf({ authorization }: IncomingHttpHeaders): string | undefined {
  return authorization === undefined ? undefined : (/^Bearer +([\w.~+/-]+=*)$/i.exec(authorization)?.[1] ?? '');
}

export function idempotencyKeyOf(headers: IncomingHttpHeaders, required: boolean): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined && !required) return undefined;
  if (typeof key === 'string' && IDEMPOTENCY_KEY.test(key)) return key;
  const detail = key === undefined ? 'is required here: ' : '';
  throw invalidRequest([{ pointer: 'Idempotency-Key', detail: `${detail}1 to 255 printable ASCII characters` }]);
}

/** `Prefer: wait=N` in seconds, limited. Unknown preferences are ignored, as RFC 7240 requires. */
export function waitMsOf({ prefer }: IncomingHttpHeaders): number {
  if (typeof prefer !== 'string') return DEFAULT_WAIT_MS;
  const seconds = /(?:^|,)\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:[,;]|$)/i.exec(prefer)?.[1];
  return seconds === undefined ? DEFAULT_WAIT_MS : Math.min(Number(seconds) * 1000, MAX_WAIT_MS);
}
