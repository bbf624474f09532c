// Opens the parts of one function, once for all invocations of an instance. Parts are made when they are first needed.
import 'reflect-metadata';
import { OperatorError } from '../../domain/kernel/errors.js';
import { defined } from '../../domain/kernel/json.js';
import { ConfigError, readConfig } from '../config.js';
import { loadMasterKey } from '../crypto/master-key.js';
import type { EngineAddresses } from '../engines/addresses.js';
import { type ChangesParts, dynamodbLogParts } from '../event-store/dynamodb/dynamodb-log.js';
import { publicTokenKey } from '../identity/token-key.js';
import { createTokens } from '../identity/tokens.js';
import type { MongoParts } from '../modules/aws/mongodb.js';
import type { OpenSearchParts } from '../modules/aws/opensearch.js';
import type { RedisParts } from '../modules/aws/redis.js';
import type { S3Parts } from '../modules/aws/s3.js';
import type { ViewParts } from '../modules/aws/views.js';
import { containerOf } from '../modules/container.js';
import { type DynamoParts, namesOf } from '../modules/dynamodb-server.js';
import { createLifecycle } from '../modules/lifecycle.js';
import { constant, lazy, type Parts, type Recipes } from '../modules/parts.js';
import { requireAnswer } from '../modules/reachable.js';
import { shopParts } from '../modules/shop.js';
import { isSealedWith } from '../stores/claim.js';
import { dynamoStore, STREAM } from '../stores/dynamodb-store.js';
import type { Mark, Store } from '../stores/store.js';
import { readSecrets } from './read-secrets.js';

export type FunctionParts = Parts &
  DynamoParts &
  ChangesParts &
  MongoParts &
  OpenSearchParts &
  RedisParts &
  S3Parts &
  ViewParts;

export type FunctionRecipes = Partial<Recipes<FunctionParts, FunctionParts>>;

export interface OpenFunction {
  get<K extends keyof FunctionParts>(part: K): Promise<FunctionParts[K]>;
  close(): Promise<void>;
}

/** For functions that send no mails. They have none to delete, either. */
const WITHOUT_MAILS: Parts['mailer'] = {
  send: async () => {
    throw new Error('This function sends no mails.');
  },
  forget: async () => {},
};

/** What every function has: the log. The stack has made its tables, and `set-up` the marks. */
const baseParts = {
  ...shopParts,
  ...dynamodbLogParts,

  // An engine that is away fails this invocation; the next one tries again.
  untilReachable: constant(async () => {}),

  engines: constant([]),

  mailer: constant(WITHOUT_MAILS),

  // Spans are for programs that run on; the client of OpenTelemetry would double the size of most functions.
  tracing: constant(undefined),

  sinks: constant({}),

  changes: ({ config }) => lazy(() => ({ name: namesOf(config)(STREAM), arn: undefined })),

  masterKey: ({ config: { dataDir, masterKey } }) =>
    lazy(() => loadMasterKey({ dataDir, given: given(masterKey, 'COMMERCE_MASTER_KEY') })),

  tokens: ({ config: { tokenKey }, clock }) =>
    lazy(async () => createTokens({ key: await publicTokenKey(given(tokenKey, 'COMMERCE_TOKEN_KEY')), clock })),

  claimed: ({ config: { masterKey }, dynamoServer }) => lazy(() => requireMark(dynamoStore(dynamoServer), masterKey)),

  admit: ({ claimed, dynamoServer }) =>
    lazy((): Parts['admit'] => async (server) => {
      const { engine, store, prepare } = server;
      await requireAnswer(engine);
      await prepare?.();
      await requireSameLog(store, claimed, dynamoStore(dynamoServer).name);
    }),
} satisfies FunctionRecipes;

/** `env` has the variables of `infra/config.ts`, and names the secrets. Rejects if a secret or a setting is missing. */
export async function openFunction(
  recipes: FunctionRecipes,
  env: NodeJS.ProcessEnv = process.env,
): Promise<OpenFunction> {
  const settings = await readSecrets(env);
  const config = readConfig({ profile: 'aws', eventStore: 'dynamodb', data: '/tmp/commerce' }, paidFor(settings));
  const lifecycle = createLifecycle();
  const container = containerOf({
    ...baseParts,
    config: constant(config),
    lifecycle: constant(lifecycle),
    addresses: constant(addressesIn(settings)),
    ...recipes,
  } as never);
  return { get: (part) => container.getAsync(part), close: () => lifecycle.close() };
}

/** Most functions of a shop in production have no key of Stripe: they take no payments, or ask the function that has it. */
function paidFor({ COMMERCE_ENV, ...settings }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return settings.STRIPE_SECRET_KEY ? { COMMERCE_ENV, ...settings } : settings;
}

function addressesIn(env: NodeJS.ProcessEnv): EngineAddresses {
  return defined({
    databaseUrl: env.DATABASE_URL,
    awsEndpoint: env.AWS_ENDPOINT_URL,
    mongodbUrl: env.MONGODB_URL,
    opensearchUrl: env.OPENSEARCH_URL,
    redisUrl: env.REDIS_URL,
  });
}

export function given(value: string | undefined, variable: string): string {
  if (value) return value;
  throw new ConfigError(`${variable}: is not set; a function keeps no keys of its own.`);
}

/** Throws `OperatorError` if the log is not set up, or belongs to another key. Only some functions have the master key. */
async function requireMark(log: Store, masterKey: string | undefined): Promise<Mark> {
  const mark = await log.mark();
  if (typeof mark !== 'object') throw new OperatorError(`${log.name} is not set up: invoke the function set-up once.`);
  if (masterKey && !isSealedWith(Buffer.from(masterKey, 'base64'), mark))
    throw new OperatorError(`COMMERCE_MASTER_KEY is not the key of the personal data in ${log.name}.`);
  return mark;
}

/** A store of read models is looked at when it is first used: a function serves without it what does not need it. */
async function requireSameLog(store: Store, mark: Mark, log: string): Promise<void> {
  const found = await store.mark();
  if (typeof found === 'object' && found.log === mark.log) return;
  throw new OperatorError(`${store.name} does not belong to the log in ${log}: invoke the function set-up once.`);
}

/** Stands for parts that this function does not have. Using one is a mistake in the function's recipes. */
export function absent<N extends keyof Parts>(...names: readonly N[]): Pick<Recipes<FunctionParts, FunctionParts>, N> {
  return Object.fromEntries(names.map((name) => [name, constant(standIn(name))])) as never;
}

/** Any use of it throws. */
export function standIn(name: string): unknown {
  return new Proxy(() => undefined, {
    get: (_, member) =>
      member === 'then' || typeof member === 'symbol' ? undefined : standIn(`${name}.${String(member)}`),
    apply() {
      throw new Error(`${name} is not in this function.`);
    },
  });
}
