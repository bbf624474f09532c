// The functions, each with a role and a log group of its own, and what starts those that no request starts.
import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import type { ISecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as FunctionTarget } from 'aws-cdk-lib/aws-events-targets';
import {
  AccountRootPrincipal,
  CompositePrincipal,
  type IRole,
  PolicyDocument,
  type PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { FUNCTIONS, type FunctionName, type QueueName, STOCK_FILES } from '../lambda/functions.js';
import { SECRETS } from '../lambda/secrets.js';
import { acknowledge } from './acknowledge.js';
import type { DataStack } from './data-stack.js';
import { retentionOf } from './logs.js';
import { type NetworkStack, SUBNETS } from './network-stack.js';
import { namesOf, recordOf } from './records.js';
import type { Stage } from './stages.js';
import {
  ALIAS,
  actionsOn,
  definitionOf,
  physicalName,
  reasonOfWildcard,
  roleArnOf,
  STOCK_FILES_ROLE,
  statementsFor,
  statementsOf,
} from './statements.js';

/** The code of a function. Tests give none that has to be bundled. */
export type CodeOf = (name: FunctionName) => lambda.Code;

export interface FunctionsProps extends StackProps {
  stage: Stage;
  network: NetworkStack;
  data: DataStack;
  codeOf: CodeOf;
}

/** A message waits this long for a function that is busy or fails, as AWS recommends: six times the function's own time. */
const VISIBILITY_FACTOR = 6;
const MAX_RECEIVES = 10;

export class FunctionsStack extends Stack {
  readonly aliases: Readonly<Record<FunctionName, lambda.Alias>>;
  readonly queues: Readonly<Record<QueueName, { queue: Queue; dead: Queue }>>;
  private readonly props: FunctionsProps;

  constructor(scope: Construct, id: string, props: FunctionsProps) {
    super(scope, id, props);
    this.props = props;
    this.queues = { 'lost-batches': this.queue('lost-batches') };
    this.aliases = recordOf(namesOf(FUNCTIONS), (name) => this.deployed(name));
    for (const name of namesOf(FUNCTIONS)) this.addTriggers(name);
    this.addStockFilesRole();
  }

  /** For people of this account who may assume it, and for a container that they start. */
  private addStockFilesRole(): void {
    const { stage, data } = this.props;
    const statements = statementsFor(STOCK_FILES, this, { namespace: stage.namespace, data });
    const role = new Role(this, `Role-${STOCK_FILES_ROLE}`, {
      roleName: physicalName(stage.namespace, STOCK_FILES_ROLE),
      description: 'Imports stock files: commerce import stock s3://...',
      assumedBy: new CompositePrincipal(new AccountRootPrincipal(), new ServicePrincipal('ecs-tasks.amazonaws.com')),
      inlinePolicies: { statements: new PolicyDocument({ statements }) },
    });
    this.acknowledgeWildcards(role, statements);
  }

  private deployed(name: FunctionName): lambda.Alias {
    const { stage, network, codeOf } = this.props;
    const { memoryMb, timeoutS, internet, provisioned, concurrency } = definitionOf(name);
    const functionName = physicalName(stage.namespace, name);
    const logGroup = new LogGroup(this, `Log-${name}`, {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: retentionOf(stage),
      encryptionKey: network.logKey,
    });
    const deployed = new lambda.Function(this, `Function-${name}`, {
      functionName,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      handler: 'index.handler',
      code: codeOf(name),
      role: this.roleOf(name, logGroup),
      logGroup,
      loggingFormat: lambda.LoggingFormat.TEXT, // the functions write JSON lines themselves
      memorySize: memoryMb,
      timeout: Duration.seconds(timeoutS),
      environment: this.environmentOf(name),
      tracing: lambda.Tracing.ACTIVE,
      vpc: network.vpc,
      vpcSubnets: { subnetGroupName: internet ? SUBNETS.payments : SUBNETS.functions },
      securityGroups: this.groupsOf(name),
      reservedConcurrentExecutions: concurrency,
    });
    const ready = provisioned * stage.provisioned;
    return new lambda.Alias(this, `Alias-${name}`, {
      aliasName: ALIAS,
      version: deployed.currentVersion,
      provisionedConcurrentExecutions: ready > 0 ? ready : undefined,
    });
  }

  private roleOf(name: FunctionName, logGroup: LogGroup): IRole {
    const { stage, data } = this.props;
    const statements = statementsOf(name, this, {
      namespace: stage.namespace,
      data,
      queueArns: recordOf(namesOf(this.queues), (queue) => this.queues[queue].queue.queueArn),
      logGroupArn: logGroup.logGroupArn,
    });
    const role = new Role(this, `Role-${name}`, {
      roleName: physicalName(stage.namespace, name),
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: { statements: new PolicyDocument({ statements }) },
    });
    this.acknowledgeWildcards(role, statements);
    // The CDK adds nothing to what is listed.
    return role.withoutPolicyUpdates();
  }

  private acknowledgeWildcards(role: Role, statements: readonly PolicyStatement[]): void {
    const wildcards = statements.flatMap(({ resources }) => resources).filter((resource) => resource.includes('*'));
    const acknowledged = wildcards.map((resource) => [`IAM5[Resource::${resource}]`, reasonOfWildcard(resource)]);
    acknowledge(role, Object.fromEntries(acknowledged));
  }

  private groupsOf(name: FunctionName): ISecurityGroup[] {
    const { network, data } = this.props;
    const { engines, secrets } = definitionOf(name);
    const mail = secrets.includes('smtpUrl') ? [network.mailGroup] : [];
    return [network.httpsGroup, ...mail, ...engines.map((engine) => data.clientGroups[engine])];
  }

  private environmentOf(name: FunctionName): Record<string, string> {
    const { stage, data } = this.props;
    const { engines, secrets, triggers } = definitionOf(name);
    const addresses = {
      postgres: { DATABASE_URL: data.postgres.url },
      mongodb: { MONGODB_URL: data.documents.url },
      opensearch: { OPENSEARCH_URL: data.search.url, COMMERCE_OPENSEARCH_SIGNING: 'es' },
      redis: { REDIS_URL: data.cache.url, COMMERCE_REDIS_CLUSTER: '1' },
    };
    const isBehindLoadBalancer = triggers.some(({ kind }) => kind === 'alb');
    return {
      COMMERCE_PROFILE: 'aws',
      COMMERCE_NAMESPACE: stage.namespace,
      COMMERCE_ENV: stage.environment,
      COMMERCE_LOG: 'info',
      COMMERCE_BUCKET: data.objectsName,
      COMMERCE_CORS_ORIGINS: stage.corsOrigins.join(','),
      COMMERCE_MAIL_FROM: stage.mail.from,
      COMMERCE_SHOP_URL: stage.mail.shopUrl,
      // Authorities of Amazon that sign the certificates of DocumentDB, as the runtime has them.
      NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem',
      ...(isBehindLoadBalancer && { COMMERCE_TRUSTED_PROXIES: this.props.network.vpc.vpcCidrBlock }),
      ...Object.assign({}, ...engines.map((engine) => addresses[engine])),
      ...Object.fromEntries(secrets.map((secret) => [`${SECRETS[secret]}_SECRET_ARN`, data.secrets[secret].secretArn])),
      ...(actionsOn(name, 'subjectKeys').length > 0 && { COMMERCE_KMS_KEY: data.wrapKey.keyArn }),
      ...(actionsOn(name, 'payment-provider').length > 0 && {
        COMMERCE_PAYMENT_FUNCTION: `${physicalName(stage.namespace, 'payment-provider')}:${ALIAS}`,
      }),
      ...(name === 'set-up' && { COMMERCE_SEARCH_ROLES: JSON.stringify(this.searchRoles()) }),
    };
  }

  /** Whom `set-up` lets read the indices of the shop, and whom write them. */
  private searchRoles(): { reads: string[]; indexes: string[] } {
    const { namespace } = this.props.stage;
    const users = namesOf(FUNCTIONS).filter((name) => name !== 'set-up' && actionsOn(name, 'opensearch').length > 0);
    const indexes = users.filter((name) => actionsOn(name, 'opensearch').includes('es:ESHttpPut'));
    const arns = (names: FunctionName[]) => names.map((name) => roleArnOf(this, namespace, name));
    return { reads: arns(users.filter((name) => !indexes.includes(name))), indexes: arns(indexes) };
  }

  private addTriggers(name: FunctionName): void {
    const target = this.aliases[name];
    for (const trigger of definitionOf(name).triggers) {
      if (trigger.kind === 'kinesis') {
        const isOfViews = trigger.stream === 'views';
        const lostBatches = this.queues['lost-batches'].queue.queueArn;
        new lambda.EventSourceMapping(this, `${isOfViews ? 'Views' : 'Commits'}-${name}`, {
          target,
          eventSourceArn: isOfViews ? this.props.data.views.streamArn : this.props.data.stream.streamArn,
          startingPosition: lambda.StartingPosition.TRIM_HORIZON,
          batchSize: trigger.batchSize,
          parallelizationFactor: trigger.parallelism,
          bisectBatchOnError: true,
          reportBatchItemFailures: !isOfViews,
          retryAttempts: trigger.retries,
          maxRecordAge: Duration.seconds(trigger.maxAgeS),
          ...(!isOfViews && { onFailure: { bind: () => ({ destination: lostBatches }) } }),
        });
      }
      if (trigger.kind === 'sqs') {
        new lambda.EventSourceMapping(this, `${trigger.queue}-${name}`, {
          target,
          eventSourceArn: this.queues[trigger.queue].queue.queueArn,
          batchSize: trigger.batchSize,
          reportBatchItemFailures: true,
        });
      }
      if (trigger.kind === 'schedule') {
        const every = Duration.minutes(trigger.everyMinutes);
        // A run that could not start is not made up for: the next one does its work.
        target.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) });
        new Rule(this, `Every-${name}`, {
          ruleName: physicalName(this.props.stage.namespace, name),
          schedule: Schedule.rate(every),
          targets: [new FunctionTarget(target, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
        });
      }
    }
  }

  private queue(name: QueueName): { queue: Queue; dead: Queue } {
    const { stage } = this.props;
    const dead = new Queue(this, `Dead-${name}`, {
      queueName: physicalName(stage.namespace, `${name}-dead`),
      ...ENCRYPTED,
      retentionPeriod: Duration.days(14),
    });
    const timeouts = namesOf(FUNCTIONS)
      .map(definitionOf)
      .filter(({ triggers }) => triggers.some((trigger) => trigger.kind === 'sqs' && trigger.queue === name))
      .map(({ timeoutS }) => timeoutS);
    const queue = new Queue(this, `Queue-${name}`, {
      queueName: physicalName(stage.namespace, name),
      ...ENCRYPTED,
      retentionPeriod: Duration.days(14),
      visibilityTimeout: Duration.seconds(VISIBILITY_FACTOR * Math.max(...timeouts)),
      deadLetterQueue: { queue: dead, maxReceiveCount: MAX_RECEIVES },
    });
    return { queue, dead };
  }
}

/** Messages have numbers of records, and no data of people. */
const ENCRYPTED = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true } as const;
