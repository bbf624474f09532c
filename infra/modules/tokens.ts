// What the product is put together from: one token per port, bound by the module of a profile or by the shop's own.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import type { Application } from 'express';
import type { ServiceIdentifier } from 'inversify';
import type { Redis } from 'ioredis';
import type { Db } from 'mongodb';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { AgendaHandlers } from '../../commands/agenda/agenda.js';
import type { PaymentWebhookDeps } from '../../commands/checkout/payment-webhooks.js';
import type { CheckoutProcess } from '../../commands/checkout/process.js';
import type { Sessions } from '../../commands/identity/ports.js';
import type { Settlement } from '../../commands/order/settlement.js';
import type { PaymentBooks } from '../../commands/payment/books.js';
import type { PaymentOperations, PaymentOperationsDeps } from '../../commands/payment/operations.js';
import type { SavedMethods } from '../../commands/payment/payment-methods.js';
import type { SkuOwners } from '../../commands/product/sku-owners.js';
import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import type { StepRunner } from '../../commands/runtime/steps.js';
import type { StockAllocator } from '../../commands/stock/allocator.js';
import type { Clock } from '../../domain/kernel/clock.js';
import type { EmailKeyOf } from '../../domain/kernel/email.js';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import type { EventStore, SnapshotStore } from '../../domain/kernel/event-store.js';
import type { ChangeFeed } from '../../domain/kernel/feed.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import type { KeyedHash } from '../../domain/kernel/seal.js';
import type { PaymentProviderName } from '../../domain/payment/events.js';
import type { Agenda } from '../../domain/processes/agenda.js';
import type { CatalogueQueries } from '../../projections/models/catalogue.js';
import type { CurrentCartQueries } from '../../projections/models/current-carts.js';
import type { OrderQueries } from '../../projections/models/orders.js';
import type { ProductPageQueries } from '../../projections/models/product-page.js';
import type { ProductSearchQueries } from '../../projections/models/product-search.js';
import type { StockQueries } from '../../projections/models/stock.js';
import type { WorkLists } from '../../projections/models/work-lists.js';
import type { ProjectorHost } from '../../projections/runtime/host.js';
import type { Config } from '../config.js';
import type { CountedLog } from '../counted-log.js';
import type { Seals } from '../crypto/seals.js';
import type { SubjectKeys } from '../crypto/subject-keys.js';
import type { SnapshotTexts } from '../event-store/authentic-snapshots.js';
import type { CommitCodec } from '../event-store/codec.js';
import type { rememberOwnCommits } from '../event-store/own-commits.js';
import type { IdempotencyStore } from '../idempotency/port.js';
import type { Tokens } from '../identity/tokens.js';
import type { RateLimiter } from '../rate-limits/port.js';
import type { Mark, Stores } from '../stores/store.js';
import type { FirstLook } from './first-look.js';
import type { Lifecycle } from './lifecycle.js';
import type { Engine } from './reachable.js';
import type { ReadModels, Sinks } from './read-models.js';

/** Resolves once the engine answers; meanwhile the person who started the program is told. */
export type UntilReachable = (engine: Engine) => Promise<void>;

export interface Queries {
  orders: OrderQueries;
  workLists: WorkLists;
  stock: StockQueries;
  currentCarts: CurrentCartQueries;
  agenda: Agenda;
  catalogue: CatalogueQueries;
  productSearch: ProductSearchQueries;
  productPage: ProductPageQueries;
}

export interface PostgresServer {
  pool: Pool;
  engine: Engine;
  /** Of this shop's read models. */
  schema: string;
  /** Runs on the data folder. */
  isOwn: boolean;
}

export interface AwsClients {
  dynamodb: DynamoDBClient;
  kinesis: KinesisClient;
  engines: readonly Engine[];
  /** The full name of a table or stream. */
  name(kind: string): string;
  /** On an engine of this machine, whose tables and streams are ours to make. */
  isLocal: boolean;
  /** ARN of the stream that the log's changes go to; made where it is ours to make. */
  streamArn(): Promise<string>;
}

export interface DocumentStores {
  mongo: Db;
  opensearch: OpenSearchClient;
  redis: Redis;
  engines: readonly Engine[];
}

