// The caller of a request, and the check that the caller's role may use the endpoint.
import type { Caller, Endpoint } from '../../domain/kernel/endpoint.js';
import type { Actor } from '../../domain/kernel/event.js';
import { HttpProblem } from './problems.js';

/** The caller that an access token identifies; undefined for an invalid token. */
export type Authenticate = (token: string) => Promise<Caller | undefined>;

/**
 * All callers without a token count as one, also in the scope of idempotency keys, so their keys must be unguessable, as UUIDs
 * are.
 */
export const ANONYMOUS: Caller = { role: 'public', id: 'anonymous' };

/** Throws `unauthenticated` or `forbidden` if the caller may not use the endpoint. */
export function authorise({ roles }: Pick<Endpoint, 'roles'>, caller: Caller): void {
  if (roles.includes('public') || roles.includes(caller.role)) return;
  if (caller === ANONYMOUS) throw unauthenticated('Send Authorization: Bearer <token>; POST /v1/sessions gives one.');
  throw new HttpProblem(
    'forbidden',
    `This request needs the role ${roles.join(' or ')}; the token has ${caller.role}.`,
  );
}

/** The caller as events record it. */
export function actorOf({ role, id, customerId }: Caller): Actor {
  return role === 'customer' || role === 'public'
    ? { type: 'customer', id: customerId ?? id }
    : { type: 'staff', id, role };
}

export function unauthenticated(detail: string, reason = ''): HttpProblem {
  return new HttpProblem('unauthenticated', detail, { 'WWW-Authenticate': `Bearer realm="commerce"${reason}` });
}
