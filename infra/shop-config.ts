// The configuration as the parts of the shop see it. `readConfig` reads and checks it.
import type { Witness } from './archive/witness.js';
import type { AddressRanges } from './http/addresses.js';
import type { SigningService } from './opensearch.js';
import type { Quotas } from './rate-limits/port.js';

export interface ShopConfig {
  profile: 'embedded' | 'aws';
  /** A name in `EVENT_STORES`. */
  eventStore: string;
  /** True if that event store keeps the log in the shop's Postgres. */
  isLogInPostgres: boolean;
  /** Absolute path of the folder for local data: the embedded database and keys. */
  dataDir: string;
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Part of the name of every schema, table, stream, index and key. */
  namespace: string;
  /** Requests of each kind per minute. */
  quotas: Quotas;
  /** Proxies whose `X-Forwarded-For` is trusted. */
  trustedProxies: AddressRanges;
  /** Origins whose scripts may use the API in browsers; `*` is every origin. */
  corsOrigins: readonly string[];
  mail: MailConfig;
  /** Documents of the read models that are compared with the log in a second, in the background. */
  comparePerSecond: number;
  /** Region of DynamoDB, Kinesis and S3. */
  awsRegion: string;
  /** S3 bucket of the profile `aws`. Default with an emulator: the namespace and `-objects`. */
  bucket?: string;
  /** True if `REDIS_URL` names a node of a cluster. */
  redisCluster: boolean;
  /** The service whose requests are signed with AWS credentials. Absent: OpenSearch accepts unsigned requests. */
  openSearchSigning?: SigningService;
  /** File of the search's synonyms. Default: those that the product ships. */
  synonymsFile?: string;
  /** Port of the embedded server. Default: any free port. */
  postgresPort?: number;
  archive: ArchiveConfig;
  masterKey?: string;
  /** The KMS key of the profile `aws` that data keys are wrapped under. Absent: the master key wraps them. */
  kmsKey?: string;
  /** Ed25519 key in base64 that signs the archive's checkpoints. */
  auditKey?: string;
  tokenKey?: string;
  /** The key that signed before. Its tokens are still valid. */
  previousTokenKey?: string;
  /** Absent: the product makes no traces. */
  traces?: TracesConfig;
  /** Stripe takes payments if this is set, otherwise the built-in test provider. */
  stripe?: StripeConfig;
}

export interface MailConfig {
  from: string;
  /** Absent: mails are files in the data folder. */
  smtpUrl?: string;
  /** Where people open the links of mails. */
  shopUrl?: string;
}

export interface ArchiveConfig {
  witnesses: readonly Witness[];
  /** File or webhook to which checkpoints are posted. */
  post?: string;
}

export interface TracesConfig {
  /** Address of a collector that takes OTLP over HTTP, without `/v1/traces`. */
  endpoint: string;
  /** Share of the traces that are recorded, from 0 to 1. */
  ratio: number;
  service: string;
}

export interface StripeConfig {
  secretKey: string;
  publishableKey?: string;
  /** If it is absent, webhooks are not accepted. */
  webhookSecret?: string;
  /** Address of a server on this machine that stands in for Stripe. */
  apiUrl?: string;
}
