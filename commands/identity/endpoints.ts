// Sessions: a guest's session needs no credentials, a log-in needs those of an account, a refresh rotates the token, and a log-out
// ends one session or all.
import { z } from 'zod';
import type { Clock } from '../../domain/kernel/clock.js';
import { type EmailKeyOf, emailSchema } from '../../domain/kernel/email.js';
import { type Endpoint, type EndpointRequest, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { ROLES } from '../../domain/kernel/role.js';
import type { KeyedHash, SealFor } from '../../domain/kernel/seal.js';
import { type GuestMerge, guestTokenSchema } from '../cart/guest-merge.js';
import type { TakeViews } from '../view/take-along.js';
import type { Accounts } from './accounts.js';
import { ACCESS_TOKEN_TTL_S, REFRESH_GRACE_MS, SESSION_TTL_MS } from './limits.js';
import { passwordOf } from './password.js';
import type { Attempts, InBackground, Preferences, Session, Sessions, TokenIssuer } from './ports.js';
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

const sessionBody = z
  .strictObject({
    email: emailSchema.optional(),
    password: passwordOf(1).optional(),
    guestToken: guestTokenSchema.optional(),
  })
  .superRefine(({ email, password, guestToken }, { addIssue }) => {
    const missing = (field: string, other: string) =>
      addIssue({ code: 'custom', path: [field], message: `is missing; it goes with ${other}` });
    if (email === undefined && (password ?? guestToken) !== undefined)
      missing('email', password === undefined ? 'guestToken' : 'password');
    if (password === undefined && (email ?? guestToken) !== undefined)
      missing('password', email === undefined ? 'guestToken' : 'email');
  })
  .meta({ dependentRequired: { email: ['password'], password: ['email'], guestToken: ['email', 'password'] } });

const refreshBody = z.strictObject({
  refreshToken: z.string().regex(REFRESH_TOKEN, 'is not a refresh token of this shop'),
});

export interface SessionDeps {
  sessions: Sessions;
  tokens: TokenIssuer;
  accounts: Pick<Accounts, 'authenticate' | 'isCurrent'>;
  attempts: Attempts;
  emailKeyOf: EmailKeyOf;
  guests: GuestMerge;
  preferences: Preferences;
  takeViews: TakeViews;
  inBackground: InBackground;
  keyedHash: KeyedHash;
  /** Seals the access token that is stored for a repeated refresh. */
  accessTokens: SealFor;
  clock: Clock;
}

type OpenRequest = EndpointRequest<unknown, unknown, z.output<typeof sessionBody> | undefined>;

export function sessionEndpoints(deps: SessionDeps): Endpoint[] {
  const {
    sessions,
    tokens,
    accounts,
    attempts,
    emailKeyOf,
    guests,
    preferences,
    takeViews,
    inBackground,
    keyedHash,
    accessTokens,
    clock,
  } = deps;
  const refreshTokens = createRefreshTokens(keyedHash);

  async function open(request: OpenRequest): Promise<Reply> {
    const { email, password, guestToken } = request.body ?? {};
    if (email === undefined || password === undefined) {
      return answered(await opened(request.newId('customer'), true, request));
    }
    const guestId = guestToken === undefined ? undefined : await guests.guestOf(guestToken);
    await attempts.count('login', request.address);
    const account = emailKeyOf(email);
    await attempts.count('attempt', `${request.address} ${account}`); // first, so that one address does not use up the next limit
    await attempts.count('account', account);
    const authenticated = await accounts.authenticate(email, password);
    if (authenticated === undefined) throw wrong();
    const { customerId } = authenticated;
    const session = await opened(customerId, false, request);
    // A password reset ends the sessions that are open then. One that is opened later has to have the new password.
    if (!(await accounts.isCurrent(authenticated))) {
      await sessions.end(session);
      throw wrong();
    }
    const seen = guestId === undefined ? [] : await takeAlong(guestId, customerId, request);
    return { ...(await answered(session)), seen };
  }

  async function opened(customerId: string, guest: boolean, { newId }: OpenRequest): Promise<Session> {
    const session = {
      customerId,
      id: newId('session'),
      guest,
      generation: 0,
      expiresAt: clock() + SESSION_TTL_MS,
    };
    await sessions.open(session);
    return session;
  }

  async function answered(session: Session): Promise<Reply> {
    return { status: 201, body: answer(session, await accessTokenOf(session)) };
  }

  /**
   * What the guest has becomes the customer's. A cart that does not fit stays the guest's, and POST /v1/carts/current/merge says
   * why. If it fails nobody gets the session, and a repeat goes on.
   */
  async function takeAlong(guestId: string, customerId: string, request: OpenRequest): Promise<Reply['seen'] & object> {
    const actor = { type: 'customer', id: customerId } as const;
    const { shown } = await guests.merge(guestId, {
      ...request,
      caller: { role: 'customer', id: customerId, customerId },
      command: (step) => ({ ...request.command(step), actor }),
    });
    const wanted = await preferences.of(guestId);
    if (wanted && !(await preferences.of(customerId))) await preferences.put(customerId, wanted);
    if (wanted) await preferences.forget(guestId);
    inBackground('views of a guest', () => takeViews(guestId, customerId)); // no log-in waits for recommendations
    return shown ? [[streamOf(shown.state.cartId), shown.position.commitNo]] : [];
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
      summary: 'Create a session of a guest, or of an account',
      description:
        'Without a body, or with `{}`, it is the session of a new guest. A wrong password and an unknown address get the same ' +
        "answer. With `guestToken`, the guest's carts are merged into the customer's cart, once, and their preferences are taken " +
        "along, the preferences if the customer has none. A cart that cannot be merged stays the guest's. Attempts are limited by address, by " +
        'both, and by account (`login`, `attempt` and `account`).',
      roles: ['public'],
      limit: 'session',
      idempotency: 'ignored',
      body: sessionBody.optional(),
      answers: { 201: sessionAnswer },
      problems: ['unauthenticated'],
      handle: open,
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

function wrong(): Problem {
  return new Problem('unauthenticated', 'The e-mail address or the password is wrong.');
}

function ended(): Problem {
  return new Problem('unauthenticated', 'The refresh token is used, expired, revoked or unknown; start a new session.');
}
