// The keys of access tokens: ES256, as JWKs. One signs. The one before it, if it is kept, still verifies the tokens that it signed, so
// that replacing the key logs nobody out.
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
  /** For others who verify our tokens. */
  jwk: JWK;
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
export async function publicTokenKey(text: string, source = 'COMMERCE_TOKEN_KEY'): Promise<PublicTokenKey> {
  try {
    const { d: _, ...jwk } = JSON.parse(text) as JWK;
    return await publicPart(jwk);
  } catch (error) {
    throw new TokenKeyInvalid(
      `${source} must hold a public ${TOKEN_ALGORITHM} key as JWK: ${(error as Error).message}`,
    );
  }
}

/** The key that signed before, without its private part. Undefined if none is kept. Throws `TokenKeyInvalid`. */
export async function findPreviousTokenKey({ dataDir, given }: TokenKeySource): Promise<PublicTokenKey | undefined> {
  const place = given ? 'COMMERCE_PREVIOUS_TOKEN_KEY' : join(dataDir, 'previous-token-key.json');
  const text = given || (await readIfThere(place));
  return text === undefined ? undefined : publicTokenKey(text, place);
}

async function publicPart(jwk: JWK): Promise<PublicTokenKey> {
  const id = await calculateJwkThumbprint(jwk);
  const verify = (await importJWK(jwk, TOKEN_ALGORITHM)) as CryptoKey;
  const { crv = '', x = '', y = '' } = jwk;
  return { id, verify, jwk: { kty: 'EC', crv, x, y, kid: id, alg: TOKEN_ALGORITHM, use: 'sig' } };
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
    const sign = (await importJWK({ ...publicJwk, d }, TOKEN_ALGORITHM)) as CryptoKey;
    return { ...(await publicPart(publicJwk)), sign };
  } catch (error) {
    throw new TokenKeyInvalid(
      `${source} must hold a private ${TOKEN_ALGORITHM} key as JWK: ${(error as Error).message}`,
    );
  }
}
