// Refresh tokens: `<customer id>.<session id>.<secret>`, so that the session is found without an index over secrets.
import { createHash, randomBytes } from 'node:crypto';
import type { SessionKey } from './ports.js';

const SECRET_BYTES = 32;

export const REFRESH_TOKEN_PATTERN = /^[\w-]{1,80}\.[\w-]{1,80}\.[\w-]{43}$/;

export function newRefreshToken({ customerId, id }: SessionKey): string {
  return `${customerId}.${id}.${randomBytes(SECRET_BYTES).toString('base64url')}`;
}

/** Of a token that matches the pattern. */
export function sessionOf(token: string): SessionKey {
  const [customerId, id] = token.split('.') as [string, string];
  return { customerId, id };
}

/** The secret has 256 random bits: a plain hash cannot be guessed back. */
export function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
