import { expect } from 'chai';
import { ConfigError, readConfig, WrongUsage } from './config.js';
import { DEFAULT_QUOTAS } from './rate-limits/port.js';

describe('The configuration of payments', () => {
  const read = (env: Record<string, string>) => readConfig({}, env);
  const refusal = (env: Record<string, string>): string => {
    try {
      read(env);
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
    return expect.fail('it was not refused');
  };

  it('is missing without a Stripe key', () => {
    expect(read({})).not.to.have.property('stripe');
    expect(read({ STRIPE_SECRET_KEY: '', STRIPE_WEBHOOK_SECRET: 'whsec_1' })).not.to.have.property('stripe');
  });

  it('must name a provider in production, because test payments move no money', () => {
    expect(refusal({ COMMERCE_ENV: 'production' })).to.match(/^STRIPE_SECRET_KEY: production needs a Stripe key/);
  });

  it('has the keys of Stripe', () => {
    const keys = {
      STRIPE_SECRET_KEY: 'sk_test_1',
      STRIPE_PUBLISHABLE_KEY: 'pk_test_1',
      STRIPE_WEBHOOK_SECRET: 'whsec_1',
    };
    const stripe = { secretKey: 'sk_test_1', publishableKey: 'pk_test_1', webhookSecret: 'whsec_1' };
    expect(read(keys).stripe).to.deep.equal(stripe);
    expect(read({ STRIPE_SECRET_KEY: 'rk_test_1' }).stripe).to.deep.equal({ secretKey: 'rk_test_1' });
  });

  it('refuses a live key anywhere but in production, and never sends one to a stand-in', () => {
    for (const key of ['sk_live_1', 'rk_live_1', 'sk_org_live_1', 'sk_1']) {
      expect(refusal({ STRIPE_SECRET_KEY: key })).to.match(/STRIPE_SECRET_KEY: is a live key.*COMMERCE_ENV=production/);
      expect(read({ STRIPE_SECRET_KEY: key, COMMERCE_ENV: 'production' }).stripe).to.deep.equal({ secretKey: key });
    }
    expect(refusal({ STRIPE_PUBLISHABLE_KEY: 'pk_live_1' })).to.include('STRIPE_PUBLISHABLE_KEY: is a live key');
    const standIn = { COMMERCE_ENV: 'production', STRIPE_API_URL: 'http://127.0.0.1:1' };
    expect(refusal({ ...standIn, STRIPE_SECRET_KEY: 'sk_live_1' })).to.include('must not go to the stand-in');
  });

  it('rejects keys of another kind, and a stand-in that is not on this machine', () => {
    expect(refusal({ STRIPE_SECRET_KEY: 'pk_test_1' })).to.equal('STRIPE_SECRET_KEY: must start with sk_ or rk_');
    expect(refusal({ STRIPE_PUBLISHABLE_KEY: 'sk_test_1' })).to.equal('STRIPE_PUBLISHABLE_KEY: must start with pk_');
    for (const STRIPE_API_URL of ['https://api.example.com', 'http://127.0.0.1.example.com', 'ftp://127.0.0.1', 'x']) {
      expect(refusal({ STRIPE_API_URL }), STRIPE_API_URL).to.include('STRIPE_API_URL: must be');
    }
    const STRIPE_API_URL = 'http://localhost:12111';
    expect(read({ STRIPE_SECRET_KEY: 'sk_test_1', STRIPE_API_URL }).stripe).to.have.property('apiUrl', STRIPE_API_URL);
  });
});

describe('The configuration of the event store', () => {
  it('follows the profile unless it is set', () => {
    expect(readConfig({}, {}).eventStore).to.equal('postgres');
    expect(readConfig({ profile: 'aws' }, { COMMERCE_EVENT_STORE: '' }).eventStore).to.equal('dynamodb');
    expect(readConfig({ profile: 'aws' }, { COMMERCE_EVENT_STORE: 'postgres' }).eventStore).to.equal('postgres');
    const flags = { eventStore: 'dynamodb' };
    expect(readConfig(flags, { COMMERCE_EVENT_STORE: 'postgres' })).to.include({ profile: 'embedded', ...flags });
  });

  it('rejects an unknown name, and lists the known ones', () => {
    for (const unknown of ['mongodb', 'Postgres', 'toString']) {
      const inEnvironment = () => readConfig({}, { COMMERCE_EVENT_STORE: unknown });
      expect(inEnvironment).to.throw(ConfigError, /^COMMERCE_EVENT_STORE: must be postgres or dynamodb/);
      expect(() => readConfig({ eventStore: unknown }, {})).to.throw(
        WrongUsage,
        /^--event-store: must be postgres or dynamodb/,
      );
    }
  });
});

describe('The configuration of other origins', () => {
  const origins = (COMMERCE_CORS_ORIGINS: string) => readConfig({}, { COMMERCE_CORS_ORIGINS }).corsOrigins;

  it('allows none by default, those that it names, or all', () => {
    expect(readConfig({}, {}).corsOrigins).to.deep.equal([]);
    expect(origins(' ')).to.deep.equal([]);
    const listed = ['https://shop.example', 'http://localhost:5173', 'https://[2001:db8::1]:8443'];
    expect(origins(` ${listed.join(' , ')},`)).to.deep.equal(listed);
    expect(origins('*')).to.deep.equal(['*']);
  });

  it('rejects origins that no browser sends, and `*` beside others', () => {
    for (const odd of [
      'shop.example',
      'https://shop.example/',
      'https://shop.example/path',
      'https://Shop.example',
      'https://shop.example:443',
      'https://user@shop.example',
      'https://*.example',
      'https://bücher.example',
      'ftp://shop.example',
      'file:///tmp',
      'null',
      '*,https://shop.example',
      'https://shop.example,*',
      '*,*',
    ]) {
      expect(() => origins(odd), odd).to.throw(ConfigError, /^COMMERCE_CORS_ORIGINS: must be origins between commas/);
    }
  });
});

describe('The configuration of rate limits', () => {
  const quotas = (env: Record<string, string>) => readConfig({}, env).quotas;
  const variables = {
    COMMERCE_RATE_LIMIT_SESSIONS: 'session',
    COMMERCE_RATE_LIMIT_LOGINS: 'login',
    COMMERCE_RATE_LIMIT_ATTEMPTS: 'attempt',
    COMMERCE_RATE_LIMIT_ACCOUNTS: 'account',
    COMMERCE_RATE_LIMIT_MAILS: 'mail',
    COMMERCE_RATE_LIMIT_COUPONS: 'coupon',
    COMMERCE_RATE_LIMIT_EXPORTS: 'export',
    COMMERCE_RATE_LIMIT_REQUESTS: 'caller',
    COMMERCE_RATE_LIMIT_WEBHOOKS: 'webhook',
    COMMERCE_RATE_LIMIT_INVALID_TOKENS: 'invalid-token',
  } as const;

  it('sets each kind separately, and leaves the others unchanged', () => {
    expect(quotas({})).to.deep.equal(DEFAULT_QUOTAS);
    expect(Object.values(variables)).to.have.members(Object.keys(DEFAULT_QUOTAS));
    for (const [variable, limit] of Object.entries(variables)) {
      expect(quotas({ [variable]: '7' }), variable).to.deep.equal({ ...DEFAULT_QUOTAS, [limit]: 7 });
      expect(quotas({ [variable]: '' }), variable).to.deep.equal(DEFAULT_QUOTAS);
    }
  });

  it('scales both configured and default limits', () => {
    const scaled = quotas({ COMMERCE_RATE_LIMIT_COUPONS: '7', COMMERCE_RATE_LIMIT_SCALE: '2' });
    expect(scaled).to.include({ coupon: 14, login: 2 * DEFAULT_QUOTAS.login });
  });

  it('rejects values that would disable a limit, and values that are not numbers', () => {
    for (const variable of Object.keys(variables)) {
      for (const odd of ['0', '-1', '1.5', '1e3', '0x10', ' 5', '+5', '05', 'none', 'Infinity', '1000000000']) {
        expect(() => quotas({ [variable]: odd }), `${variable}=${odd}`).to.throw(
          ConfigError,
          `${variable}: must be a whole number of requests a minute, from 1 to 999999999: nothing switches a limit off`,
        );
      }
    }
  });
});

describe('The configuration of managed engines', () => {
  it('is off by default', () => {
    const { redisCluster, ...rest } = readConfig({}, {});
    expect(redisCluster).to.equal(false);
    expect(rest).not.to.have.property('openSearchSigning');
    expect(readConfig({}, { COMMERCE_OPENSEARCH_SIGNING: 'none' })).not.to.have.property('openSearchSigning');
  });

  it('has the mode of Redis, and the service whose requests are signed', () => {
    const config = readConfig({}, { COMMERCE_REDIS_CLUSTER: '1', COMMERCE_OPENSEARCH_SIGNING: 'aoss' });
    expect(config).to.include({ redisCluster: true, openSearchSigning: 'aoss' });
  });

  it('rejects other values, and lists the allowed ones', () => {
    for (const [name, words] of [
      ['COMMERCE_REDIS_CLUSTER', 'must be 1'],
      ['COMMERCE_OPENSEARCH_SIGNING', 'must be es'],
    ] as const) {
      expect(() => readConfig({}, { [name]: 'yes' })).to.throw(ConfigError, new RegExp(`^${name}: ${words}`));
    }
  });
});
