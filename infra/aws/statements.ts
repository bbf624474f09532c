// What the role of each function may do: explicit statements from the list of functions, and no managed policy.
import type { Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { KMS_ACTIONS } from '../crypto/kms-key-wrap.js';
import { LOG_INDEX } from '../event-store/dynamodb/dynamodb-event-store.js';
import {
  type Actions,
  FUNCTIONS,
  type FunctionName,
  type LambdaFunction,
  type QueueName,
  type Resource,
} from '../lambda/functions.js';
import { TABLES } from '../stores/dynamodb-store.js';
import type { DataStack } from './data-stack.js';
import { namesOf } from './records.js';

/** Names of tables, roles and functions are known before they exist, so that policies need no other stack. */
export function physicalName(namespace: string, name: string): string {
  return `${namespace}-${name}`;
}

/** The role of whoever imports stock files. */
export const STOCK_FILES_ROLE = 'stock-files';

export function roleArnOf(stack: Stack, namespace: string, name: FunctionName | typeof STOCK_FILES_ROLE): string {
  return stack.formatArn({ service: 'iam', region: '', resource: 'role', resourceName: physicalName(namespace, name) });
}

/** Who may put commits: functions that run commands or record who was shown personal data, and whoever imports stock files. */
export const WRITERS = [
  ...namesOf(FUNCTIONS).filter((name) => actionsOn(name, 'events').includes('dynamodb:PutItem')),
  STOCK_FILES_ROLE,
] as const;

export function actionsOn(name: FunctionName, resource: Resource): readonly string[] {
  return definitionOf(name).actions[resource] ?? [];
}

export function definitionOf(name: FunctionName): LambdaFunction {
  return FUNCTIONS[name];
}

/** What an event-source mapping does in the name of its function. */
const READ_STREAM = [
  'kinesis:DescribeStream',
  'kinesis:DescribeStreamSummary',
  'kinesis:GetRecords',
  'kinesis:GetShardIterator',
  'kinesis:ListShards',
];
const READ_QUEUE = ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'];

/** How Lambda puts a function into the network. EC2 knows no resource for them; they give access to no data. */
const JOIN_NETWORK = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
];
const TRACE = ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'];
const LOG = ['logs:CreateLogStream', 'logs:PutLogEvents'];

export interface StatementsProps {
  namespace: string;
  data: DataStack;
  queueArns: Readonly<Record<QueueName, string>>;
  logGroupArn: string;
}

/** Resources with a `*`, and why it has to be there. */
const WILDCARDS: readonly { of: RegExp; reason: string }[] = [
  {
    of: /^\*$/,
    reason: 'Network interfaces of functions and traces have no resources in IAM; neither gives access to data.',
  },
  { of: /:es:.*\/\*$/, reason: 'All paths of one domain; which indices a role may use is decided in the domain.' },
  { of: /^arn:aws:s3:.*-files-/, reason: 'People choose the names of the files that they upload; they are only read.' },
  { of: /^arn:aws:s3:/, reason: 'All objects of one shop in one bucket, which nobody can delete or replace.' },
];

/** Throws if a resource with a `*` has no reason. */
export function reasonOfWildcard(resource: string): string {
  const found = WILDCARDS.find(({ of }) => of.test(resource));
  if (!found) throw new Error(`${resource}: name the resource, or give the reason for the * in WILDCARDS.`);
  return found.reason;
}

export function statementsOf(name: FunctionName, stack: Stack, props: StatementsProps): PolicyStatement[] {
  const { triggers, secrets } = definitionOf(name);
  const { data, queueArns } = props;
  const ofTriggers = triggers.flatMap((trigger) => {
    if (trigger.kind === 'kinesis') {
      if (trigger.stream === 'views') return [allow(READ_STREAM, [data.views.streamArn])];
      return [allow(READ_STREAM, [data.stream.streamArn]), allow(['sqs:SendMessage'], [queueArns['lost-batches']])];
    }
    return trigger.kind === 'sqs' ? [allow(READ_QUEUE, [queueArns[trigger.queue]])] : [];
  });
  const readSecrets = secrets.map((secret) =>
    allow(['secretsmanager:GetSecretValue'], [data.secrets[secret].secretArn]),
  );
  const wrap = actionsOn(name, 'subjectKeys').length > 0 ? [allow(KMS_ACTIONS, [data.wrapKey.keyArn])] : [];
  return [
    ...statementsFor(definitionOf(name).actions, stack, props),
    ...ofTriggers,
    ...readSecrets,
    ...wrap,
    allow(LOG, [props.logGroupArn]),
    allow([...JOIN_NETWORK, ...TRACE], ['*']),
  ];
}

/** The statements for actions on resources of the shop. */
export function statementsFor(
  actions: Actions,
  stack: Stack,
  props: Pick<StatementsProps, 'namespace' | 'data'>,
): PolicyStatement[] {
  return namesOf(actions).flatMap((resource) => statementsOn(resource, actions[resource] ?? [], stack, props));
}

function statementsOn(
  resource: Resource,
  actions: readonly string[],
  stack: Stack,
  { data, namespace }: Pick<StatementsProps, 'namespace' | 'data'>,
): PolicyStatement[] {
  if (actions.length === 0) return [];
  switch (resource) {
    case 'objects': {
      const onBucket = actions.filter((action) => action === 's3:ListBucket');
      const onObjects = actions.filter((action) => action !== 's3:ListBucket');
      const bucketArn = `arn:aws:s3:::${data.objectsName}`;
      return [
        ...(onBucket.length > 0 ? [allow(onBucket, [bucketArn])] : []),
        ...(onObjects.length > 0 ? [allow(onObjects, [`${bucketArn}/${namespace}/*`])] : []),
      ];
    }
    case 'files':
      return [allow(actions, [`arn:aws:s3:::${data.filesName}/*`])];
    case 'stream':
      return [allow(actions, [data.stream.streamArn])];
    case 'views':
      return [allow(actions, [data.views.streamArn])];
    case 'opensearch':
      return [allow(actions, [`${data.search.domainArn}/*`])];
    case 'payment-provider': {
      const name = physicalName(namespace, 'payment-provider');
      return [allow(actions, [stack.formatArn({ service: 'lambda', resource: `function:${name}:${ALIAS}` })])];
    }
    default: {
      const table = stack.formatArn({
        service: 'dynamodb',
        resource: 'table',
        resourceName: physicalName(namespace, TABLES[resource]),
      });
      const onIndex = resource === 'events' && actions.includes('dynamodb:Query');
      return [
        allow(actions, [table]),
        ...(onIndex ? [allow(['dynamodb:Query'], [`${table}/index/${LOG_INDEX}`])] : []),
      ];
    }
  }
}

/** The alias of each function that callers use. */
export const ALIAS = 'live';

function allow(actions: readonly string[], resources: string[]): PolicyStatement {
  return new PolicyStatement({ actions: [...actions], resources });
}
