// The master key. It wraps every data key and makes keyed hashes. If it is lost, all personal data is lost.
import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { OperatorError } from '../../domain/kernel/errors.js';
import type { KeyedHash } from '../../domain/kernel/seal.js';
import { keptSecret, readIfThere } from '../secret-file.js';
import { decrypt, encrypt, KEY_BYTES } from './aes-gcm.js';
import { isUnderKms, type KeyWrap } from './key-wrap.js';

export class MasterKeyInvalid extends OperatorError {
  override name = 'MasterKeyInvalid';
}

interface MasterKeySource {
  dataDir: string;
  /** COMMERCE_MASTER_KEY, in base64. Without it the key is kept in the data folder. */
  given?: string | undefined;
}

export const masterKeyPlace = ({ dataDir, given }: MasterKeySource): string =>
  given ? 'COMMERCE_MASTER_KEY' : join(dataDir, 'master.key');

/** Creates the key if there is none. Throws `MasterKeyInvalid`. */
export async function loadMasterKey(source: MasterKeySource): Promise<Buffer> {
  const place = masterKeyPlace(source);
  return parse(
    source.given ?? (await keptSecret(place, async () => `${randomBytes(KEY_BYTES).toString('base64')}\n`)),
    place,
  );
}

/** Undefined if there is none. Throws `MasterKeyInvalid`. */
export async function findMasterKey(source: MasterKeySource): Promise<Buffer | undefined> {
  const place = masterKeyPlace(source);
  const text = source.given ?? (await readIfThere(place));
  return text === undefined ? undefined : parse(text, place);
}

/** AES-256-GCM with a key derived from the master key. */
export function createLocalKeyWrap(masterKey: Uint8Array): KeyWrap {
  const wrappingKey = derive(masterKey, 'wrap data keys');
  return {
    wrap: async (dataKey, subject) => encrypt(wrappingKey, dataKey, subject),
    unwrap: async (wrapped, subject) => {
      if (isUnderKms(wrapped))
        throw new MasterKeyInvalid(`The data key of ${subject} is under a KMS key; set COMMERCE_KMS_KEY to that key.`);
      try {
        return decrypt(wrappingKey, wrapped, subject);
      } catch (cause) {
        throw new MasterKeyInvalid(
          `The data key of ${subject} was changed, or was wrapped by another master key; start with the original master key.`,
          { cause },
        );
      }
    },
  };
}

/**
 * HMAC-SHA-256. It also looks up personal values without storing them. The length prefix keeps (`a`, `bc`) and (`ab`, `c`) apart.
 */
export function createKeyedHash(masterKey: Uint8Array): KeyedHash {
  const hashKey = derive(masterKey, 'keyed hashes');
  return (purpose, text) =>
    createHmac('sha256', hashKey).update(`${purpose.length}:${purpose}${text}`).digest('base64url');
}

/** One key per use, so that a leak of one key does not affect the others. */
export function derive(masterKey: Uint8Array, use: string): Buffer {
  return Buffer.from(hkdfSync('sha256', masterKey, '', `commerce: ${use}`, KEY_BYTES));
}

function parse(text: string, source: string): Buffer {
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length === KEY_BYTES) return key;
  throw new MasterKeyInvalid(
    `${source} must hold ${KEY_BYTES} bytes as base64, it holds ${key.length}; make one with \`openssl rand -base64 ${KEY_BYTES}\`, but never replace one in use.`,
  );
}
