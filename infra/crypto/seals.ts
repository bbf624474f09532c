// Seals with a key of the server (AES-256-GCM), so that every process opens what another has sealed. Synchronous, for each
// answer carries a token. The nonce is a keyed hash of the text: the same text gives the same seal, so that an answer that
// is given again is the same to the letter.
import { createHmac, createSecretKey } from 'node:crypto';
import type { Seal, SealFor } from '../../domain/kernel/seal.js';
import { decrypt, encrypt, NONCE_BYTES } from './aes-gcm.js';
import { derive } from './master-key.js';

export interface Seals {
  consistencyTokens: Seal;
  /** Bound to a list: its path and what was asked of it. */
  cursors: SealFor;
  /** Access tokens that wait for a repeated refresh, bound to the session. */
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
      // Decoding passes over letters and bits that do not belong there.
      if (box.toString('base64url') !== sealed) return undefined;
      try {
        return decrypt(key, box, boundTo).toString();
      } catch {
        return undefined; // too short, changed, or made elsewhere
      }
    },
  });
}
