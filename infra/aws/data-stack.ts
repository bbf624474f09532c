// What keeps data: the log with its stream, the stores of the read models, objects and secrets. Nothing here is reachable from the
// internet, and everything is encrypted at rest by keys of the shop.
import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import type { CfnTable } from 'aws-cdk-lib/aws-dynamodb';
import { Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { AnyPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import { Key } from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { EngineName } from '../lambda/functions.js';
import type { SecretName } from '../lambda/secrets.js';
import { STREAM, VIEW_STREAM } from '../stores/dynamodb-store.js';
import { acknowledge } from './acknowledge.js';
import { Cache, Documents, PORTS, Postgres, Search } from './engines.js';
import type { NetworkStack } from './network-stack.js';
import { namesOf, recordOf } from './records.js';
import type { Stage } from './stages.js';
import { createTables, type DeployedTable } from './tables.js';

/** Secrets that people fill in, and why nothing rotates them. */
const FILLED_IN = {
  masterKey: 'Replacing it would make all personal data unreadable.',
  tokenKey: 'Its public half is distributed with it; docs/aws.md says how to replace both.',
  tokenPublicKey: 'It is not secret, and is replaced together with the private half.',
  auditKey: 'Checkpoints of the archive are signed by one key for the life of the log.',
  smtpUrl: 'SES makes its user and password; docs/aws.md says how to replace them.',
  stripeKey: 'Stripe makes it; docs/aws.md says how to replace it.',
  stripeWebhookSecret: 'Stripe makes it; docs/aws.md says how to replace it.',
} as const satisfies Partial<Record<SecretName, string>>;

export class DataStack extends Stack {
  readonly tables: Readonly<Record<DeployedTable, CfnTable>>;
  readonly stream: kinesis.Stream;
  readonly views: kinesis.Stream;
  readonly objects: s3.Bucket;
  readonly objectsName: string;
  /** Files that people upload, such as counts of the stock. */
  readonly files: s3.Bucket;
  readonly filesName: string;
  readonly accessLogs: s3.Bucket;
  /** Lets a function connect to a store. */
  readonly clientGroups: Readonly<Record<EngineName, SecurityGroup>>;
  readonly postgres: Postgres;
  readonly documents: Documents;
  readonly search: Search;
  readonly cache: Cache;
  readonly secrets: Readonly<Record<SecretName, ISecret>>;
  /** Wraps the data keys of people. */
  readonly wrapKey: Key;

  constructor(
    scope: Construct,
    id: string,
    props: StackProps & { stage: Stage; network: NetworkStack; writers: readonly string[]; searchAdmin: string },
  ) {
    super(scope, id, props);
    const { stage, network, writers, searchAdmin } = props;
    const { namespace } = stage;
    const key = this.storageKey();
    this.wrapKey = new Key(this, 'WrapKey', {
      description: `${namespace}: wraps the data keys of people`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });

    this.stream = new kinesis.Stream(this, 'Commits', {
      streamName: `${namespace}-${STREAM}`,
      streamMode: kinesis.StreamMode.ON_DEMAND,
      encryption: kinesis.StreamEncryption.KMS,
      encryptionKey: key,
      retentionPeriod: Duration.days(7),
    });
    acknowledge(this.stream, { KDS3: 'Commits have personal data, which is under keys of the shop everywhere.' });
    this.views = new kinesis.Stream(this, 'Views', {
      streamName: `${namespace}-${VIEW_STREAM}`,
      streamMode: kinesis.StreamMode.ON_DEMAND,
      encryption: kinesis.StreamEncryption.KMS,
      encryptionKey: key,
      retentionPeriod: Duration.days(1),
    });
    acknowledge(this.views, { KDS3: 'Views name products and a hash of a random id, under a key of the shop.' });
    this.tables = createTables(this, { namespace, key, stream: this.stream, writers });

    this.accessLogs = this.accessLogBucket(stage);
    this.objectsName = `${namespace}-objects-${stage.account}`;
    this.objects = this.objectBucket(stage, key);
    this.filesName = `${namespace}-files-${stage.account}`;
    this.files = this.fileBucket(key);

    const engines = namesOf(PORTS);
    const groups = recordOf(engines, (engine) => this.group(`Store-${engine}`, `The store ${engine}`, network));
    this.clientGroups = recordOf(engines, (engine) => this.clientsOf(engine, groups[engine], network));
    for (const engine of ['postgres', 'mongodb'] as const) {
      groups[engine].addIngressRule(network.rotationGroup, Port.tcp(PORTS[engine]), 'changes of the password');
    }
    const depsOf = (engine: EngineName) => ({ stage, network, key, group: groups[engine] });
    this.postgres = new Postgres(this, 'Postgres', depsOf('postgres'));
    this.documents = new Documents(this, 'Documents', depsOf('mongodb'));
    this.search = new Search(this, 'Search', { ...depsOf('opensearch'), admin: searchAdmin });
    this.cache = new Cache(this, 'Cache', depsOf('redis'));

    this.secrets = {
      ...recordOf(namesOf(FILLED_IN), (name) => this.secretToFillIn(name, namespace, key)),
      postgres: this.postgres.secret,
      mongodb: this.documents.secret,
      redis: this.cache.secret,
    };
  }

  private clientsOf(engine: EngineName, store: SecurityGroup, network: NetworkStack): SecurityGroup {
    const clients = this.group(`Clients-${engine}`, `Functions that use ${engine}`, network);
    clients.connections.allowTo(store, Port.tcp(PORTS[engine]), `to ${engine}`);
    return clients;
  }

  private group(id: string, description: string, { vpc }: NetworkStack): SecurityGroup {
    return new SecurityGroup(this, id, { vpc, description, allowAllOutbound: false });
  }

  private secretToFillIn(name: keyof typeof FILLED_IN, namespace: string, encryptionKey: Key): ISecret {
    const secret = new Secret(this, `Secret-${name}`, {
      secretName: `${namespace}/${name}`,
      description: `${name} of ${namespace}; filled in by hand: see docs/aws.md`,
      encryptionKey,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    acknowledge(secret, { SMG4: FILLED_IN[name] });
    return secret;
  }

  /** Whoever may use a store may use its key, but only through the service of that store. */
  private storageKey(): Key {
    const key = new Key(this, 'Key', {
      description: `${this.stackName}: data at rest`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const services = ['dynamodb', 'kinesis', 's3', 'secretsmanager'].map(
      (name) => `${name}.${this.region}.amazonaws.com`,
    );
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'ThroughTheStores',
        principals: [new AnyPrincipal()],
        actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
        resources: ['*'],
        conditions: { StringEquals: { 'kms:CallerAccount': this.account, 'kms:ViaService': services } },
      }),
    );
    return key;
  }

  private objectBucket({ retention }: Stage, encryptionKey: Key): s3.Bucket {
    const period = Duration.days(retention.days);
    return this.bucket('Objects', this.objectsName, {
      encryptionKey,
      objectLockEnabled: true,
      objectLockDefaultRetention:
        retention.mode === 'COMPLIANCE'
          ? s3.ObjectLockRetention.compliance(period)
          : s3.ObjectLockRetention.governance(period),
    });
  }

  private fileBucket(encryptionKey: Key): s3.Bucket {
    return this.bucket('Files', this.filesName, {
      encryptionKey,
      lifecycleRules: [{ expiration: Duration.days(30), abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    });
  }

  private accessLogBucket({ namespace, account, logDays }: Stage): s3.Bucket {
    const bucket = new s3.Bucket(this, 'AccessLogs', {
      ...PRIVATE,
      bucketName: `${namespace}-access-logs-${account}`,
      encryption: s3.BucketEncryption.S3_MANAGED, // load balancers write to no other
      lifecycleRules: [{ expiration: Duration.days(logDays) }],
    });
    acknowledge(bucket, { S1: 'It holds the access logs; logging its own requests would never end.' });
    return bucket;
  }

  private bucket(id: string, bucketName: string, props: s3.BucketProps): s3.Bucket {
    return new s3.Bucket(this, id, {
      ...PRIVATE,
      bucketName,
      encryption: s3.BucketEncryption.KMS,
      bucketKeyEnabled: true,
      serverAccessLogsBucket: this.accessLogs,
      serverAccessLogsPrefix: `${id.toLowerCase()}/`,
      ...props,
    });
  }
}

const PRIVATE = {
  blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
  objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
  versioned: true,
  removalPolicy: RemovalPolicy.RETAIN,
} as const satisfies s3.BucketProps;
