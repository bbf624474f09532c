// What the product is put together from: one token per port, bound by the module of a profile or by the shop's own.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { ServiceIdentifier } from 'inversify';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Sessions } from '../../commands/identity/ports.js';
import type { CheckoutProcess } from '../../commands/processes/checkout-process.js';
import type { CommandRunner } from '../../commands/runtime/command-runner.js';
import type { Clock } from '../../domain/kernel/clock.js';
import type { EventStore, SnapshotStore } from '../../domain/kernel/event-store.js';
import type { ChangeFeed } from '../../domain/kernel/feed.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import type { Config } from '../config.js';
import type { SubjectKeys } from '../crypto/subject-keys.js';
import type { CommitCodec } from '../event-store/codec.js';
import type { IdempotencyStore } from '../idempotency/port.js';
import type { Tokens } from '../identity/tokens.js';
import type { Lifecycle } from './lifecycle.js';
import type { ReadModels } from './read-models.js';

function token<T>(name: string): ServiceIdentifier<T> {
  return Symbol.for(name);
}

export const CONFIG = token<Config>('Config');
export const CLOCK = token<Clock>('Clock');
export const LOG = token<Logger>('Logger');
export const METRICS = token<Registry>('Registry');
export const LIFECYCLE = token<Lifecycle>('Lifecycle');

export const POSTGRES = token<Pool>('Pool');
export const DYNAMODB = token<DynamoDBClient>('DynamoDBClient');

export const CODEC = token<CommitCodec>('CommitCodec');
export const EVENT_STORE = token<EventStore>('EventStore');
export const SNAPSHOTS = token<SnapshotStore>('SnapshotStore');
export const FEED = token<ChangeFeed>('ChangeFeed');
export const SUBJECT_KEYS = token<SubjectKeys>('SubjectKeys');
export const PERSONAL_DATA = token<PersonalData>('PersonalData');
export const SESSIONS = token<Sessions>('Sessions');
export const IDEMPOTENCY = token<IdempotencyStore>('IdempotencyStore');
export const TOKENS = token<Tokens>('Tokens');
export const READ_MODELS = token<ReadModels>('ReadModels');

export const RUNNER = token<CommandRunner>('CommandRunner');
export const CHECKOUT = token<CheckoutProcess>('CheckoutProcess');
