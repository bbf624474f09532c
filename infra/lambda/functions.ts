// All Lambda functions of the shop as data: what starts each of them, what it may reach, and how large it is. The deployment stack
// and the bundles are made from this list. It knows nothing of the CDK.

import { RECORD_VIEWS_ACTIONS } from '../browsing/actions.js';
import { SUBJECT_KEYS_ACTIONS } from '../crypto/subject-keys-dynamodb.js';
import { EVENT_STORE_ACTIONS } from '../event-store/dynamodb/dynamodb-event-store.js';
import { SNAPSHOTS_ACTIONS } from '../event-store/dynamodb/dynamodb-snapshots.js';
import { IDEMPOTENCY_ACTIONS } from '../idempotency/dynamodb-idempotency.js';
import { CREDENTIALS_ACTIONS } from '../identity/credentials-dynamodb.js';
import { PREFERENCES_ACTIONS } from '../identity/preferences-dynamodb.js';
import { SESSIONS_ACTIONS } from '../identity/sessions-dynamodb.js';
import { READ_FILES_ACTIONS } from '../objects/s3-files.js';
import { OBJECTS_ACTIONS } from '../objects/s3-objects.js';
import { STORE_MARK_ACTIONS, type TABLES } from '../stores/dynamodb-store.js';
import type { SecretName } from './secrets.js';
import type { Service } from './services.js';

export type Trigger =
  /** The REST API, behind the authoriser. Endpoints that need no token are outside of it. */
  | { kind: 'api-gateway' }
  | { kind: 'alb' }
  | { kind: 'authorizer' }
  /** The stream of commits. Failures are reported by record. A batch that is given up goes to the queue `lost-batches`. */
  | { kind: 'kinesis'; stream: 'commits'; batchSize: number; parallelism: number; retries: number; maxAgeS: number }
  /** The stream of views. A batch that is given up is lost: nobody has to have it. */
  | { kind: 'kinesis'; stream: 'views'; batchSize: number; parallelism: number; retries: number; maxAgeS: number }
  | { kind: 'sqs'; queue: QueueName; batchSize: number }
  | { kind: 'schedule'; everyMinutes: number }
  /** Called by other functions, or once by each deployment. */
  | { kind: 'invoke'; by: 'functions' | 'deployment' };

export type QueueName = 'lost-batches';
export type EngineName = 'postgres' | 'mongodb' | 'opensearch' | 'redis';

/**
 * What IAM has to allow: on tables, on the streams of commits and of views, on the buckets of objects and of uploaded files, on the
 * search domain, and on the function that asks Stripe.
 */
export type Resource =
  | keyof typeof TABLES
  | 'stream'
  | 'views'
  | 'objects'
  | 'files'
  | 'opensearch'
  | 'payment-provider';
export type Actions = Partial<Record<Resource, readonly string[]>>;

export interface LambdaFunction {
  /** The service of the shop that it belongs to. `platform` runs what no caller waits for. */
  service: Service | 'platform';
  /** Path of its source, which exports `handler`. */
  entry: string;
  triggers: readonly Trigger[];
  /** Engines that it opens connections to. */
  engines: readonly EngineName[];
  actions: Actions;
  secrets: readonly SecretName[];
  /** Whether it calls an address outside of AWS. */
  internet: boolean;
  memoryMb: number;
  timeoutS: number;
  /** Instances that are kept ready in production, because a person waits for the answer. */
  provisioned: number;
  /** Most instances at once. Default: as many as are needed. */
  concurrency?: number;
}

/** Reads of the log; `PutItem` is only for functions that run commands. */
const READ_EVENTS = EVENT_STORE_ACTIONS.filter((action) => action !== 'dynamodb:PutItem');
const READ_KEYS = SUBJECT_KEYS_ACTIONS.filter((action) => action !== 'dynamodb:PutItem');
const READ_MARK = STORE_MARK_ACTIONS.filter((action) => action !== 'dynamodb:PutItem');
const READ_OBJECTS = OBJECTS_ACTIONS.filter((action) => action !== 's3:PutObject');
/** `Scan` finds the records of a customer who is forgotten. */
const KEEP_ANSWERS = IDEMPOTENCY_ACTIONS.filter((action) => action !== 'dynamodb:Scan');
const READ_PREFERENCES = ['dynamodb:GetItem'] as const;

