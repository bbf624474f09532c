// The stores of the read models: RDS for PostgreSQL behind its proxy, DocumentDB, OpenSearch and ElastiCache. Each has an address for
// the functions and, where it has users, a secret that Secrets Manager rotates.
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as docdb from 'aws-cdk-lib/aws-docdb';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elasticache from 'aws-cdk-lib/aws-elasticache';
import { AccountRootPrincipal, PolicyDocument, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { CfnResourcePolicy, LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnDomain } from 'aws-cdk-lib/aws-opensearchservice';
import * as rds from 'aws-cdk-lib/aws-rds';
import { type ISecret, Secret, SecretRotation, SecretRotationApplication } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { EngineName } from '../lambda/functions.js';
import { schemasOf } from '../stores/schemas.js';
import { acknowledge } from './acknowledge.js';
import { retentionOf } from './logs.js';
import { type NetworkStack, SUBNETS } from './network-stack.js';
import type { Stage } from './stages.js';

export interface EngineProps {
  stage: Stage;
  network: NetworkStack;
  key: Key;
  /** Of the store itself: it admits its clients. */
  group: ec2.SecurityGroup;
}

export const PORTS = { postgres: 5432, mongodb: 27017, opensearch: 443, redis: 6379 } as const satisfies Record<
  EngineName,
  number
>;

const IN_STORE_SUBNETS = { subnetGroupName: SUBNETS.stores };
const OTHER_PORT = 'Security groups decide who connects; another port would hide nothing from those who may.';

export class Postgres extends Construct {
  readonly secret: ISecret;
  /** Address of the proxy, which shares the connections of many functions. Its certificate is one that Node.js knows. */
  readonly url: string;
  readonly instance: rds.DatabaseInstance;

  constructor(scope: Construct, id: string, { stage, network, key, group }: EngineProps) {
    super(scope, id);
    const { vpc, logKey } = network;
    const engine = rds.DatabaseInstanceEngine.postgres({ version: rds.PostgresEngineVersion.VER_17 });
    const instanceIdentifier = `${stage.namespace}-postgres`;
    const logs = new LogGroup(this, 'Log', {
      logGroupName: `/aws/rds/instance/${instanceIdentifier}/postgresql`,
      retention: retentionOf(stage),
      encryptionKey: logKey,
    });
    this.instance = new rds.DatabaseInstance(this, 'Instance', {
      instanceIdentifier,
      engine,
      instanceType: new ec2.InstanceType(stage.postgres.instance),
      vpc,
      vpcSubnets: IN_STORE_SUBNETS,
      securityGroups: [group],
      port: PORTS.postgres,
      publiclyAccessible: false,
      multiAz: stage.postgres.isMultiZone,
      databaseName: 'commerce',
      credentials: rds.Credentials.fromGeneratedSecret('commerce', {
        encryptionKey: key,
        excludeCharacters: UNSAFE_IN_URLS,
      }),
      storageType: rds.StorageType.GP3,
      allocatedStorage: stage.postgres.storageGb,
      maxAllocatedStorage: stage.postgres.storageGb * 4,
      storageEncrypted: true,
      storageEncryptionKey: key,
      backupRetention: Duration.days(stage.backupDays),
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      copyTagsToSnapshot: true,
      autoMinorVersionUpgrade: true,
      enablePerformanceInsights: true,
      performanceInsightEncryptionKey: key,
      cloudwatchLogsExports: ['postgresql'],
      parameterGroup: new rds.ParameterGroup(this, 'Parameters', {
        engine,
        // The proxy refuses the search path as an option of a connection, and a SET would pin the connection to one client.
        parameters: {
          'rds.force_ssl': '1',
          log_statement: 'none',
          log_parameter_max_length_on_error: '0',
          search_path: schemasOf({ profile: 'aws', namespace: stage.namespace, isLogInPostgres: false }).readModels,
        },
      }),
    });
    this.instance.node.addDependency(logs);
    acknowledge(this.instance, {
      RDS11: OTHER_PORT,
      ...(!stage.postgres.isMultiZone && { RDS3: 'Read models of dev may be away; they are made again from the log.' }),
    });
    const { secret } = this.instance;
    if (!secret) throw new Error('The instance was given credentials that are no secret.');
    this.secret = secret;
    rotate(this, secret, 'postgres', group, network);

    const proxy = this.instance.addProxy('Proxy', {
      dbProxyName: `${stage.namespace}-postgres`,
      vpc,
      vpcSubnets: IN_STORE_SUBNETS,
      securityGroups: [group],
      secrets: [secret],
      requireTLS: true,
      idleClientTimeout: Duration.minutes(15),
      maxConnectionsPercent: 90,
    });
    // Between the proxy and the instance, which share a group.
    group.connections.allowInternally(ec2.Port.tcp(PORTS.postgres), 'from the proxy to the instance');
    group.addEgressRule(group, ec2.Port.tcp(PORTS.postgres), 'from the proxy');
    this.url = `postgres://${proxy.endpoint}:${PORTS.postgres}/commerce?sslmode=verify-full&search_path=server`;
  }
}

/** Changes the password every month, by a function that Secrets Manager publishes. */
function rotate(
  scope: Construct,
  secret: ISecret,
  engine: keyof typeof ROTATIONS,
  group: ec2.SecurityGroup,
  network: NetworkStack,
): void {
  new SecretRotation(scope, 'Rotation', {
    secret,
    application: ROTATIONS[engine],
    automaticallyAfter: Duration.days(30),
    target: new Target(group, PORTS[engine]),
    vpc: network.vpc,
    vpcSubnets: { subnetGroupName: SUBNETS.functions }, // from where Secrets Manager has an endpoint
    securityGroup: network.rotationGroup,
    excludeCharacters: UNSAFE_IN_URLS,
  });
}

const ROTATIONS = {
  postgres: SecretRotationApplication.POSTGRES_ROTATION_SINGLE_USER,
  mongodb: SecretRotationApplication.MONGODB_ROTATION_SINGLE_USER,
} as const;

/** Passwords are part of addresses. */
const UNSAFE_IN_URLS = ` %+~\`#$&*()|[]{}:;<>?!'/@"\\=,^`;

/** A store by its group alone: the port of an instance is known to another stack only after its creation. */
class Target implements ec2.IConnectable {
  readonly connections: ec2.Connections;
  constructor(group: ec2.ISecurityGroup, port: number) {
    this.connections = new ec2.Connections({ securityGroups: [group], defaultPort: ec2.Port.tcp(port) });
  }
}

export class Documents extends Construct {
  readonly secret: ISecret;
  readonly url: string;
  readonly clusterIdentifier: string;

  constructor(scope: Construct, id: string, { stage, network, key, group }: EngineProps) {
    super(scope, id);
    const clusterName = `${stage.namespace}-documents`;
    const logs = ['audit', 'profiler'].map(
      (kind) =>
        new LogGroup(this, `Log-${kind}`, {
          logGroupName: `/aws/docdb/${clusterName}/${kind}`,
          retention: retentionOf(stage),
          encryptionKey: network.logKey,
        }),
    );
    const cluster = new docdb.DatabaseCluster(this, 'Cluster', {
      dbClusterName: clusterName,
      engineVersion: '5.0.0',
      instanceType: new ec2.InstanceType(stage.documents.instance),
      instances: stage.documents.instances,
      vpc: network.vpc,
      vpcSubnets: IN_STORE_SUBNETS,
      securityGroup: group,
      port: PORTS.mongodb,
      masterUser: { username: 'commerce', kmsKey: key, excludeCharacters: UNSAFE_IN_URLS },
      storageEncrypted: true,
      kmsKey: key,
      backup: { retention: Duration.days(stage.backupDays) },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      exportAuditLogsToCloudWatch: true,
      exportProfilerLogsToCloudWatch: true,
      parameterGroup: new docdb.ClusterParameterGroup(this, 'Parameters', {
        family: 'docdb5.0',
        parameters: { tls: 'enabled', audit_logs: 'enabled', profiler: 'enabled' },
      }),
    });
    for (const log of logs) cluster.node.addDependency(log);
    const inAudit = 'It is one of the kinds of events in the audit log, which is exported.';
    acknowledge(cluster, {
      DOC2: OTHER_PORT,
      DOC3: 'The password is a reference to a secret, which the rule cannot read.',
      'DOC5[LogExport::authenticate]': inAudit,
      'DOC5[LogExport::createIndex]': inAudit,
      'DOC5[LogExport::dropCollection]': inAudit,
    });
    const { secret } = cluster;
    if (!secret) throw new Error('The cluster was given credentials that are no secret.');
    this.secret = secret;
    rotate(this, secret, 'mongodb', group, network);
    this.clusterIdentifier = cluster.clusterIdentifier;
    this.url = `mongodb://${cluster.clusterEndpoint.hostname}:${PORTS.mongodb}/?tls=true&replicaSet=rs0`;
  }
}

export class Search extends Construct {
  readonly domainArn: string;
  readonly domainName: string;
  readonly url: string;

  /** `admin`: ARN of the role that may administer the domain; it gives the other roles their rights there. */
  constructor(scope: Construct, id: string, { stage, network, key, group, admin }: EngineProps & { admin: string }) {
    super(scope, id);
    const stack = Stack.of(this);
    const { instance, instances, masters, storageGb } = stage.search;
    this.domainName = `${stage.namespace}-search`;
    this.domainArn = stack.formatArn({ service: 'es', resource: 'domain', resourceName: this.domainName });
    const zones = instances % 3 === 0 ? 3 : 2;
    const domain = new CfnDomain(this, 'Domain', {
      domainName: this.domainName,
      engineVersion: 'OpenSearch_2.19',
      clusterConfig: {
        instanceType: instance,
        instanceCount: instances,
        dedicatedMasterEnabled: true,
        dedicatedMasterCount: masters,
        dedicatedMasterType: 't3.small.search',
        zoneAwarenessEnabled: true,
        zoneAwarenessConfig: { availabilityZoneCount: zones },
      },
      ebsOptions: { ebsEnabled: true, volumeType: 'gp3', volumeSize: storageGb },
      vpcOptions: {
        subnetIds: network.vpc.selectSubnets(IN_STORE_SUBNETS).subnetIds.slice(0, zones),
        securityGroupIds: [group.securityGroupId],
      },
      encryptionAtRestOptions: { enabled: true, kmsKeyId: key.keyId },
      nodeToNodeEncryptionOptions: { enabled: true },
      domainEndpointOptions: { enforceHttps: true, tlsSecurityPolicy: 'Policy-Min-TLS-1-2-PFS-2023-10' },
      advancedSecurityOptions: {
        enabled: true,
        internalUserDatabaseEnabled: false,
        masterUserOptions: { masterUserArn: admin },
      },
      accessPolicies: new PolicyDocument({
        statements: [
          new PolicyStatement({
            principals: [new AccountRootPrincipal()],
            actions: ['es:ESHttp*'],
            resources: [`${this.domainArn}/*`],
          }),
        ],
      }),
      logPublishingOptions: this.publishedLogs(stage, network.logKey),
      softwareUpdateOptions: { autoSoftwareUpdateEnabled: true },
    });
    domain.applyRemovalPolicy(RemovalPolicy.RETAIN);
    acknowledge(domain, {
      OS3: 'Access is by signed requests of roles and by security group; functions have no fixed addresses.',
    });
    this.url = `https://${domain.attrDomainEndpoint}`;
  }

  private publishedLogs(stage: Stage, logKey: Key): Record<string, CfnDomain.LogPublishingOptionProperty> {
    const service = new ServicePrincipal('es.amazonaws.com');
    const kinds = ['SEARCH_SLOW_LOGS', 'INDEX_SLOW_LOGS', 'ES_APPLICATION_LOGS', 'AUDIT_LOGS'] as const;
    const groups = kinds.map((kind) => {
      const logGroupName = `/aws/opensearch/${this.domainName}/${kind.toLowerCase().replaceAll('_', '-')}`;
      return [
        kind,
        new LogGroup(this, kind, { logGroupName, retention: retentionOf(stage), encryptionKey: logKey }),
      ] as const;
    });
    const policy = new CfnResourcePolicy(this, 'LogPolicy', {
      policyName: `${this.domainName}-logs`,
      policyDocument: JSON.stringify(
        Stack.of(this).resolve(
          new PolicyDocument({
            statements: [
              new PolicyStatement({
                principals: [service],
                actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
                resources: [
                  Stack.of(this).formatArn({
                    service: 'logs',
                    resource: `log-group:/aws/opensearch/${this.domainName}/*`,
                  }),
                ],
              }),
            ],
          }),
        ),
      ),
    });
    return Object.fromEntries(
      groups.map(([kind, group]) => {
        group.node.addDependency(policy);
        return [kind, { enabled: true, cloudWatchLogsLogGroupArn: group.logGroupArn }];
      }),
    );
  }
}

export class Cache extends Construct {
  readonly secret: ISecret;
  /** The configuration endpoint of the cluster. */
  readonly url: string;
  readonly groupId: string;

  constructor(scope: Construct, id: string, { stage, network, key, group }: EngineProps) {
    super(scope, id);
    const { namespace, cache } = stage;
    this.groupId = `${namespace}-cache`;
    const secret = new Secret(this, 'Secret', {
      description: `User of ${this.groupId}`,
      encryptionKey: key,
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ username: 'commerce' }),
        generateStringKey: 'password',
        excludePunctuation: true,
        passwordLength: 64,
      },
    });
    this.secret = secret;
    acknowledge(secret, {
      SMG4: 'Secrets Manager publishes no function that changes passwords of ElastiCache; docs/aws.md says how to change it.',
    });
    const user = new elasticache.CfnUser(this, 'User', {
      engine: 'valkey',
      userId: `${namespace}-commerce`,
      userName: 'commerce',
      // Its own keys, and no command that administers the server. INFO shows whether the server is another one after a failover.
      accessString: `on ~${namespace}:* +@all -@admin -@dangerous +info`,
      authenticationMode: { Type: 'password', Passwords: [secret.secretValueFromJson('password').unsafeUnwrap()] },
    });
    const users = new elasticache.CfnUserGroup(this, 'Users', {
      engine: 'valkey',
      userGroupId: `${namespace}-users`,
      userIds: [user.ref],
    });
    const subnets = new elasticache.CfnSubnetGroup(this, 'Subnets', {
      cacheSubnetGroupName: this.groupId,
      description: `Subnets of ${this.groupId}`,
      subnetIds: network.vpc.selectSubnets(IN_STORE_SUBNETS).subnetIds,
    });
    const parameters = new elasticache.CfnParameterGroup(this, 'Parameters', {
      cacheParameterGroupFamily: 'valkey8',
      description: `Parameters of ${this.groupId}`,
      // The keys are read models and rate limits: none may be dropped to make room.
      properties: { 'cluster-enabled': 'yes', 'maxmemory-policy': 'noeviction' },
    });
    const cluster = new elasticache.CfnReplicationGroup(this, 'Group', {
      replicationGroupId: this.groupId,
      replicationGroupDescription: 'Product pages, units sold and rate limits',
      engine: 'valkey',
      engineVersion: '8.0',
      cacheNodeType: cache.node,
      numNodeGroups: cache.shards,
      replicasPerNodeGroup: cache.replicas,
      automaticFailoverEnabled: true,
      multiAzEnabled: true,
      port: PORTS.redis,
      cacheSubnetGroupName: subnets.ref,
      cacheParameterGroupName: parameters.ref,
      securityGroupIds: [group.securityGroupId],
      transitEncryptionEnabled: true,
      atRestEncryptionEnabled: true,
      kmsKeyId: key.keyId,
      userGroupIds: [users.ref],
      snapshotRetentionLimit: stage.backupDays,
    });
    cluster.applyRemovalPolicy(RemovalPolicy.SNAPSHOT);
    acknowledge(cluster, {
      AEC5: OTHER_PORT,
      AEC6: 'Its user has a password and its own rights; the AUTH token, which it replaces, would have all rights.',
    });
    this.url = `rediss://${cluster.attrConfigurationEndPointAddress}:${PORTS.redis}`;
  }
}
