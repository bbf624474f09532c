import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { expect } from 'chai';
import { describeWith, freshName } from '../../test/engines.js';
import { readSecrets } from './read-secrets.js';

describeWith('dynamodb', 'The secrets of a function', (engines) => {
  const local = { region: 'eu-west-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };

  async function keep(SecretString: string): Promise<string> {
    const client = new SecretsManagerClient({ ...local, endpoint: engines.aws() });
    const { ARN = '' } = await client.send(new CreateSecretCommand({ Name: freshName('secret'), SecretString }));
    client.destroy();
    return ARN;
  }
  const read = (env: NodeJS.ProcessEnv) => readSecrets(env, { ...local, endpoint: engines.aws() });

  it('become the variables that name them', async () => {
    const COMMERCE_MASTER_KEY_SECRET_ARN = await keep('c2VjcmV0');
    const found = await read({ COMMERCE_NAMESPACE: 'shop', COMMERCE_MASTER_KEY_SECRET_ARN });
    expect(found).to.include({ COMMERCE_NAMESPACE: 'shop', COMMERCE_MASTER_KEY: 'c2VjcmV0' });
    const jwk = '{"kty":"EC","d":"x"}';
    expect(await read({ COMMERCE_TOKEN_KEY_SECRET_ARN: await keep(jwk) })).to.include({ COMMERCE_TOKEN_KEY: jwk });
  });

  it('complete the addresses of engines, with any character in a password', async () => {
    const DATABASE_URL_SECRET_ARN = await keep(
      JSON.stringify({ username: 'shop', password: 'a/b@c:d%', engine: 'postgres' }),
    );
    const DATABASE_URL = 'postgres://proxy.example:5432/shop?sslmode=verify-full';
    expect((await read({ DATABASE_URL, DATABASE_URL_SECRET_ARN })).DATABASE_URL).to.equal(
      'postgres://shop:a%2Fb%40c%3Ad%25@proxy.example:5432/shop?sslmode=verify-full',
    );
    const REDIS_URL_SECRET_ARN = await keep(JSON.stringify({ password: 'token' }));
    const { REDIS_URL } = await read({ REDIS_URL: 'rediss://cache.example:6379', REDIS_URL_SECRET_ARN });
    expect(REDIS_URL).to.equal('rediss://:token@cache.example:6379');
  });

  it('need the address that they complete', async () => {
    const MONGODB_URL_SECRET_ARN = await keep(JSON.stringify({ username: 'shop', password: 'x' }));
    const refusal = await read({ MONGODB_URL_SECRET_ARN }).catch((error: Error) => error.message);
    expect(refusal).to.equal('MONGODB_URL: must be the address without user and password; the secret has these.');
  });
});
