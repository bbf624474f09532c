// Sessions. The only function of the API that can sign access tokens.
import { loadTokenKey } from '../identity/token-key.js';
import { createTokens } from '../identity/tokens.js';
import { lazy } from '../modules/parts.js';
import { apiHandler } from './api.js';
import { given } from './open.js';

export const handler = apiHandler('identity-commands', {
  tokens: ({ config: { dataDir, tokenKey }, clock }) =>
    lazy(async () =>
      createTokens({ key: await loadTokenKey({ dataDir, given: given(tokenKey, 'COMMERCE_TOKEN_KEY') }), clock }),
    ),
});
