// Sessions: a guest's session needs no credentials, a refresh rotates its token, and a log-out ends one session or all.
import { z } from 'zod';
import type { Clock } from '../../domain/kernel/clock.js';
import { type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { ROLES } from '../../domain/kernel/role.js';
import type { KeyedHash, SealFor } from '../../domain/kernel/seal.js';
import { ACCESS_TOKEN_TTL_S, REFRESH_GRACE_MS, SESSION_TTL_MS } from './limits.js';
import type { Session, Sessions, TokenIssuer } from './ports.js';
import { createRefreshTokens, REFRESH_TOKEN } from './refresh-token.js';

const sessionAnswer = z
  .strictObject({
    token: z.string().meta({ description: 'Send it as `Authorization: Bearer …`.' }),
    expiresIn: z.int().meta({ description: 'Seconds until the token expires.' }),
    refreshToken: z.string().regex(REFRESH_TOKEN).meta({
      description: 'Valid for one refresh. If the answer to it was lost, the refresh can be repeated for a short time.',
    }),
    customerId: z.string(),
    guest: z.boolean(),
  })
  .meta({ id: 'Session' });

const refreshBody = z.strictObject({
  refreshToken: z.string().regex(REFRESH_TOKEN, 'is not a refresh token of this shop'),
});

export interface SessionDeps {
  sessions: Sessions;
  tokens: TokenIssuer;
  keyedHash: KeyedHash;
  /** Seals the access token that is stored for a repeated refresh. */
  accessTokens: SealFor;
  clock: Clock;
}

export function sessionEndpoints({ sessions, tokens, keyedHash, accessTokens, clock }: SessionDeps): Endpoint[] {
  const refreshTokens = createRefreshTokens(keyedHash);

  async function openGuest({ newId }: EndpointRequest): Promise<Reply> {
    const key = { customerId: newId('customer'), id: newId('session') };
    const session = { ...key, guest: true, generation: 0, expiresAt: clock() + SESSION_TTL_MS };
    await sessions.open(session);
    return { status: 201, body: answer(session, await accessTokenOf(session)) };
  }

  async function refresh({ body }: EndpointRequest<unknown, unknown, z.output<typeof refreshBody>>): Promise<Reply> {
    const presented = refreshTokens.read(body.refreshToken);
    const found = presented && (await sessions.find(presented.key, clock()));
    const session = found?.generation === presented?.generation ? found && (await next(found)) : found;
    if (!session || !presented) throw ended();
    const { generation, refreshed } = session;
    if (generation === presented.generation + 1 && refreshed && clock() < refreshed.at + REFRESH_GRACE_MS) {
      const accessToken = accessTokens(placeOf(session)).open(refreshed.accessToken);
      if (accessToken !== undefined) return { status: 200, body: answer(session, accessToken) };
    }
    // The token was used before, so it may be stolen. Nobody knows which of the two holders is the thief.
    await sessions.end(session);
    throw ended();
  }

  /** The session after this refresh, or after a concurrent one. */
  async function next(session: Session): Promise<Session | undefined> {
    const now = clock();
    const renewed = { ...session, generation: session.generation + 1, expiresAt: now + SESSION_TTL_MS };
    const accessToken = accessTokens(placeOf(renewed)).seal(await accessTokenOf(session));
    const refreshed = { ...renewed, refreshed: { at: now, accessToken } };
    return (await sessions.refresh(refreshed)) ? refreshed : sessions.find(session, now);
  }

  function accessTokenOf({ customerId, id, guest }: Session): Promise<string> {
    return tokens.issue({
      role: 'customer',
      id: customerId,
      customerId,
      sessionId: id,
      ...(guest && { guest: true }),
    });
  }

  function answer(session: Session, token: string): z.output<typeof sessionAnswer> {
    const { customerId, guest, generation } = session;
    const refreshToken = refreshTokens.of(session, generation);
    return { token, expiresIn: ACCESS_TOKEN_TTL_S, refreshToken, customerId, guest };
  }

  return [
    endpoint({
      method: 'post',
      path: '/v1/sessions',
      summary: 'Create a guest session',
      roles: ['public'],
      limit: 'session',
      idempotency: 'ignored',
      body: z.strictObject({}).optional(),
      answers: { 201: sessionAnswer },
      handle: openGuest,
    }),
    endpoint({
      method: 'post',
      path: '/v1/sessions/refresh',
      summary: 'Refresh a session',
      description: `Exchanges the refresh token for a new pair of tokens. A repeat within ${REFRESH_GRACE_MS / 1_000} s gets the same pair. A later repeat ends the session, because the token may have been stolen.`,
      roles: ['public'],
      limit: 'session',
      idempotency: 'ignored',
      body: refreshBody,
      answers: { 200: sessionAnswer },
      problems: ['unauthenticated'],
      handle: refresh,
    }),
    endpoint({
      method: 'delete',
      path: '/v1/sessions/current',
      summary: 'End the current session',
      description: 'Logs the caller out of this session. The access token still works until it expires.',
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
      summary: 'End all sessions of the caller',
      description: 'Logs the caller out of all sessions. Access tokens still work until they expire.',
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

/** The text that a sealed access token is bound to. */
function placeOf({ customerId, id, generation }: Session): string {
  return `${customerId}.${id}.${generation}`;
}

function ended(): Problem {
  return new Problem('unauthenticated', 'The refresh token is used, expired, revoked or unknown; start a new session.');
}
