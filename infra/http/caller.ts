// Who is calling, and whether that role may use the endpoint.
import type { IncomingHttpHeaders } from 'node:http';
import type { Caller, Endpoint } from '../../domain/kernel/endpoint.js';
import type { Actor } from '../../domain/kernel/event.js';
import { bearerTokenOf } from './headers.js';
import { HttpProblem } from './problems.js';

/** The caller that an access token proves; undefined if it proves none. */
export type Authenticate = (token: string) => Promise<Caller | undefined>;

/** All callers without a token are one, also in the scope of idempotency keys: theirs must be unguessable, as UUIDs are. */
const ANONYMOUS: Caller = { role: 'public', id: 'anonymous' };

/**
 * Made once per endpoint. Where everybody is anonymous a token is not even looked at, so that a session can be
 * refreshed by a client that sends its expired token along.
 */
export function authoriserOf(
  { roles }: Pick<Endpoint, 'roles'>,
  authenticate: Authenticate,
): (headers: IncomingHttpHeaders) => Promise<Caller> {
  const isPublic = roles.includes('public');
  if (isPublic && roles.length === 1) return async () => ANONYMOUS;

  return async (headers) => {
    const token = bearerTokenOf(headers);
    if (token === undefined && isPublic) return ANONYMOUS;
    if (token === undefined) throw unauthenticated('Send Authorization: Bearer <token>; POST /v1/sessions gives one.');
    const caller = token && (await authenticate(token));
    if (!caller) throw unauthenticated('The access token is malformed, forged or expired.', ', error="invalid_token"');
    if (isPublic || roles.includes(caller.role)) return caller;
    throw new HttpProblem('forbidden', `This needs the role ${roles.join(' or ')}; the token has ${caller.role}.`);
  };
}

/** How the log names the caller. */
export function actorOf({ role, id, customerId }: Caller): Actor {
  return role === 'customer' || role === 'public' ? { type: 'customer', id: customerId ?? id } : { type: 'staff', id };
}

function unauthenticated(detail: string, reason = ''): HttpProblem {
  return new HttpProblem('unauthenticated', detail, { 'WWW-Authenticate': `Bearer realm="commerce"${reason}` });
}
