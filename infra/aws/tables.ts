// The DynamoDB tables, from the same definitions by which local engines get theirs.
import { RemovalPolicy, type Stack } from 'aws-cdk-lib';
import { CfnTable, type CfnTableProps } from 'aws-cdk-lib/aws-dynamodb';
import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IStream } from 'aws-cdk-lib/aws-kinesis';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { TableDefinition } from '../aws.js';
import { SUBJECT_KEYS_TABLE } from '../crypto/subject-keys-dynamodb.js';
import { CHANGE_TIME_PRECISION, EVENTS_TABLE } from '../event-store/dynamodb/dynamodb-event-store.js';
import { SNAPSHOTS_TABLE } from '../event-store/dynamodb/dynamodb-snapshots.js';
import { TTL_ATTRIBUTE } from '../expiring-table.js';
import { IDEMPOTENCY_TABLE } from '../idempotency/dynamodb-idempotency.js';
import { CREDENTIALS_TABLE } from '../identity/credentials-dynamodb.js';
import { PREFERENCES_TABLE } from '../identity/preferences-dynamodb.js';
import { SESSIONS_TABLE } from '../identity/sessions-dynamodb.js';
import { MARK_TABLE, TABLES } from '../stores/dynamodb-store.js';
import { acknowledge } from './acknowledge.js';
import { namesOf, recordOf } from './records.js';

/** The tables that functions use. The event-source mappings lead and remember, so leases and the feed's checkpoints are not needed. */
export type DeployedTable = Exclude<keyof typeof TABLES, 'leases' | 'feedCheckpoints'>;

interface Kind {
  definition: TableDefinition;
  /** Items have an attribute with the time of their expiry. */
  expires: boolean;
  /** Cannot be made again from other data. */
  isRecoverable: boolean;
}

const KINDS = {
  events: { definition: EVENTS_TABLE, expires: false, isRecoverable: true },
  subjectKeys: { definition: SUBJECT_KEYS_TABLE, expires: false, isRecoverable: true },
  mark: { definition: MARK_TABLE, expires: false, isRecoverable: true },
  snapshots: { definition: SNAPSHOTS_TABLE, expires: true, isRecoverable: false },
  credentials: { definition: CREDENTIALS_TABLE, expires: false, isRecoverable: true },
  preferences: { definition: PREFERENCES_TABLE, expires: false, isRecoverable: true },
  sessions: { definition: SESSIONS_TABLE, expires: true, isRecoverable: false },
  idempotency: { definition: IDEMPOTENCY_TABLE, expires: true, isRecoverable: false },
} as const satisfies Record<DeployedTable, Kind>;

/** What nobody may do with the log, not even an administrator. PartiQL has actions of its own. */
export const FORBIDDEN_ON_EVENTS = [
  'dynamodb:UpdateItem',
  'dynamodb:DeleteItem',
  'dynamodb:BatchWriteItem',
  'dynamodb:PartiQLInsert',
  'dynamodb:PartiQLUpdate',
  'dynamodb:PartiQLDelete',
  'dynamodb:DeleteTable',
] as const;

export interface TablesProps {
  namespace: string;
  key: IKey;
  /** Receives each commit. */
  stream: IStream;
  /** ARNs of the roles that may put commits. */
  writers: readonly string[];
}

export function createTables(stack: Stack, props: TablesProps): Record<DeployedTable, CfnTable> {
  return recordOf(namesOf(KINDS), (kind) => createTable(stack, kind, props));
}

function createTable(stack: Stack, kind: DeployedTable, props: TablesProps): CfnTable {
  const { definition, expires, isRecoverable } = KINDS[kind];
  const tableName = `${props.namespace}-${TABLES[kind]}`;
  const table = new CfnTable(stack, `Table-${kind}`, {
    ...(propertiesOf(definition) as CfnTableProps),
    tableName,
    deletionProtectionEnabled: true,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: isRecoverable },
    sseSpecification: { sseEnabled: true, sseType: 'KMS', kmsMasterKeyId: props.key.keyArn },
    ...(expires && { timeToLiveSpecification: { attributeName: TTL_ATTRIBUTE, enabled: true } }),
    ...(kind === 'events' && {
      kinesisStreamSpecification: {
        streamArn: props.stream.streamArn,
        approximateCreationDateTimePrecision: CHANGE_TIME_PRECISION,
      },
      resourcePolicy: { policyDocument: onlyAppendedBy(props.writers, stack, tableName) },
    }),
  });
  table.applyRemovalPolicy(RemovalPolicy.RETAIN);
  if (!isRecoverable) {
    acknowledge(table, {
      DDB3: 'Its records expire within days or can be made again; old ones would bring back sessions that have ended.',
    });
  }
  return table;
}

/** IAM cannot require that a put has its condition; the change feed and the hash chain detect a put that replaces a commit. */
function onlyAppendedBy(writers: readonly string[], stack: Stack, tableName: string): PolicyDocument {
  const table = stack.formatArn({ service: 'dynamodb', resource: 'table', resourceName: tableName });
  const deny = { effect: Effect.DENY, principals: [new AnyPrincipal()], resources: [table] };
  return new PolicyDocument({
    statements: [
      new PolicyStatement({ ...deny, sid: 'NobodyChangesCommits', actions: [...FORBIDDEN_ON_EVENTS] }),
      new PolicyStatement({
        ...deny,
        sid: 'OnlyCommandsAppend',
        actions: ['dynamodb:PutItem'],
        conditions: { ArnNotEquals: { 'aws:PrincipalArn': writers } },
      }),
    ],
  });
}

/** The CDK begins the same names in lower case. */
function propertiesOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(propertiesOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name.charAt(0).toLowerCase() + name.slice(1), propertiesOf(each)]),
  );
}