/** What the shop needs of whoever moves its money. */
export interface PaymentService {
  /** Who is asked at a checkout. */
  name: PaymentProviderName;
  /** Also those that earlier payments are with. */
  providers: PaymentOperationsDeps['providers'];
  methods: SavedMethods;
  /** What customers' browsers introduce themselves with. */
  publishableKey?: string;
  /** Of a provider that keeps books of its own. */
  books?: PaymentBooks;
  webhook?: Pick<PaymentWebhookDeps, 'provider' | 'signedBy' | 'read'>;
}

function token<T>(name: string): ServiceIdentifier<T> {
  return Symbol.for(name);
}

export const CONFIG = token<Config>('Config');
export const UNTIL_REACHABLE = token<UntilReachable>('UntilReachable');
export const CLOCK = token<Clock>('Clock');
export const LOG = token<Logger>('Logger');
/** For what requests can cause again and again. */
export const COUNTED_LOG = token<CountedLog>('CountedLog');
export const METRICS = token<Registry>('Registry');
export const LIFECYCLE = token<Lifecycle>('Lifecycle');

/** Engines as they answer; whether what they hold is this shop's has not been looked at. */
export const POSTGRES_SERVER = token<PostgresServer>('PostgresServer');
export const AWS_SERVICES = token<AwsClients>('AwsServices');
export const DOCUMENT_SERVERS = token<DocumentStores>('DocumentServers');
export const STORES = token<Stores>('Stores');
/** The log's mark, once all stores are found to be this shop's. */
export const CLAIMED = token<Mark>('Claimed');

/** The same engines, with this shop's data. */
export const POSTGRES = token<Pick<PostgresServer, 'pool' | 'engine'>>('Postgres');
export const AWS = token<AwsClients>('Aws');
export const DOCUMENT_STORES = token<DocumentStores>('DocumentStores');
/** All engines of the profile. */
export const ENGINES = token<readonly Engine[]>('Engines');

export const CODEC = token<CommitCodec>('CommitCodec');
export const EVENT_STORE = token<EventStore>('EventStore');
/** The same, and what this process has written through it. */
export const OWN_STORE = token<ReturnType<typeof rememberOwnCommits>>('OwnStore');
export const SNAPSHOT_TEXTS = token<SnapshotTexts>('SnapshotTexts');
export const SNAPSHOTS = token<SnapshotStore>('SnapshotStore');
export const FEED = token<ChangeFeed>('ChangeFeed');
export const SUBJECT_KEYS = token<SubjectKeys>('SubjectKeys');
export const MASTER_KEY = token<Buffer>('MasterKey');
export const KEYED_HASH = token<KeyedHash>('KeyedHash');
export const SEALS = token<Seals>('Seals');
export const EMAIL_KEY_OF = token<EmailKeyOf>('EmailKeyOf');
export const PERSONAL_DATA = token<PersonalData>('PersonalData');
export const SESSIONS = token<Sessions>('Sessions');
export const IDEMPOTENCY = token<IdempotencyStore>('IdempotencyStore');
export const RATE_LIMITER = token<RateLimiter>('RateLimiter');
export const TOKENS = token<Tokens>('Tokens');
/** By what a read model needs of its store. */
export const SINKS = token<Sinks>('Sinks');
export const READ_MODELS = token<ReadModels>('ReadModels');
/** Those that run in this process: one while it leads, else none. */
export const PROJECTOR_HOSTS = token<Set<Pick<ProjectorHost, 'readiness'>>>('ProjectorHosts');

/** Whether what was there at the start can be seen. */
export const FIRST_LOOK = token<FirstLook>('FirstLook');

/** How each read model is read in the stores of the profile. */
export const QUERIES = token<Queries>('Queries');

export const RUNNER = token<CommandRunner>('CommandRunner');
export const AGENDA_HANDLERS = token<AgendaHandlers>('AgendaHandlers');
export const PAYMENT_SERVICE = token<PaymentService>('PaymentService');
export const PAYMENT_ENDPOINTS = token<readonly Endpoint[]>('PaymentEndpoints');
export const PAYMENTS = token<PaymentOperations>('PaymentOperations');
export const SETTLEMENT = token<Settlement>('Settlement');
export const STEPS = token<StepRunner>('StepRunner');
export const STOCK_ALLOCATOR = token<StockAllocator>('StockAllocator');
export const SKU_OWNERS = token<SkuOwners>('SkuOwners');
export const CHECKOUT = token<CheckoutProcess>('CheckoutProcess');

export const ENDPOINTS = token<readonly Endpoint[]>('Endpoints');
export const APP = token<Application>('Application');
