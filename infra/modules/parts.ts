// The parts of the product by name, and the form of the recipes that make them. The compiler checks that every part has a
// recipe, and that recipes need only parts that exist.
import type { Application } from 'express';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { AgendaHandlers } from '../../commands/agenda/agenda.js';
import type { PaymentWebhookDeps } from '../../commands/checkout/payment-webhooks.js';
import type { CheckoutProcess } from '../../commands/checkout/process.js';
import type { CurrentStaff } from '../../commands/identity/current-staff.js';
import type { Credentials, Mailer, Passwords, Preferences, Sessions } from '../../commands/identity/ports.js';
import type { Operations } from '../../commands/ops/operations.js';
import type { Settlement } from '../../commands/order/settlement.js';
import type { PaymentBooks } from '../../commands/payment/books.js';
import type { PaymentOperations, PaymentOperationsDeps } from '../../commands/payment/operations.js';
import type { SavedMethods } from '../../commands/payment/payment-methods.js';
import type { ReconcileOptions, Reconciliation } from '../../commands/payment/reconcile.js';
import type { Forgetting, Holder } from '../../commands/personal/forgetting.js';
import type { Openings } from '../../commands/personal/openings.js';
import type { OrdersOfCustomer, OwnStreams } from '../../commands/personal/own-streams.js';
import type { SkuOwners } from '../../commands/product/sku-owners.js';
import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import type { CurrentSettings } from '../../commands/shop/settings.js';
import type { StockAllocator } from '../../commands/stock/allocator.js';
import type { ShopPreferences } from '../../domain/customer/preferences.js';
import type { Clock } from '../../domain/kernel/clock.js';
import type { EmailKeyOf } from '../../domain/kernel/email.js';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import type { EventStore, Fence, SnapshotStore } from '../../domain/kernel/event-store.js';
import type { ChangeFeed, TamperAlarm } from '../../domain/kernel/feed.js';
import type { ObjectStore } from '../../domain/kernel/objects.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import type { KeyedHash } from '../../domain/kernel/seal.js';
import type { Quarantine } from '../../domain/ops/quarantine.js';
import type { PaymentProviderName } from '../../domain/payment/events.js';
import type { Agenda } from '../../domain/processes/agenda.js';
import type { agenda } from '../../projections/models/agenda.js';
import type { AlsoBoughtQueries, alsoBought } from '../../projections/models/also-bought.js';
import type { CatalogueQueries, catalogue } from '../../projections/models/catalogue.js';
import type { CurrentCartQueries, currentCarts } from '../../projections/models/current-carts.js';
import type { CustomerQueries, customers } from '../../projections/models/customers.js';
import type { OrderQueries, orders } from '../../projections/models/orders.js';
import type { ProductPageQueries, productPage } from '../../projections/models/product-page.js';
import type { ProductSearchQueries, productSearch } from '../../projections/models/product-search.js';
import type { StockQueries, stock } from '../../projections/models/stock.js';
import type { WorkLists } from '../../projections/models/work-lists.js';
import type { Rebuilds } from '../../projections/rebuild/rebuilds.js';
import type { BrowsingStore } from '../../projections/recommendation/browsing.js';
import type { ProjectorHost } from '../../projections/runtime/host.js';
import type { StockSnapshots } from '../../projections/snapshots/stock-snapshots.js';
import type { ReadModel } from '../../projections/visibility.js';
import type { ArchiveQueries } from '../../read-api/audit/verification.js';
import type { ReadSideDeps } from '../../read-api/read-side.js';
import type { Archiver } from '../archive/archiver.js';
import type { ArchiveIndex, ArchiveStore } from '../archive/port.js';
import type { ArchiveStatus } from '../archive/run-archiver.js';
import type { NoteSigner, NoteVerifier } from '../archive/signed-note.js';
import type { ArchiveReport, VerifyOptions } from '../archive/verify-archive.js';
import type { ConsumedViewStream } from '../browsing/port.js';
import type { CountedLog } from '../counted-log.js';
import type { KeyWrap } from '../crypto/key-wrap.js';
import type { RecordedOpenings } from '../crypto/recorded-openings.js';
import type { Seals } from '../crypto/seals.js';
import type { SubjectKeys } from '../crypto/subject-keys.js';
import type { EngineAddresses } from '../engines/addresses.js';
import type { SnapshotTexts } from '../event-store/authentic-snapshots.js';
import type { CommitCodec } from '../event-store/codec.js';
import type { LogLoader } from '../event-store/log-loader.js';
import type { rememberOwnCommits } from '../event-store/own-commits.js';
import type { ApiDeps } from '../http/api.js';
import type { IdempotencyStore } from '../idempotency/port.js';
import type { Tokens } from '../identity/tokens.js';
import type { Leases } from '../leadership/port.js';
import type { Background } from '../mail/in-background.js';
import type { BulkFiles } from '../objects/bulk-files.js';
import type { ObjectPlace } from '../objects/place.js';
import type { RateLimiter } from '../rate-limits/port.js';
import type { ShopConfig } from '../shop-config.js';
import type { ShopSchemas } from '../stores/schemas.js';
import type { Mark, Store, Stores } from '../stores/store.js';
import type { Tracing } from '../tracing/port.js';
import type { FirstLook } from './first-look.js';
import type { Leadership } from './leadership.js';
import type { Lifecycle } from './lifecycle.js';
import type { Decisions } from './operators.js';
import type { Processes } from './processes.js';
import type { Engine } from './reachable.js';
import type { ReadModels, Sinks } from './read-models.js';