/** What is held about a customer outside the log, and is deleted when they are forgotten. */
const ACCOUNTS = {
  sessions: SESSIONS_ACTIONS,
  credentials: CREDENTIALS_ACTIONS,
  preferences: PREFERENCES_ACTIONS,
} as const satisfies Actions;

const SEARCH = ['es:ESHttpGet', 'es:ESHttpHead', 'es:ESHttpPost'] as const;
const INDEX = [...SEARCH, 'es:ESHttpPut', 'es:ESHttpDelete'] as const;
const INVOKE = ['lambda:InvokeFunction'] as const;

/** What runs commands. */
const RUN = {
  events: EVENT_STORE_ACTIONS,
  snapshots: SNAPSHOTS_ACTIONS,
  subjectKeys: SUBJECT_KEYS_ACTIONS,
  mark: READ_MARK,
} as const satisfies Actions;

/** Endpoints also remember their answers. */
const COMMANDS = { ...RUN, idempotency: KEEP_ANSWERS } as const satisfies Actions;

const QUERIES = {
  events: READ_EVENTS,
  snapshots: SNAPSHOTS_ACTIONS,
  subjectKeys: READ_KEYS,
  mark: READ_MARK,
} as const satisfies Actions;

/** Whoever opens personal data of others leaves an event, so these queries append. */
const QUERIES_OF_PERSONAL_DATA = { ...QUERIES, events: EVENT_STORE_ACTIONS } as const satisfies Actions;

/** Projections read the log and never open personal data. */
const PROJECT = { events: READ_EVENTS, mark: READ_MARK } as const satisfies Actions;

/** API Gateway answers for a function after 29 s. */
const API = { internet: false, memoryMb: 1024, timeoutS: 29, provisioned: 0 } as const;
const KEYS = ['masterKey', 'tokenPublicKey', 'redis'] as const;

function api(
  service: Service,
  part: 'commands' | 'queries',
  given: Partial<LambdaFunction> & Pick<LambdaFunction, 'actions'>,
): LambdaFunction {
  return {
    ...API,
    service,
    entry: `infra/lambda/${service}-${part}.ts`,
    triggers: [{ kind: part === 'commands' ? 'api-gateway' : 'alb' }],
    engines: ['redis'],
    secrets: KEYS,
    ...given,
  };
}

const FROM_LOG = {
  kind: 'kinesis',
  stream: 'commits',
  batchSize: 500,
  parallelism: 2,
  retries: 60,
  maxAgeS: 3_600,
} as const;

function projector(engine: EngineName, given: Partial<LambdaFunction> = {}): LambdaFunction {
  return {
    service: 'platform',
    entry: `infra/lambda/projector-${engine}.ts`,
    triggers: [FROM_LOG],
    engines: [engine],
    actions: PROJECT,
    secrets: engine === 'opensearch' ? [] : [engine],
    internet: false,
    memoryMb: 512,
    timeoutS: 60,
    provisioned: 0,
    ...given,
  };
}

/** At most one runs at a time. It stops in time, and the next one goes on where it was. */
function scheduled(name: string, everyMinutes: number, given: Partial<LambdaFunction>): LambdaFunction {
  return {
    service: 'platform',
    entry: `infra/lambda/${name}.ts`,
    triggers: [{ kind: 'schedule', everyMinutes }],
    engines: [],
    actions: {},
    secrets: [],
    internet: false,
    memoryMb: 512,
    timeoutS: 300,
    provisioned: 0,
    concurrency: 1,
    ...given,
  };
}

