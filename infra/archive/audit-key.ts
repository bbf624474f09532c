// The audit key: the Ed25519 key that signs the archive's checkpoints. A log has one key for all its life.
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { OperatorError } from '../../domain/kernel/errors.js';
import { keptSecret } from '../secret-file.js';
import {
  InvalidNote,
  logVerifier,
  type NoteSigner,
  type NoteVerifier,
  noteSigner,
  noteVerifier,
} from './signed-note.js';

const KEY_BYTES = 32;

/** What an Ed25519 private key has in front of its 32 bytes in DER. */
const PKCS8_HEADER = Buffer.from('302e020100300506032b657004220420', 'hex');

export class AuditKeyInvalid extends OperatorError {
  override name = 'AuditKeyInvalid';
}

interface AuditKeySource {
  dataDir: string;
  /** COMMERCE_AUDIT_KEY, in base64. Without it the key is kept in the data folder. */
  given?: string | undefined;
}

export const auditKeyPlace = ({ dataDir, given }: AuditKeySource): string =>
  given ? 'COMMERCE_AUDIT_KEY' : join(dataDir, 'audit.key');

/** Creates the key if there is none. Throws `AuditKeyInvalid`. */
export async function loadAuditKey(source: AuditKeySource): Promise<KeyObject> {
  const place = auditKeyPlace(source);
  const newKey = async () => `${randomBytes(KEY_BYTES).toString('base64')}\n`;
  const seed = Buffer.from((source.given ?? (await keptSecret(place, newKey))).trim(), 'base64');
  if (seed.length === KEY_BYTES)
    return createPrivateKey({ key: Buffer.concat([PKCS8_HEADER, seed]), format: 'der', type: 'pkcs8' });
  throw new AuditKeyInvalid(
    `${place} must hold ${KEY_BYTES} bytes as base64, it holds ${seed.length}; make one with \`openssl rand -base64 ${KEY_BYTES}\`, but never replace one in use.`,
  );
}

/** The name of a log in its checkpoints, and of its key. */
export function originOf(log: string): string {
  return `commerce-core/${log}`;
}

/** What auditors get: the key as verifiers of notes take it, and as PEM. */
export function publicKeyText({ verifierKey }: NoteSigner): string {
  const { publicKey } = noteVerifier(verifierKey);
  return `${verifierKey}\n${publicKey.export({ type: 'spki', format: 'pem' })}`;
}

/**
 * Reads a public key in either form, or both. A PEM has no name, so it verifies the notes of whichever log the reader names.
 * Throws `InvalidNote`.
 */
export function readPublicKey(text: string): (origin: string) => NoteVerifier {
  const line = text.split('\n').find((candidate) => candidate.includes('+') && !candidate.startsWith('-'));
  const [first] = text.trimStart().split('\n');
  if (first !== undefined && line === first) {
    const verifier = noteVerifier(first.trim());
    return () => verifier;
  }
  const publicKey = publicKeyIn(text);
  return (origin) => logVerifier(origin, publicKey);
}

function publicKeyIn(pem: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Falls through to the error below, which says what is expected.
  }
  throw new InvalidNote(
    'A public key is the output of `commerce audit-key`: a verifier key, or an Ed25519 key as PEM.',
  );
}

export function auditSigner(log: string, key: KeyObject): NoteSigner {
  return noteSigner(originOf(log), key);
}
