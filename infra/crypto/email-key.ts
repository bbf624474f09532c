// The key by which an e-mail address is found without being read.
import { domainToASCII } from 'node:url';
import type { EmailKeyOf } from '../../domain/kernel/email.js';
import type { KeyedHash } from '../../domain/kernel/seal.js';

export function createEmailKey(hash: KeyedHash): EmailKeyOf {
  return (email) => hash('email', comparable(email));
}

/** By RFC 5321 capitals in front of the @ could matter; no provider in use lets them. */
function comparable(email: string): string {
  const text = email.trim().normalize('NFC').toLowerCase();
  const at = text.lastIndexOf('@');
  const domain = text.slice(at + 1);
  return `${text.slice(0, at)}@${domainToASCII(domain) || domain}`;
}
