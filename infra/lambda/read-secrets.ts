// The secrets of a function: `<variable>_SECRET_ARN` names one in Secrets Manager, and its value becomes the variable.
import {
  GetSecretValueCommand,
  SecretsManagerClient,
  type SecretsManagerClientConfig,
} from '@aws-sdk/client-secrets-manager';
import { ConfigError } from '../config.js';

const SUFFIX = '_SECRET_ARN';

/** In ms, of one request. */
const TIMEOUT_MS = 5_000;

/**
 * The environment with its secrets, which are read once. Secrets that Secrets Manager rotates are JSON with a user and a password,
 * which become part of the URL in the variable. Throws `ConfigError`.
 */
export async function readSecrets(
  env: NodeJS.ProcessEnv,
  options: SecretsManagerClientConfig = {},
): Promise<NodeJS.ProcessEnv> {
  const named = Object.entries(env).filter(([variable, arn]) => variable.endsWith(SUFFIX) && arn);
  if (named.length === 0) return env;
  const client = new SecretsManagerClient(options);
  try {
    const read = named.map(async ([variable, SecretId]) => {
      const name = variable.slice(0, -SUFFIX.length);
      const abortSignal = AbortSignal.timeout(TIMEOUT_MS);
      const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId }), { abortSignal });
      if (!SecretString) throw new ConfigError(`${variable}: the secret has no text.`);
      return [name, completed(name, SecretString, env[name])] as const;
    });
    return { ...env, ...Object.fromEntries(await Promise.all(read)) };
  } finally {
    client.destroy();
  }
}

function completed(variable: string, secret: string, address: string | undefined): string {
  const login = loginIn(secret);
  if (!login) return secret;
  if (address === undefined || !URL.canParse(address))
    throw new ConfigError(`${variable}: must be the address without user and password; the secret has these.`);
  const url = new URL(address);
  url.username = encodeURIComponent(login.username ?? '');
  url.password = encodeURIComponent(login.password);
  return url.href;
}

/** Redis needs no user. Other secrets are no JSON, or JSON of another kind. */
function loginIn(secret: string): { username?: string; password: string } | undefined {
  try {
    const found = JSON.parse(secret) as { username?: string; password?: string };
    return typeof found?.password === 'string' ? { ...found, password: found.password } : undefined;
  } catch {
    return undefined;
  }
}
