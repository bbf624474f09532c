// Bearer tokens for people at this machine: signed by the key of its data folder.
import { engineAddresses } from '../infra/engines/addresses.js';
import { loadTokenKey } from '../infra/identity/token-key.js';
import { createTokens, type Tokens } from '../infra/identity/tokens.js';
import { type CommonOptions, configOf, configOfShop } from './options.js';

export const NOT_LOCAL = 'tokens are made for engines on this machine only; AWS_ENDPOINT_URL names none';

/** Undefined where the engines are not on this machine. */
export async function openLocalTokens(options: CommonOptions): Promise<Tokens | undefined> {
  const { profile, tokenKey } = configOf(options);
  if (profile === 'aws' && !(await engineAddresses()).awsEndpoint) return undefined;
  // A key that was made here would be known to no shop.
  const { dataDir } = tokenKey === undefined ? await configOfShop(options) : configOf(options);
  const key = await loadTokenKey({ dataDir, ...(tokenKey !== undefined && { given: tokenKey }) });
  return createTokens({ key, clock: Date.now });
}
