// Sessions: a guest's begins with nothing; refreshing rotates its token; logging out ends this one or all of them.
import { z } from 'zod';
import type { Clock } from '../../domain/kernel/clock.js';
import { type Endpoint, type EndpointRequest, endpoint, type Reply, ROLES } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { ACCESS_TOKEN_TTL_S, SESSION_TTL_MS } from './limits.js';
import type { Session, Sessions, TokenIssuer } from './ports.js';
import { hashOf, newRefreshToken, REFRESH_TOKEN_PATTERN, sessionOf } from './refresh-token.js';

const sessionAnswer = z
  .strictObject({
    token: z.string().meta({ description: 'Send it as `Authorization: Bearer …`.' }),
    expiresIn: z.int().meta({ description: 'Seconds until the token expires.' }),
    refreshToken: z.string().meta({ description: 'Good for one refresh.' }),
    customerId: z.string(),
    guest: z.boolean(),
  })
  .meta({ id: 'Session' });

const refreshBody = z.strictObject({
  refreshToken: z.string().regex(REFRESH_TOKEN_PATTERN, 'is not a refresh token of this shop'),
});

export interface SessionDeps {
  sessions: Sessions;
  tokens: TokenIssuer;
  clock: Clock;
}

export function sessionEndpoints({ sessions, tokens, clock }: SessionDeps): Endpoint[] {
  async function openGuest({ newId }: EndpointRequest): Promise<Reply> {
    const key = { customerId: newId('customer'), id: newId('session') };
    const refreshToken = newRefreshToken(key);
    const session = { ...key, guest: true, refreshHash: hashOf(refreshToken), expiresAt: clock() + SESSION_TTL_MS };
    await sessions.open(session);
    return { status: 201, body: await answer(session, refreshToken) };
  }

  async function refresh({ body }: EndpointRequest<unknown, unknown, z.output<typeof refreshBody>>): Promise<Reply> {
    const key = sessionOf(body.refreshToken);
    const refreshToken = newRefreshToken(key);
    const next = { refreshHash: hashOf(refreshToken), expiresAt: clock() + SESSION_TTL_MS };
    const session = await sessions.rotate(key, hashOf(body.refreshToken), next, clock());
    if (session) return { status: 200, body: await answer(session, refreshToken) };
    // Used before: it may be stolen, and nobody knows which of the two holders is the thief.
    await sessions.end(key);
    throw new Problem('unauthenticated', 'The refresh token is used, expired or revoked; begin a new session.');
  }

  async function answer(
    { customerId, id, guest }: Session,
    refreshToken: string,
  ): Promise<z.output<typeof sessionAnswer>> {
    const token = await tokens.issue({
      role: 'customer',
      id: customerId,
      customerId,
      sessionId: id,
      ...(guest && { guest: true }),
    });
    return { token, expiresIn: ACCESS_TOKEN_TTL_S, refreshToken, customerId, guest };
  }

  return [
    endpoint({
      method: 'post',
      path: '/v1/sessions',
      summary: 'Begin a session as a guest',
      roles: ['public'],
      idempotency: 'ignored',
      body: z.strictObject({}).optional(),
      answers: { 201: sessionAnswer },
      handle: openGuest,
    }),
    endpoint({
      method: 'post',
      path: '/v1/sessions/refresh',
      summary: 'Exchange a refresh token for a new pair; one that was used before ends the session',
      roles: ['public'],
      idempotency: 'ignored',
      body: refreshBody,
      answers: { 200: sessionAnswer },
      problems: ['unauthenticated'],
      handle: refresh,
    }),
    endpoint({
      method: 'delete',
      path: '/v1/sessions/current',
      summary: 'Log out here; the access token still works until it expires',
      roles: ROLES,
      idempotency: 'ignored',
      answers: { 204: z.void() },
      async handle({ caller: { customerId, sessionId } }) {
        if (customerId && sessionId) await sessions.end({ customerId, id: sessionId });
        return { status: 204 };
      },
    }),
    endpoint({
      method: 'delete',
      path: '/v1/sessions',
      summary: 'Log out everywhere; access tokens still work until they expire',
      roles: ROLES,
      idempotency: 'ignored',
      answers: { 204: z.void() },
      async handle({ caller: { customerId } }) {
        if (customerId) await sessions.endAll(customerId);
        return { status: 204 };
      },
    }),
  ];
}
