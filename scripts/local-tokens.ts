// Bearer tokens for people at this machine, signed with the key of its data folder.
import { defined } from '../domain/kernel/json.js';
import { loadTokenKey } from '../infra/identity/token-key.js';
import { createTokens, type Tokens } from '../infra/identity/tokens.js';
import { usesRealAws } from './local-engines.js';
import { type CommonOptions, configOf, configOfShop } from './options.js';

export const NOT_LOCAL = 'tokens can only be made for local engines, and AWS_ENDPOINT_URL does not name one';

/** Undefined if the engines are not on this machine. */
export async function openLocalTokens(options: CommonOptions): Promise<Tokens | undefined> {
  const config = configOf(options);
  const { tokenKey } = config;
  if (await usesRealAws(config)) return undefined;
  // Otherwise a mistyped folder would get a new key, which no running shop knows.
  const { dataDir } = tokenKey === undefined ? await configOfShop(options) : config;
  const key = await loadTokenKey({ dataDir, ...defined({ given: tokenKey }) });
  return createTokens({ key, clock: Date.now });
}
