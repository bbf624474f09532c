// Bearer tokens for people at this machine: signed by the key of its data folder.
import { engineAddresses } from '../infra/engines/addresses.js';
import { loadTokenKey } from '../infra/identity/token-key.js';
import { createTokens, type Tokens } from '../infra/identity/tokens.js';
import { type CommonOptions, configOf } from './options.js';

export const NOT_LOCAL = 'tokens are made for engines on this machine only; AWS_ENDPOINT_URL names none';

/** Undefined where the engines are not on this machine. */
export async function openLocalTokens(options: CommonOptions): Promise<Tokens | undefined> {
  const { profile, dataDir, tokenKey } = configOf(options);
  if (profile === 'aws' && !(await engineAddresses()).awsEndpoint) return undefined;
  const key = await loadTokenKey({ dataDir, ...(tokenKey !== undefined && { given: tokenKey }) });
  return createTokens({ key, clock: Date.now });
}
