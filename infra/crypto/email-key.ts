// The lookup key of an e-mail address: the address can be found without being stored in the clear.
import { domainToASCII } from 'node:url';
import type { EmailKeyOf } from '../../domain/kernel/email.js';
import type { KeyedHash } from '../../domain/kernel/seal.js';

export function createEmailKey(hash: KeyedHash): EmailKeyOf {
  return (email) => hash('email', comparable(email));
}

/** RFC 5321 allows case to matter before the @; no provider in use makes that distinction. */
function comparable(email: string): string {
  const text = email.trim().normalize('NFC').toLowerCase();
  const at = text.lastIndexOf('@');
  const domain = text.slice(at + 1);
  return `${text.slice(0, at)}@${domainToASCII(domain) || domain}`;
}
