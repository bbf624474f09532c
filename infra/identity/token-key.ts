// The key that signs access tokens: ES256, as a private JWK. Replacing it logs all users out.
import { join } from 'node:path';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { OperatorError } from '../../domain/kernel/errors.js';
import { keptSecret, readIfThere } from '../secret-file.js';

export const TOKEN_ALGORITHM = 'ES256';

/** Verifies tokens and cannot make any. */
export interface PublicTokenKey {
  /** Tokens name the key that signed them. */
  id: string;
  verify: CryptoKey;
}

export interface TokenKey extends PublicTokenKey {
  sign: CryptoKey;
}

export class TokenKeyInvalid extends OperatorError {
  override name = 'TokenKeyInvalid';
}

interface TokenKeySource {
  dataDir: string;
  /** COMMERCE_TOKEN_KEY, a private JWK. Without it the key is kept in the data folder. */
  given?: string | undefined;
}

/** Creates the key if there is none. Throws `TokenKeyInvalid`. */
export async function loadTokenKey({ dataDir, given }: TokenKeySource): Promise<TokenKey> {
  const place = given ? 'COMMERCE_TOKEN_KEY' : pathIn(dataDir);
  return parse(given || (await keptSecret(place, newKey)), place);
}

/** Undefined if there is none. Throws `TokenKeyInvalid`. */
export async function findTokenKey({ dataDir, given }: TokenKeySource): Promise<TokenKey | undefined> {
  const place = given ? 'COMMERCE_TOKEN_KEY' : pathIn(dataDir);
  const text = given || (await readIfThere(place));
  return text === undefined ? undefined : parse(text, place);
}

/** A key that verifies tokens, from its public JWK. Throws `TokenKeyInvalid`. */
export async function publicTokenKey(text: string): Promise<PublicTokenKey> {
  try {
    const { d: _, ...jwk } = JSON.parse(text) as JWK;
    return {
      id: await calculateJwkThumbprint(jwk),
      verify: (await importJWK(jwk, TOKEN_ALGORITHM)) as CryptoKey,
    };
  } catch (error) {
    throw new TokenKeyInvalid(
      `COMMERCE_TOKEN_KEY must hold a public ${TOKEN_ALGORITHM} key as JWK: ${(error as Error).message}`,
    );
  }
}

const pathIn = (dataDir: string): string => join(dataDir, 'token-key.json');

async function newKey(): Promise<string> {
  const { privateKey } = await generateKeyPair(TOKEN_ALGORITHM, { extractable: true });
  return JSON.stringify(await exportJWK(privateKey));
}

async function parse(text: string, source: string): Promise<TokenKey> {
  try {
    const { d, ...publicJwk } = JSON.parse(text) as JWK;
    if (!d) throw new Error('it has no private part');
    return {
      id: await calculateJwkThumbprint(publicJwk),
      sign: (await importJWK({ ...publicJwk, d }, TOKEN_ALGORITHM)) as CryptoKey,
      verify: (await importJWK(publicJwk, TOKEN_ALGORITHM)) as CryptoKey,
    };
  } catch (error) {
    throw new TokenKeyInvalid(
      `${source} must hold a private ${TOKEN_ALGORITHM} key as JWK: ${(error as Error).message}`,
    );
  }
}
