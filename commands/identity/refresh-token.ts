// Refresh tokens: `<customer id>.<session id>.<generation>.<keyed hash of these>`. The hash proves that we issued the token, so a
// made-up token reveals nothing about the session. The generation shows whether it was used.
import { timingSafeEqual } from 'node:crypto';
import type { KeyedHash } from '../../domain/kernel/seal.js';
import type { SessionKey } from './ports.js';

export const REFRESH_TOKEN = /^([\w-]{1,80}\.[\w-]{1,80}\.(?:0|[1-9]\d{0,8}))\.([\w-]{43})$/;

export interface RefreshTokens {
  of(key: SessionKey, generation: number): string;
  /** Undefined for a token that we did not issue. */
  read(token: string): { key: SessionKey; generation: number } | undefined;
}

export function createRefreshTokens(keyedHash: KeyedHash): RefreshTokens {
  const secretOf = (named: string) => keyedHash('refresh token', named);
  return {
    of({ customerId, id }, generation) {
      const named = `${customerId}.${id}.${generation}`;
      return `${named}.${secretOf(named)}`;
    },
    read(token) {
      const [, named = '', secret = ''] = REFRESH_TOKEN.exec(token) ?? [];
      const issued = Buffer.from(secretOf(named));
      if (secret.length !== issued.length || !timingSafeEqual(Buffer.from(secret), issued)) return undefined;
      const [customerId, id, generation] = named.split('.') as [string, string, string];
      return { key: { customerId, id }, generation: Number(generation) };
    },
  };
}
