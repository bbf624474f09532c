// Who is calling, and whether that role may use the endpoint.
import type { Caller, Endpoint } from '../../domain/kernel/endpoint.js';
import type { Actor } from '../../domain/kernel/event.js';
import { HttpProblem } from './problems.js';

/** The caller that an access token proves; undefined if it proves none. */
export type Authenticate = (token: string) => Promise<Caller | undefined>;

/** All callers without a token are one, also in the scope of idempotency keys: theirs must be unguessable, as UUIDs are. */
export const ANONYMOUS: Caller = { role: 'public', id: 'anonymous' };

/** Throws `unauthenticated` or `forbidden` for a caller whom the endpoint is not for. */
export function authorise({ roles }: Pick<Endpoint, 'roles'>, caller: Caller): void {
  if (roles.includes('public') || roles.includes(caller.role)) return;
  if (caller === ANONYMOUS) throw unauthenticated('Send Authorization: Bearer <token>; POST /v1/sessions gives one.');
  throw new HttpProblem(
    'forbidden',
    `This request needs the role ${roles.join(' or ')}; the token has ${caller.role}.`,
  );
}

/** How the log names the caller. */
export function actorOf({ role, id, customerId }: Caller): Actor {
  return role === 'customer' || role === 'public'
    ? { type: 'customer', id: customerId ?? id }
    : { type: 'staff', id, role };
}

export function unauthenticated(detail: string, reason = ''): HttpProblem {
  return new HttpProblem('unauthenticated', detail, { 'WWW-Authenticate': `Bearer realm="commerce"${reason}` });
}
