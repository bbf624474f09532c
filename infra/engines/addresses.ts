// Addresses of the engines: from the environment, or those that `commerce engines up` started.
import { join } from 'node:path';
import { defined } from '../../domain/kernel/json.js';
import { ENGINES } from './definitions.js';
import { runFolder } from './folders.js';
import { runningEngine } from './local-engines.js';

export interface EngineAddresses {
  /** Only from the environment. Without it, programs open the Postgres of their data folder with `openPostgres`. */
  readonly databaseUrl?: string;
  /** DynamoDB, Kinesis and S3 of an emulator. Without it, the AWS SDK uses the real services. */
  readonly awsEndpoint?: string;
  readonly mongodbUrl?: string;
  readonly opensearchUrl?: string;
  readonly redisUrl?: string;
  /** Only from the environment. */
  readonly eventStoreDbUrl?: string;
}

const KEYS = {
  ministack: 'awsEndpoint',
  mongodb: 'mongodbUrl',
  opensearch: 'opensearchUrl',
  redis: 'redisUrl',
} as const;

export async function engineAddresses(): Promise<EngineAddresses> {
  const found = await Promise.all(ENGINES.map(async (engine) => [KEYS[engine.name], await addressOf(engine)] as const));
  const databaseUrl = process.env.DATABASE_URL || undefined;
  const eventStoreDbUrl = process.env.EVENTSTORE_URL || undefined;
  return {
    ...defined({ databaseUrl, eventStoreDbUrl }),
    ...Object.fromEntries(found.filter(([, address]) => address !== undefined)),
  };
}

/** Of an engine that is started by `engines up`, or named by its variable alone. */
export async function addressOf({ name, variable }: { name: string; variable: string }): Promise<string | undefined> {
  return process.env[variable] || (await runningEngine(join(runFolder(), name)))?.address;
}
