// The master key: what every data key is wrapped by, and what keyed hashes are made with. Whoever loses it loses all personal data.
import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decrypt, encrypt, KEY_BYTES } from './aes-gcm.js';

/** Wraps data keys. Asynchronous and bound to the subject, so that KMS (Encrypt, Decrypt, encryption context) fits as well. */
export interface KeyWrap {
  wrap(dataKey: Uint8Array, subject: string): Promise<Uint8Array>;
  /** Throws if the wrapped key was changed, is another subject's, or was wrapped by another master key. */
  unwrap(wrapped: Uint8Array, subject: string): Promise<Uint8Array>;
}

/** Finds by a personal value without keeping it: the same text gives the same hash for the same purpose only. */
export type KeyedHash = (purpose: string, text: string) => string;

export class MasterKeyInvalid extends Error {
  override name = 'MasterKeyInvalid';
}

/** `COMMERCE_MASTER_KEY` (base64), else the file `master.key` in the data folder, which the first program to need it makes. */
export async function loadMasterKey({
  dataDir,
  env,
}: {
  dataDir: string;
  env: Record<string, string | undefined>;
}): Promise<Buffer> {
  const given = env.COMMERCE_MASTER_KEY;
  if (given) return parseKey(given, 'COMMERCE_MASTER_KEY');
  const path = join(dataDir, 'master.key');
  const kept = (await readIfThere(path)) ?? (await createKeyFile(dataDir, path));
  return parseKey(kept, path);
}

/** AES-256-GCM under a key derived from the master key. */
export function createLocalKeyWrap(masterKey: Uint8Array): KeyWrap {
  const wrappingKey = derive(masterKey, 'wrap data keys');
  return {
    wrap: async (dataKey, subject) => encrypt(wrappingKey, dataKey, subject),
    unwrap: async (wrapped, subject) => {
      try {
        return decrypt(wrappingKey, wrapped, subject);
      } catch (cause) {
        throw new MasterKeyInvalid(
          `The data key of ${subject} was changed, or wrapped by another master key; start with the one it was made with.`,
          { cause },
        );
      }
    },
  };
}

/** HMAC-SHA-256 as base64url, 43 characters. The length in front keeps (`a`, `bc`) and (`ab`, `c`) apart. */
export function createKeyedHash(masterKey: Uint8Array): KeyedHash {
  const hashKey = derive(masterKey, 'keyed hashes');
  return (purpose, text) =>
    createHmac('sha256', hashKey).update(`${purpose.length}:${purpose}${text}`).digest('base64url');
}

/** One key per use: what one of them gives away says nothing about the other. */
function derive(masterKey: Uint8Array, use: string): Buffer {
  return Buffer.from(hkdfSync('sha256', masterKey, '', `commerce: ${use}`, KEY_BYTES));
}

function parseKey(text: string, source: string): Buffer {
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length === KEY_BYTES) return key;
  throw new MasterKeyInvalid(
    `${source} must hold ${KEY_BYTES} bytes as base64, it holds ${key.length}; make one with \`openssl rand -base64 ${KEY_BYTES}\`, but never replace one in use.`,
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Written aside and linked into place: nobody reads half a key, and of two programs at once the first one's key is the key. */
async function createKeyFile(dataDir: string, path: string): Promise<string> {
  await mkdir(dataDir, { recursive: true });
  const draft = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    await file.writeFile(`${randomBytes(KEY_BYTES).toString('base64')}\n`);
    await file.sync();
    await file.close();
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  return readFile(path, 'utf8');
}