/** Resolves once the engine answers. Until then the person who started the program sees messages. */
export type UntilReachable = (engine: Engine) => Promise<void>;

export type Queries = ReadSideDeps['queries'] & {
  currentCarts: ReadModel<CurrentCartQueries>;
  agenda: ReadModel<Agenda>;
};

/** The query adapter of each read model on one of its builds. */
export interface QueriesOf {
  customers(build: typeof customers): CustomerQueries;
  orders(build: typeof orders): OrderQueries;
  workLists(build: typeof orders): WorkLists;
  stock(build: typeof stock): StockQueries;
  currentCarts(build: typeof currentCarts): CurrentCartQueries;
  agenda(build: typeof agenda): Agenda;
  catalogue(build: typeof catalogue): CatalogueQueries;
  productSearch(build: typeof productSearch): ProductSearchQueries;
  productPage(build: typeof productPage): ProductPageQueries;
  alsoBought(build: typeof alsoBought): AlsoBoughtQueries;
}

/** An engine with a store of read models, which may be away when the process starts. */
export interface ReadModelServer {
  engine: Engine;
  store: Store;
  /** Has to resolve before the store is used. */
  prepare?(): Promise<void>;
}

export interface PostgresServer extends ReadModelServer {
  pool: Pool;
  /** Rejects if connections do not look in the schemas of the shop. */
  verifyPath(): Promise<void>;
  schemas: ShopSchemas;
  /** True if the server runs on the data folder. */
  isOwn: boolean;
}

/** The shop's view of its payment provider. */
export interface PaymentService {
  /** The provider that new checkouts use. */
  name: PaymentProviderName;
  /** Includes the providers of earlier payments. */
  providers: PaymentOperationsDeps['providers'];
  methods: SavedMethods;
  /** The key that identifies the shop in the customers' browsers. */
  publishableKey?: string;
  /** Set if the provider keeps records of its own. */
  books?: PaymentBooks;
  webhook?: Pick<PaymentWebhookDeps, 'provider' | 'signedBy' | 'read'>;
}

/** What each event store has recipes for: `EVENT_STORES` lists them. */
export interface EventStoreParts {
  eventStore: EventStore;
  /** The loader of `import-log`, for a log that will have this id. It works before the stores are claimed. */
  logLoader: (log: string) => Promise<LogLoader>;
  snapshotTexts: SnapshotTexts;
  feed: ChangeFeed;
  /** They are in the engine of the log, which checks the fence of an append, or in Postgres if that engine cannot. */
  leases: Leases;
  /** The place of the log, with the mark that says which shop it belongs to. It works before the stores are claimed. */
  logStore: Store;
  /** The engines of the log. */
  logEngines: readonly Engine[];
}

/** What each profile has recipes for. */
export interface ProfileParts {
  subjectKeys: SubjectKeys;
  /** Wraps the data keys. */
  keyWrap: KeyWrap;
  sessions: Sessions;
  credentials: Credentials;
  preferences: Preferences<ShopPreferences>;
  mailer: Mailer;
  idempotency: IdempotencyStore;
  rateLimiter: RateLimiter;
  /** The sinks by kind of store. */
  sinks: Sinks;
  /** The query adapters of each read model in the stores of the profile. */
  /** Where the profile keeps objects that are written once. It works before the stores are claimed. */
  objectPlace: ObjectPlace;
  bulkFiles: BulkFiles;
  /** The stream of views, and the documents that are made of it. */
  viewStream: ConsumedViewStream;
  browsing: BrowsingStore;
  queriesOf: QueriesOf;
  /** The places without which no command works, apart from Postgres and the log. They work before the stores are claimed. */
  profileStores: readonly Store[];
  /** The stores of read models, apart from Postgres. */
  profileServers: readonly ReadModelServer[];
  /** Its engines, apart from Postgres. */
  profileEngines: readonly Engine[];
}

