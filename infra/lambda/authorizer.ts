// The authoriser of the REST API: verifies the access token, so that no function is started for a forged or expired one. Roles and
// ownership are checked by the function, as everywhere.
import type { APIGatewayAuthorizerResult, APIGatewayTokenAuthorizerEvent } from 'aws-lambda';
import { publicTokenKey } from '../identity/token-key.js';
import { createTokens, type Tokens } from '../identity/tokens.js';
import { readSecrets } from './read-secrets.js';

/** API Gateway answers 401 for an error with this message alone. */
const REFUSED = 'Unauthorized';

export function authorizerHandler(env: NodeJS.ProcessEnv = process.env, clock = Date.now) {
  let reading: Promise<Pick<Tokens, 'authenticate'>> | undefined;
  const read = async () => {
    const { COMMERCE_TOKEN_KEY: key = '' } = await readSecrets(env);
    return createTokens({ key: await publicTokenKey(key), clock });
  };
  const opened = () => {
    reading ??= read();
    reading.catch(() => {
      reading = undefined;
    });
    return reading;
  };
  void opened().catch(() => {}); // the first invocation tries again and says why

  return async ({
    authorizationToken,
    methodArn,
  }: Pick<APIGatewayTokenAuthorizerEvent, 'authorizationToken' | 'methodArn'>): Promise<APIGatewayAuthorizerResult> => {
    const tokens = await opened();
    const [, token] = authorizationToken.match(/^Bearer +([\w.~+/=-]+)$/i) ?? [];
    const caller = token && (await tokens.authenticate(token));
    if (!caller) throw new Error(REFUSED);
    return {
      principalId: caller.id,
      context: { role: caller.role },
      policyDocument: {
        Version: '2012-10-17',
        Statement: [{ Action: 'execute-api:Invoke', Effect: 'Allow', Resource: stageOf(methodArn) }],
      },
    };
  };
}

/** The answer is kept for the token, whichever method it is used for next: `arn:…:api/stage/POST/v1/carts`. */
function stageOf(methodArn: string): string {
  return `${methodArn.split('/').slice(0, 2).join('/')}/*`;
}

export const handler = authorizerHandler();
