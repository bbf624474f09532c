// Access tokens: short-lived JWTs, signed with one key, and verified with it or the one before, by one algorithm.
import { type JWK, type JWTHeaderParameters, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { ACCESS_TOKEN_TTL_S } from '../../commands/identity/limits.js';
import type { TokenIssuer, TokenReader } from '../../commands/identity/ports.js';
import type { Clock } from '../../domain/kernel/clock.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { defined } from '../../domain/kernel/json.js';
import { ROLES } from '../../domain/kernel/role.js';
import { customerIdSchema } from '../../domain/order/events.js';
import { type PublicTokenKey, TOKEN_ALGORITHM, type TokenKey } from './token-key.js';

const ISSUER = 'commerce-core';
const AUDIENCE = 'commerce-core-api';

/** Lifetime of tokens made on the command line, in seconds. */
const MINTED_TTL_S = 30 * 24 * 60 * 60;

/** Each process verifies the signature of a token once, not at every request. */
const VERIFIED_TOKENS = 10_000;

const claimsSchema = z
  .object({
    sub: z.string().min(1),
    role: z.enum(ROLES),
    customerId: customerIdSchema.optional(),
    sid: z.string().optional(),
    guest: z.literal(true).optional(),
    exp: z.int(),
  })
  .refine(({ role, customerId }) => (role === 'customer') === (customerId !== undefined));

interface Verified {
  caller: Caller;
  /** In ms. */
  expiresAt: number;
}

export interface Tokens extends TokenIssuer, TokenReader {
  /** A long-lived token for `commerce token`; for local profiles only. */
  mint(caller: Caller): Promise<string>;
  /** The JSON Web Key Set (RFC 7517) with which others can verify the tokens. */
  keySet(): { keys: readonly JWK[] };
}

export interface TokensDeps {
  key: TokenKey | PublicTokenKey;
  /** The key that signed before. */
  previous?: PublicTokenKey | undefined;
  clock: Clock;
}

export function createTokens({ key, previous, clock }: TokensDeps): Tokens {
  const keys: readonly PublicTokenKey[] = previous && previous.id !== key.id ? [key, previous] : [key];
  const verified = new LRUCache<string, Verified>({ max: VERIFIED_TOKENS });

  async function sign({ id, role, customerId, sessionId, guest }: Caller, ttlS: number): Promise<string> {
    if (!('sign' in key)) throw new Error('The private key of tokens is not here: tokens can only be verified.');
    const now = Math.floor(clock() / 1000);
    const about = defined({ customerId, sid: sessionId, guest });
    return new SignJWT({ role, ...about })
      .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: 'JWT', kid: key.id })
      .setSubject(id)
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setIssuedAt(now)
      .setExpirationTime(now + ttlS)
      .sign(key.sign);
  }

  function keyOf({ kid }: JWTHeaderParameters) {
    const named = kid === undefined ? key : keys.find(({ id }) => id === kid);
    if (named) return named.verify;
    throw new Error('The token was signed with another key.');
  }

  async function verify(token: string): Promise<Verified | undefined> {
    try {
      const { payload } = await jwtVerify(token, keyOf, {
        algorithms: [TOKEN_ALGORITHM],
        issuer: ISSUER,
        audience: AUDIENCE,
        currentDate: new Date(clock()),
      });
      const { sub, role, customerId, sid, guest, exp } = claimsSchema.parse(payload);
      const about = defined({ customerId, sessionId: sid, guest });
      const caller = { role, id: sub, ...about };
      return { caller, expiresAt: exp * 1000 };
    } catch {
      return undefined; // any fault makes the token invalid
    }
  }

  return {
    async issue(caller) {
      const expiresAt = clock() + ACCESS_TOKEN_TTL_S * 1000;
      const token = await sign(caller, ACCESS_TOKEN_TTL_S);
      verified.set(token, { caller, expiresAt }); // signed here, so it needs no verification
      return token;
    },
    async authenticate(token) {
      const found = verified.get(token) ?? (await verify(token));
      if (!found || found.expiresAt <= clock()) return undefined;
      verified.set(token, found);
      return found.caller;
    },
    keySet: () => ({ keys: keys.map(({ jwk }) => jwk) }),
    mint: (caller) => sign(caller, MINTED_TTL_S),
  };
}