export interface Parts extends EventStoreParts, ProfileParts {
  config: ShopConfig;
  addresses: EngineAddresses;
  untilReachable: UntilReachable;
  clock: Clock;
  log: Logger;
  /** For messages that requests can cause many times. */
  countedLog: CountedLog;
  metrics: Registry;
  /** Undefined if the product makes no traces. */
  tracing: Tracing | undefined;
  lifecycle: Lifecycle;
  /** It may be away, and its data is not yet verified to belong to this shop. */
  postgresServer: PostgresServer;
  readModelServers: readonly ReadModelServer[];
  /** All stores, once their engines answer. For commands that examine, delete or fill all of them. */
  stores: Stores;
  /** The log's mark, once the stores of commands are verified to belong to this shop, and those of read models that answer now. */
  claimed: Mark;
  /** Verifies that a store of read models belongs to this shop. Rejects with `Unavailable`, or with an `OperatorError`. */
  admit: (server: ReadModelServer) => Promise<void>;
  /** Postgres that answers, with this shop's data. */
  postgres: Pick<PostgresServer, 'pool' | 'engine'>;
  /** All engines of the shop. */
  engines: readonly Engine[];
  /** The objects of this shop's log. */
  objects: ObjectStore;
  stockSnapshots: StockSnapshots;
  codec: CommitCodec;
  /** The event store, and the commits that this process has appended through it. */
  ownStore: ReturnType<typeof rememberOwnCommits>;
  snapshots: SnapshotStore;
  masterKey: Buffer;
  keyedHash: KeyedHash;
  seals: Seals;
  emailKeyOf: EmailKeyOf;
  /** The session of a customer's views. Nobody can tell the customer from it without knowing the id. */
  sessionOf: (customerId: string) => string;
  /** For what no person reads. Whatever opens data for somebody uses `recordedOpenings`. */
  personal: PersonalData;
  openings: Openings;
  passwords: Passwords;
  background: Background;
  /** Of answers that must not tell whether there is an account. */
  evenAnswerMs: number;
  /** The stores that hold data about customers outside the log, the data keys first. */
  holders: readonly Holder[];
  ownStreams: OwnStreams;
  forgetting: Forgetting;
  recordedOpenings: RecordedOpenings;
  tokens: Tokens;
  /** What operators have decided. */
  decisions: Decisions;
  quarantine: Quarantine;
  operations: Operations;
  readModels: ReadModels;
  queries: Queries;
  /** Of the build that serves. */
  agenda: Agenda;
  ordersOfCustomer: OrdersOfCustomer;
  rebuilds: Rebuilds;
  /** The projector hosts in this process: one while it leads, otherwise none. */
  projectorHosts: Set<Pick<ProjectorHost, 'readiness'>>;
  /** Whether the read models show everything that was in the log at the start. */
  firstLook: FirstLook;
  runner: CommandRunner;
  leadership: Leadership;
  /** The work of the agenda in one term of the process that leads; without a fence, where nobody leads. */
  agendaHandlersOf: (fence: Fence | undefined) => AgendaHandlers;
  processes: Processes;
  paymentService: PaymentService;
  paymentEndpoints: readonly Endpoint[];
  payments: PaymentOperations;
  /** Compares our payments with the provider's records, and shows the differences in the metrics. */
  reconciliation: {
    /** Absent if the provider keeps no records. */
    run?(options: ReconcileOptions): Promise<Reconciliation>;
  };
  settlement: Settlement;
  allocator: StockAllocator;
  settings: CurrentSettings;
  staff: CurrentStaff;
  skuOwners: SkuOwners;
  checkout: CheckoutProcess;
  tamperAlarm: TamperAlarm;
  /** Signs the checkpoints of the archive. */
  auditSigner: NoteSigner;
  archiveStore: ArchiveStore;
  archiveIndex: ArchiveIndex;
  /** Archives the log, asks the witnesses and posts the checkpoint. */
  archiver: Archiver;
  archiveStatus: ArchiveStatus;
  archiveQueries: ArchiveQueries;
  /** Verifies the archive against the log, with another public key if one is given. */
  archiveVerification: (options: VerifyOptions, publicKey?: NoteVerifier) => Promise<ArchiveReport>;
  endpoints: readonly Endpoint[];
  /** The endpoints, and what is enforced around them. */
  api: Omit<ApiDeps, 'pages'>;
  app: Application;
}

/**
 * How to make a part from the parts `P`. The function only takes the parts that it needs, by name. The function in `lazy` makes
 * the new part. A part that has to be made first, but is not used, is taken as `_`.
 */
export type Recipe<T, P = Parts> = (parts: P) => Lazy<T>;

interface Lazy<T> {
  make(): T | Promise<T>;
}

export function lazy<T>(make: () => T | Promise<T>): Lazy<T> {
  return { make };
}

/** A recipe for each part of `R`, from the parts `P`. */
export type Recipes<R = Parts, P = Parts> = { [K in keyof R]: Recipe<R[K], P> };

export function constant<T>(value: T): () => Lazy<T> {
  return () => lazy(() => value);
}

/** The parts with these names, for a recipe that passes many parts on. */
export function pick<P, N extends keyof P>(parts: P, names: readonly N[]): Pick<P, N> {
  return Object.fromEntries(names.map((name) => [name, parts[name]])) as Pick<P, N>;
}