export const FUNCTIONS = {
  authorizer: {
    service: 'identity',
    entry: 'infra/lambda/authorizer.ts',
    triggers: [{ kind: 'authorizer' }],
    engines: [],
    actions: {},
    secrets: ['tokenPublicKey'],
    internet: false,
    memoryMb: 256,
    timeoutS: 5,
    provisioned: 2,
  },
  'identity-commands': api('identity', 'commands', {
    // A log-in takes the guest's cart along, and whoever is forgotten has their orders cancelled.
    actions: {
      ...COMMANDS,
      idempotency: IDEMPOTENCY_ACTIONS,
      ...ACCOUNTS,
      // Those of a customer who is forgotten are deleted.
      views: RECORD_VIEWS_ACTIONS,
      'payment-provider': INVOKE,
    },
    engines: ['postgres', 'redis'],
    secrets: ['masterKey', 'tokenKey', 'redis', 'postgres', 'smtpUrl'],
  }),
  'identity-queries': api('identity', 'queries', {
    actions: QUERIES_OF_PERSONAL_DATA,
    engines: ['postgres', 'redis'],
    secrets: [...KEYS, 'postgres'],
  }),
  'product-commands': api('product', 'commands', { actions: { ...COMMANDS, views: RECORD_VIEWS_ACTIONS } }),
  'product-queries': api('product', 'queries', {
    actions: QUERIES,
    engines: ['mongodb', 'redis'],
    secrets: [...KEYS, 'mongodb'],
    provisioned: 2,
  }),
  'search-queries': api('search', 'queries', {
    actions: { ...QUERIES, opensearch: SEARCH },
    engines: ['opensearch', 'redis'],
    provisioned: 2,
  }),
  'inventory-commands': api('inventory', 'commands', { actions: COMMANDS }),
  'inventory-queries': api('inventory', 'queries', {
    actions: QUERIES,
    engines: ['postgres', 'redis'],
    secrets: [...KEYS, 'postgres'],
  }),
  'order-commands': api('order', 'commands', {
    actions: {
      ...COMMANDS,
      preferences: PREFERENCES_ACTIONS,
      'payment-provider': INVOKE,
    },
    engines: ['postgres', 'redis'],
    secrets: [...KEYS, 'postgres'],
    provisioned: 2,
  }),
  'order-queries': api('order', 'queries', {
    // An export has the saved payment methods.
    actions: { ...QUERIES_OF_PERSONAL_DATA, preferences: READ_PREFERENCES, 'payment-provider': INVOKE },
    engines: ['postgres', 'redis'],
    secrets: [...KEYS, 'postgres'],
    provisioned: 2,
  }),
  'payment-commands': api('payment', 'commands', { actions: { ...COMMANDS, 'payment-provider': INVOKE } }),
  'payment-queries': api('payment', 'queries', {
    actions: { ...QUERIES_OF_PERSONAL_DATA, 'payment-provider': INVOKE },
    engines: ['postgres', 'redis'],
    secrets: [...KEYS, 'postgres'],
  }),
  /** Stripe signs what it sends; the function asks Stripe what has become of the payment. */
  'payment-webhook': api('payment', 'commands', {
    entry: 'infra/lambda/payment-webhook.ts',
    actions: COMMANDS,
    secrets: [...KEYS, 'stripeKey', 'stripeWebhookSecret'],
    internet: true,
  }),
  /** The only place where money is asked for: the functions above call it as their payment provider. */
  'payment-provider': {
    ...API,
    service: 'payment',
    entry: 'infra/lambda/payment-provider.ts',
    triggers: [{ kind: 'invoke', by: 'functions' }],
    engines: [],
    actions: RUN,
    secrets: ['masterKey', 'stripeKey'],
    internet: true,
    provisioned: 2,
  },
  'operations-commands': api('operations', 'commands', {
    actions: { ...COMMANDS, opensearch: INDEX, 'payment-provider': INVOKE },
    engines: ['postgres', 'mongodb', 'opensearch', 'redis'],
    secrets: [...KEYS, 'postgres', 'mongodb'],
  }),
  'operations-queries': api('operations', 'queries', {
    actions: { ...QUERIES_OF_PERSONAL_DATA, opensearch: SEARCH, objects: READ_OBJECTS },
    engines: ['postgres', 'mongodb', 'opensearch', 'redis'],
    secrets: [...KEYS, 'auditKey', 'postgres', 'mongodb'],
  }),
  'projector-postgres': projector('postgres'),
  'projector-mongodb': projector('mongodb'),
  'projector-opensearch': projector('opensearch', { actions: { ...PROJECT, opensearch: INDEX } }),
  'projector-redis': projector('redis'),
  /** Learns from what customers look at. */
  browsing: {
    ...projector('redis'),
    entry: 'infra/lambda/browsing.ts',
    triggers: [{ kind: 'kinesis', stream: 'views', batchSize: 500, parallelism: 1, retries: -1, maxAgeS: 86_400 }],
    actions: { mark: READ_MARK },
  },
  /** Brings every store to the end of the log, whatever the stream has lost. A batch that a projector gave up starts it at once. */
  sweeper: scheduled('sweeper', 1, {
    triggers: [
      { kind: 'schedule', everyMinutes: 1 },
      { kind: 'sqs', queue: 'lost-batches', batchSize: 10 },
    ],
    engines: ['postgres', 'mongodb', 'opensearch', 'redis'],
    actions: { ...PROJECT, opensearch: INDEX },
    secrets: ['postgres', 'mongodb', 'redis'],
    memoryMb: 1024,
  }),
  /** The processes: finishes what a request has left, and does what has become due. */
  agenda: scheduled('agenda', 1, {
    engines: ['postgres'],
    actions: {
      ...RUN,
      idempotency: IDEMPOTENCY_ACTIONS,
      ...ACCOUNTS,
      views: RECORD_VIEWS_ACTIONS,
      'payment-provider': INVOKE,
    },
    secrets: ['masterKey', 'postgres'],
    memoryMb: 1024,
  }),
  archiver: scheduled('archiver', 1, {
    engines: ['postgres'],
    timeoutS: 60,
    actions: { events: READ_EVENTS, objects: OBJECTS_ACTIONS, mark: READ_MARK },
    secrets: ['auditKey', 'postgres'],
  }),
  /** Compares the payments of the last week with the records of Stripe. */
  'payment-reconciler': scheduled('payment-reconciler', 24 * 60, {
    service: 'payment',
    actions: RUN,
    secrets: ['masterKey', 'stripeKey'],
    internet: true,
    timeoutS: 900,
  }),
  'stock-snapshots': scheduled('stock-snapshots', 10, {
    service: 'inventory',
    actions: { events: READ_EVENTS, objects: OBJECTS_ACTIONS, mark: READ_MARK },
  }),
  /** Marks the stores as those of one log, and makes the schema and the tables of the read models before anyone asks for them. */
  'set-up': {
    service: 'platform',
    entry: 'infra/lambda/set-up.ts',
    triggers: [{ kind: 'invoke', by: 'deployment' }],
    engines: ['postgres', 'mongodb', 'opensearch', 'redis'],
    actions: { events: READ_EVENTS, mark: STORE_MARK_ACTIONS, opensearch: INDEX },
    secrets: ['masterKey', 'postgres', 'mongodb', 'redis'],
    internet: false,
    memoryMb: 512,
    timeoutS: 300,
    provisioned: 0,
    concurrency: 1,
  },
} as const satisfies Record<string, LambdaFunction>;

export type FunctionName = keyof typeof FUNCTIONS;

/**
 * What `commerce import stock s3://…` needs, which people or a container run: no function reads uploaded files. The program opens a
 * shop, so it also asks for the shards of the stream and for the bucket of objects.
 */
export const STOCK_FILES = {
  events: EVENT_STORE_ACTIONS,
  snapshots: SNAPSHOTS_ACTIONS,
  mark: READ_MARK,
  stream: ['kinesis:ListShards'],
  objects: ['s3:ListBucket'],
  files: READ_FILES_ACTIONS,
} as const satisfies Actions;
