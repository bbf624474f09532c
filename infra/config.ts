// The configuration: flags, then the environment, then defaults. It is checked once, before anything is opened.
import { resolve } from 'node:path';
import { z } from 'zod';
import { OperatorError } from '../domain/kernel/errors.js';
import { defined } from '../domain/kernel/json.js';
import { parseWitness, type Witness } from './archive/witness.js';
import { EVENT_STORES, type EventStoreName } from './event-store/event-stores.js';
import { type AddressRanges, parseRanges } from './http/addresses.js';
import { DEFAULT_QUOTAS, type Quotas, scaledQuotas } from './rate-limits/port.js';
import type { ShopConfig, StripeConfig, TracesConfig } from './shop-config.js';

/** The event store of a profile if no other is named. */
export const DEFAULT_EVENT_STORE = {
  embedded: 'postgres',
  aws: 'dynamodb',
} as const satisfies Record<ShopConfig['profile'], EventStoreName>;

const optionalUrl = (...protocols: string[]) =>
  z
    .string()
    .refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
      message: `must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    })
    .optional();

const base64Key = z
  .string()
  .refine((text) => Buffer.from(text, 'base64').length === 32, { message: 'must be 32 bytes in base64' })
  .optional();

function trustedProxiesIn(text: string, { addIssue }: z.RefinementCtx): AddressRanges {
  const texts = text.split(',').map((part) => part.trim());
  const ranges = parseRanges(text.trim() === '' ? [] : texts);
  if (ranges) return ranges;
  addIssue('must be addresses and ranges between commas, such as 10.0.0.0/8,2001:db8::1');
  return z.NEVER;
}

/** Origins exactly as browsers send them in `Origin`. */
function corsOriginsIn(text: string, { addIssue }: z.RefinementCtx): string[] {
  const origins = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (origins.every(isOrigin) || (origins.length === 1 && origins[0] === '*')) return origins;
  addIssue('must be origins between commas, such as https://shop.example,http://localhost:5173, or * alone');
  return z.NEVER;
}

function isOrigin(text: string): boolean {
  return /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

function witnessesIn(text: string, { addIssue }: z.RefinementCtx): Witness[] {
  try {
    return text
      .split(',')
      .filter((part) => part.trim() !== '')
      .map(parseWitness);
  } catch (error) {
    addIssue(`must be witnesses between commas: ${(error as Error).message}`);
    return z.NEVER;
  }
}

const prefixed = (...prefixes: string[]) =>
  z
    .string()
    .refine((text) => prefixes.some((prefix) => text.startsWith(prefix)), {
      message: `must start with ${prefixes.join(' or ')}`,
    })
    .optional();

const perMinute = (usual: number) =>
  z
    .string()
    .regex(
      /^[1-9]\d{0,8}$/,
      'must be a whole number of requests a minute, from 1 to 999999999: nothing switches a limit off',
    )
    .transform(Number)
    .default(usual);

const EVENT_STORE_NAMES = Object.keys(EVENT_STORES) as EventStoreName[];

const environment = z.object({
  COMMERCE_PROFILE: z.enum(['embedded', 'aws'], 'must be embedded or aws').default('embedded'),
  COMMERCE_EVENT_STORE: z.enum(EVENT_STORE_NAMES, `must be ${EVENT_STORE_NAMES.join(' or ')}`).optional(),
  COMMERCE_DATA: z.string().min(1, 'must name a folder').default('.data'),
  COMMERCE_LOG: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('warn'),
  COMMERCE_RATE_LIMIT_SCALE: z.coerce
    .number('must be a number above 0, such as 2')
    .positive('must be above 0: nothing switches the limits off')
    .max(1_000_000)
    .default(1),
  COMMERCE_RATE_LIMIT_SESSIONS: perMinute(DEFAULT_QUOTAS.session),
  COMMERCE_RATE_LIMIT_LOGINS: perMinute(DEFAULT_QUOTAS.login),
  COMMERCE_RATE_LIMIT_ATTEMPTS: perMinute(DEFAULT_QUOTAS.attempt),
  COMMERCE_RATE_LIMIT_ACCOUNTS: perMinute(DEFAULT_QUOTAS.account),
  COMMERCE_RATE_LIMIT_MAILS: perMinute(DEFAULT_QUOTAS.mail),
  COMMERCE_RATE_LIMIT_COUPONS: perMinute(DEFAULT_QUOTAS.coupon),
  COMMERCE_RATE_LIMIT_EXPORTS: perMinute(DEFAULT_QUOTAS.export),
  COMMERCE_RATE_LIMIT_REQUESTS: perMinute(DEFAULT_QUOTAS.caller),
  COMMERCE_RATE_LIMIT_WEBHOOKS: perMinute(DEFAULT_QUOTAS.webhook),
  COMMERCE_RATE_LIMIT_INVALID_TOKENS: perMinute(DEFAULT_QUOTAS['invalid-token']),
  COMMERCE_TRUSTED_PROXIES: z.string().default('').transform(trustedProxiesIn),
  COMMERCE_CORS_ORIGINS: z.string().default('').transform(corsOriginsIn),
  COMMERCE_NAMESPACE: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be up to 31 lower-case letters, digits and dashes')
    .default('commerce'),
  COMMERCE_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of an S3 bucket')
    .optional(),
  COMMERCE_COMPARE_PER_SECOND: z.coerce
    .number('must be a number of documents, such as 50')
    .int()
    .min(1, 'must be 1 or more: nothing switches the comparison off')
    .max(100_000)
    .default(50),
  COMMERCE_PG_PORT: z.coerce.number().int().min(1).max(65_535).optional(),
  COMMERCE_MASTER_KEY: base64Key,
  COMMERCE_KMS_KEY: z
    .string()
    .regex(/^(alias\/|arn:aws[\w-]*:kms:)?[\w/:-]{1,300}$/, 'must be the id, ARN or alias (alias/…) of a KMS key')
    .optional(),
  COMMERCE_TOKEN_KEY: z.string().optional(),
  COMMERCE_PREVIOUS_TOKEN_KEY: z.string().optional(),
  COMMERCE_AUDIT_KEY: base64Key,
  COMMERCE_WITNESSES: z.string().default('').transform(witnessesIn),
  COMMERCE_CHECKPOINT_POST: z.string().optional(),
  COMMERCE_ENV: z.enum(['development', 'production']).default('development'),
  COMMERCE_MAIL_FROM: z.email('must be an e-mail address').default('shop@localhost.localdomain'),
  COMMERCE_SHOP_URL: optionalUrl('http:', 'https:'),
  SMTP_URL: optionalUrl('smtp:', 'smtps:'),
  STRIPE_SECRET_KEY: prefixed('sk_', 'rk_'),
  STRIPE_PUBLISHABLE_KEY: prefixed('pk_'),
  STRIPE_WEBHOOK_SECRET: prefixed('whsec_'),
  STRIPE_API_URL: optionalUrl('http:', 'https:').refine((url) => url === undefined || isLocal(url), {
    message: 'must be an address of this machine, because it replaces Stripe',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalUrl('http:', 'https:'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number('must be a share from 0 to 1, such as 0.01').min(0).max(1).default(1),
  OTEL_SERVICE_NAME: z.string().max(255).default('commerce'),
  AWS_REGION: z.string().default('eu-west-1'),
  // Read by infra/engines/addresses.ts; checked here with all other variables.
  DATABASE_URL: optionalUrl('postgres:', 'postgresql:'),
  AWS_ENDPOINT_URL: optionalUrl('http:', 'https:'),
  MONGODB_URL: optionalUrl('mongodb:', 'mongodb+srv:'),
  OPENSEARCH_URL: optionalUrl('http:', 'https:'),
  REDIS_URL: optionalUrl('redis:', 'rediss:'),
  // May name several nodes, which is no URL.
  EVENTSTORE_URL: z
    .string()
    .regex(/^esdb(\+discover)?:\/\/[^/?]/, 'must be an address that starts with esdb:// or esdb+discover://')
    .optional(),
  COMMERCE_REDIS_CLUSTER: z.enum(['0', '1'], 'must be 1 for a cluster, or 0').default('0'),
  COMMERCE_SYNONYMS: z.string().optional(),
  COMMERCE_OPENSEARCH_SIGNING: z
    .enum(['none', 'es', 'aoss'], 'must be es (a domain), aoss (a serverless collection) or none')
    .default('none'),
});

export interface Config extends ShopConfig {
  eventStore: EventStoreName;
}

export interface Flags {
  profile?: string;
  eventStore?: string;
  data?: string;
}

/** A setting that cannot be used. The message names the setting and the allowed values. */
export class ConfigError extends OperatorError {
  override name = 'ConfigError';
}

/** A setting that was given as a flag. */
export class WrongUsage extends ConfigError {}

export function readConfig(flags: Flags, env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const result = environment.safeParse({
    ...given,
    ...defined({ COMMERCE_PROFILE: flags.profile, COMMERCE_EVENT_STORE: flags.eventStore, COMMERCE_DATA: flags.data }),
  });
  if (!result.success) {
    throw refusal(
      result.error.issues.map(({ path, message }) => ({ setting: path.join('.'), message })),
      flags,
    );
  }
  const settings = result.data;
  const eventStore = settings.COMMERCE_EVENT_STORE ?? DEFAULT_EVENT_STORE[settings.COMMERCE_PROFILE];
  const optional = withoutUndefined({
    postgresPort: settings.COMMERCE_PG_PORT,
    bucket: settings.COMMERCE_BUCKET,
    masterKey: settings.COMMERCE_MASTER_KEY,
    kmsKey: kmsKeyOf(settings),
    tokenKey: settings.COMMERCE_TOKEN_KEY,
    previousTokenKey: settings.COMMERCE_PREVIOUS_TOKEN_KEY,
    auditKey: settings.COMMERCE_AUDIT_KEY,
    synonymsFile: settings.COMMERCE_SYNONYMS && resolve(settings.COMMERCE_SYNONYMS),
    traces: tracesOf(settings),
    stripe: stripeOf(settings),
    openSearchSigning:
      settings.COMMERCE_OPENSEARCH_SIGNING === 'none' ? undefined : settings.COMMERCE_OPENSEARCH_SIGNING,
  });
  return {
    profile: settings.COMMERCE_PROFILE,
    eventStore,
    isLogInPostgres: EVENT_STORES[eventStore].isInPostgres,
    dataDir: resolve(settings.COMMERCE_DATA),
    logLevel: settings.COMMERCE_LOG,
    namespace: settings.COMMERCE_NAMESPACE,
    quotas: quotasOf(settings),
    trustedProxies: settings.COMMERCE_TRUSTED_PROXIES,
    corsOrigins: settings.COMMERCE_CORS_ORIGINS,
    mail: {
      from: settings.COMMERCE_MAIL_FROM,
      ...withoutUndefined({ smtpUrl: settings.SMTP_URL, shopUrl: settings.COMMERCE_SHOP_URL }),
    },
    comparePerSecond: settings.COMMERCE_COMPARE_PER_SECOND,
    awsRegion: settings.AWS_REGION,
    archive: {
      witnesses: settings.COMMERCE_WITNESSES,
      ...withoutUndefined({ post: settings.COMMERCE_CHECKPOINT_POST }),
    },
    redisCluster: settings.COMMERCE_REDIS_CLUSTER === '1',
    ...optional,
  };
}

function quotasOf(settings: z.output<typeof environment>): Quotas {
  return scaledQuotas(settings.COMMERCE_RATE_LIMIT_SCALE, {
    session: settings.COMMERCE_RATE_LIMIT_SESSIONS,
    login: settings.COMMERCE_RATE_LIMIT_LOGINS,
    attempt: settings.COMMERCE_RATE_LIMIT_ATTEMPTS,
    account: settings.COMMERCE_RATE_LIMIT_ACCOUNTS,
    mail: settings.COMMERCE_RATE_LIMIT_MAILS,
    coupon: settings.COMMERCE_RATE_LIMIT_COUPONS,
    export: settings.COMMERCE_RATE_LIMIT_EXPORTS,
    caller: settings.COMMERCE_RATE_LIMIT_REQUESTS,
    webhook: settings.COMMERCE_RATE_LIMIT_WEBHOOKS,
    'invalid-token': settings.COMMERCE_RATE_LIMIT_INVALID_TOKENS,
  });
}

function tracesOf(settings: z.output<typeof environment>): TracesConfig | undefined {
  const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined) return undefined;
  return { endpoint, ratio: settings.OTEL_TRACES_SAMPLER_ARG, service: settings.OTEL_SERVICE_NAME };
}

function kmsKeyOf({ COMMERCE_PROFILE, COMMERCE_KMS_KEY }: z.output<typeof environment>): string | undefined {
  if (COMMERCE_KMS_KEY === undefined || COMMERCE_PROFILE === 'aws') return COMMERCE_KMS_KEY;
  throw new ConfigError('COMMERCE_KMS_KEY: is for the profile aws; on embedded the master key wraps the data keys.');
}

const TEST_KEY = /^[prs]k_(org_)?test_/;

/** Real money moves only in production. A key that is not known to be a test key counts as a live key. */
function stripeOf(settings: z.output<typeof environment>): StripeConfig | undefined {
  const secretKey = settings.STRIPE_SECRET_KEY;
  for (const variable of ['STRIPE_SECRET_KEY', 'STRIPE_PUBLISHABLE_KEY'] as const) {
    const key = settings[variable];
    const isLive = key !== undefined && !TEST_KEY.test(key);
    if (isLive && settings.COMMERCE_ENV !== 'production') {
      throw new ConfigError(
        `${variable}: is a live key, which moves real money, and this is not production. Use a test key (sk_test_…, pk_test_…), or set COMMERCE_ENV=production.`,
      );
    }
    if (isLive && settings.STRIPE_API_URL !== undefined) {
      throw new ConfigError(`${variable}: is a live key, which must not go to the stand-in at STRIPE_API_URL.`);
    }
  }
  if (secretKey === undefined) {
    if (settings.COMMERCE_ENV !== 'production') return undefined;
    throw new ConfigError(
      'STRIPE_SECRET_KEY: production needs a Stripe key; without one the test provider would accept every payment.',
    );
  }
  const optional = withoutUndefined({
    publishableKey: settings.STRIPE_PUBLISHABLE_KEY,
    webhookSecret: settings.STRIPE_WEBHOOK_SECRET,
    apiUrl: settings.STRIPE_API_URL,
  });
  return { secretKey, ...optional };
}

function isLocal(url: string): boolean {
  return URL.canParse(url) && ['localhost', '127.0.0.1', '[::1]'].includes(new URL(url).hostname);
}

export function refusal(problems: readonly { setting: string; message: string }[], flags: Flags): ConfigError {
  const named = problems.map(({ setting, message }) => ({ name: flagOrVariable(setting, flags), message }));
  const text = named.map(({ name, message }) => `${name}: ${message}`).join('\n');
  return named.some(({ name }) => name.startsWith('--')) ? new WrongUsage(text) : new ConfigError(text);
}

function flagOrVariable(variable: string, flags: Flags): string {
  if (variable === 'COMMERCE_PROFILE' && flags.profile !== undefined) return '--profile';
  if (variable === 'COMMERCE_EVENT_STORE' && flags.eventStore !== undefined) return '--event-store';
  if (variable === 'COMMERCE_DATA' && flags.data !== undefined) return '--data';
  return variable;
}

function withoutUndefined<T extends object>(settings: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as never;
}
