// The parts that the product is put together from, by name, and how a recipe says what makes one of them. The compiler sees
// that every part has a recipe, and that a recipe gets the parts that it needs.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import type { Application } from 'express';
import type { Redis } from 'ioredis';
import type { Db } from 'mongodb';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { AgendaHandlers } from '../../commands/agenda/agenda.js';
import type { PaymentWebhookDeps } from '../../commands/checkout/payment-webhooks.js';
import type { CheckoutProcess } from '../../commands/checkout/process.js';
import type { CurrentStaff } from '../../commands/identity/current-staff.js';
import type { Sessions } from '../../commands/identity/ports.js';
import type { Settlement } from '../../commands/order/settlement.js';
import type { PaymentBooks } from '../../commands/payment/books.js';
import type { PaymentOperations, PaymentOperationsDeps } from '../../commands/payment/operations.js';
import type { SavedMethods } from '../../commands/payment/payment-methods.js';
import type { SkuOwners } from '../../commands/product/sku-owners.js';
import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import type { StepRunner } from '../../commands/runtime/steps.js';
import type { CurrentSettings } from '../../commands/shop/settings.js';
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

export interface Parts {
  config: Config;
  untilReachable: UntilReachable;
  clock: Clock;
  log: Logger;
  /** For what requests can cause again and again. */
  countedLog: CountedLog;
  metrics: Registry;
  lifecycle: Lifecycle;
  /** Engines as they answer; whether what they hold is this shop's has not been looked at. */
  postgresServer: PostgresServer;
  stores: Stores;
  /** The log's mark, once all stores are found to be this shop's. */
  claimed: Mark;
  /** The same engines, with this shop's data. */
  postgres: Pick<PostgresServer, 'pool' | 'engine'>;
  /** All engines of the profile. */
  engines: readonly Engine[];
  codec: CommitCodec;
  eventStore: EventStore;
  /** The same, and what this process has written through it. */
  ownStore: ReturnType<typeof rememberOwnCommits>;
  snapshotTexts: SnapshotTexts;
  snapshots: SnapshotStore;
  feed: ChangeFeed;
  subjectKeys: SubjectKeys;
  masterKey: Buffer;
  keyedHash: KeyedHash;
  seals: Seals;
  emailKeyOf: EmailKeyOf;
  personal: PersonalData;
  sessions: Sessions;
  idempotency: IdempotencyStore;
  rateLimiter: RateLimiter;
  tokens: Tokens;
  /** By what a read model needs of its store. */
  sinks: Sinks;
  readModels: ReadModels;
  /** Those that run in this process: one while it leads, else none. */
  projectorHosts: Set<Pick<ProjectorHost, 'readiness'>>;
  /** Whether what was there at the start can be seen. */
  firstLook: FirstLook;
  /** How each read model is read in the stores of the profile. */
  queries: Queries;
  runner: CommandRunner;
  agendaHandlers: AgendaHandlers;
  paymentService: PaymentService;
  paymentEndpoints: readonly Endpoint[];
  payments: PaymentOperations;
  settlement: Settlement;
  steps: StepRunner;
  allocator: StockAllocator;
  settings: CurrentSettings;
  staff: CurrentStaff;
  skuOwners: SkuOwners;
  checkout: CheckoutProcess;
  endpoints: readonly Endpoint[];
  app: Application;
}

/** Engines that the profile `aws` alone has: as they answer, and with this shop's data. */
export interface AwsParts {
  awsServices: AwsClients;
  documentServers: DocumentStores;
  aws: AwsClients;
  documentStores: DocumentStores;
}

/** How a part is made of others. */
export interface Recipe<T> {
  needs: readonly string[];
  make(parts: never): T | Promise<T>;
}

export type Recipes = { [K in keyof Parts]: Recipe<Parts[K]> };

/** Recipes over the parts `P`. */
export function recipesOver<P>() {
  return <N extends keyof P & string, T>(
    needs: readonly N[],
    make: (parts: Pick<P, N>) => T | Promise<T>,
  ): Recipe<T> => ({ needs, make });
}

export const of = recipesOver<Parts>();

export function constant<T>(value: T): Recipe<T> {
  return { needs: [], make: () => value };
}
