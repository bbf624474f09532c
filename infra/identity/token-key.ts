// The key that signs access tokens: ES256, as a private JWK. Whoever replaces it logs everybody out.
import { join } from 'node:path';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { OperatorError } from '../../domain/kernel/errors.js';
import { keptSecret } from '../secret-file.js';

export const TOKEN_ALGORITHM = 'ES256';

export interface TokenKey {
  /** Tokens name the key that signed them. */
  id: string;
  sign: CryptoKey;
  verify: CryptoKey;
}

export class TokenKeyInvalid extends OperatorError {
  override name = 'TokenKeyInvalid';
}

/** `given` (COMMERCE_TOKEN_KEY) is a private JWK; without it the key is kept in the data folder. */
export async function loadTokenKey({ dataDir, given }: { dataDir: string; given?: string }): Promise<TokenKey> {
  if (given) return parse(given, 'COMMERCE_TOKEN_KEY');
  const path = join(dataDir, 'token-key.json');
  return parse(await keptSecret(path, newKey), path);
}

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
