// Answers hold personal data in the clear, so they are stored sealed, by a key that only the caller's own repeat brings back.
import { createHash } from 'node:crypto';
import { decrypt, encrypt } from '../crypto/aes-gcm.js';

/** The key is SHA-256(secret), which says enough: nothing else needs to be bound to the box. */
const UNBOUND = '';

/** A box of AES-256-GCM as base64. The store holds nothing that `secret` follows from. */
export function sealText(text: string, secret: string): string {
  return encrypt(keyOf(secret), Buffer.from(text), UNBOUND).toString('base64');
}

/** Throws if the text was changed or sealed by another secret. */
export function openText(sealed: string, secret: string): string {
  return decrypt(keyOf(secret), Buffer.from(sealed, 'base64'), UNBOUND).toString();
}

function keyOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
