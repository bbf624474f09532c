// Seals with a server key (AES-256-GCM), so that every process opens what another has sealed. Synchronous, because every answer
// has a token. The nonce is a keyed hash of the text: the same text gives the same seal, so that a repeated answer is
// identical.
import { createHmac, createSecretKey } from 'node:crypto';
import type { Seal, SealFor } from '../../domain/kernel/seal.js';
import { decrypt, encrypt, NONCE_BYTES } from './aes-gcm.js';
import { derive } from './master-key.js';

export interface Seals {
  consistencyTokens: Seal;
  /** Bound to a list: its path and query. */
  cursors: SealFor;
  /** Access tokens that are kept for a repeated refresh, bound to the session. */
  accessTokens: SealFor;
}

export function createSeals(masterKey: Uint8Array): Seals {
  return {
    consistencyTokens: sealsOf(masterKey, 'consistency tokens')(''),
    cursors: sealsOf(masterKey, 'cursors of lists'),
    accessTokens: sealsOf(masterKey, 'access tokens in sessions'),
  };
}

function sealsOf(masterKey: Uint8Array, use: string): SealFor {
  const key = createSecretKey(derive(masterKey, use));
  const nonceKey = createSecretKey(derive(masterKey, `nonces of ${use}`));
  return (boundTo) => ({
    seal(text) {
      const nonce = createHmac('sha256', nonceKey).update(`${boundTo.length}:${boundTo}${text}`).digest();
      return encrypt(key, Buffer.from(text), boundTo, nonce.subarray(0, NONCE_BYTES)).toString('base64url');
    },
    open(sealed) {
      const box = Buffer.from(sealed, 'base64url');
      // The decoder ignores invalid characters and surplus bits.
      if (box.toString('base64url') !== sealed) return undefined;
      try {
        return decrypt(key, box, boundTo).toString();
      } catch {
        return undefined; // too short, changed, or made elsewhere
      }
    },
  });
}
