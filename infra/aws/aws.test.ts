// Synthesises all stages in this process, without AWS, and asserts on the templates what docs/aws.md promises. The CDK is a package of
// its own; where it is not installed these tests are skipped, or fail with REQUIRE_ENGINES=1.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { the } from '../../test/the.js';
import { MAX_BODY_BYTES } from '../http/limits.js';
import { FUNCTIONS, type FunctionName } from '../lambda/functions.js';
import { ALARMS } from '../metrics/alarms.js';
import { allEndpoints } from '../modules/all-endpoints.js';
import { TABLES } from '../stores/dynamodb-store.js';
import type { Stage } from './stages.js';
import type { Json, Templates } from './templates.js';

const IAM_PAGE = join(import.meta.dirname, '../../docs/iam.md');
const NOT_INSTALLED = 'The AWS stacks are not tested: install the CDK by `npm --prefix infra/aws ci`.';

/** The most bytes and resources of one template. */
const MAX_TEMPLATE_BYTES = 1_000_000;
const MAX_RESOURCES = 500;

interface Synthesised {
  stage: Stage;
  templates: Templates;
  sizes: { name: string; bytes: number; resources: number }[];
}

describe('The AWS stacks', function () {
  this.timeout(120_000);
  let stages: Synthesised[] = [];
  let endpoints: readonly Endpoint[] = [];
  let own: Own;

  before(async function () {
    if (!existsSync(join(import.meta.dirname, 'node_modules/aws-cdk-lib'))) {
      if (process.env.REQUIRE_ENGINES === '1') throw new Error(NOT_INSTALLED);
      console.error(`\n${NOT_INSTALLED}`);
      this.skip();
    }
    own = await loadOwn();
    endpoints = await allEndpoints();
    stages = own.synthesise(endpoints);
  });

  it('raise no finding of cdk-nag that is not acknowledged with its reason', () => {
    // createApp throws otherwise, before any test.
    expect(stages.map(({ stage }) => stage.name)).to.deep.equal(['dev', 'prod']);
  });

  it('are within the limits of CloudFormation', () => {
    for (const { sizes } of stages) {
      for (const { name, bytes, resources } of sizes) {
        expect(bytes, name).to.be.below(MAX_TEMPLATE_BYTES);
        expect(resources, name).to.be.below(MAX_RESOURCES);
      }
    }
  });

  describe('keep data so that it', () => {
    it('is encrypted at rest by keys of the shop, which are replaced every year', () => {
      each(stages, ({ templates: { ofType, text } }) => {
        for (const { properties } of ofType('AWS::KMS::Key')) expect(properties.EnableKeyRotation).to.equal(true);
        const isShops = (value: unknown, what: string) =>
          expect(text(value), what).to.match(/^<(Key|LogKey|TopicKey|AlarmKey)>$/);
        for (const [type, keyOf] of Object.entries(KEY_OF)) {
          const found = ofType(type);
          expect(found, type).to.not.be.empty;
          for (const { id, properties } of found) isShops(keyOf(properties), id);
        }
        for (const { id, properties } of ofType('AWS::S3::Bucket')) {
          const [rule] = at<Json[]>(properties, 'BucketEncryption.ServerSideEncryptionConfiguration');
          const { SSEAlgorithm, KMSMasterKeyID } = at<Json>(the(rule), 'ServerSideEncryptionByDefault');
          if (id.startsWith('AccessLogs')) expect(SSEAlgorithm).to.equal('AES256');
          else isShops(KMSMasterKeyID, id);
        }
        for (const { id, properties } of ofType('AWS::SQS::Queue')) {
          expect(properties.SqsManagedSseEnabled, id).to.equal(true);
        }
      });
    });

    it('is encrypted in transit', () => {
      each(stages, ({ templates: { ofType } }) => {
        expect(only(ofType('AWS::RDS::DBProxy')).RequireTLS).to.equal(true);
        expect(at(only(ofType('AWS::RDS::DBParameterGroup')), 'Parameters')).to.include({ 'rds.force_ssl': '1' });
        expect(at(only(ofType('AWS::DocDB::DBClusterParameterGroup')), 'Parameters')).to.include({ tls: 'enabled' });
        expect(only(ofType('AWS::ElastiCache::ReplicationGroup')).TransitEncryptionEnabled).to.equal(true);
        const search = only(ofType('AWS::OpenSearchService::Domain'));
        expect(at(search, 'DomainEndpointOptions.EnforceHTTPS')).to.equal(true);
        expect(at(search, 'NodeToNodeEncryptionOptions.Enabled')).to.equal(true);
        for (const { properties } of ofType('AWS::S3::BucketPolicy')) {
          const denied = JSON.stringify(properties.PolicyDocument);
          expect(denied).to.include('"aws:SecureTransport":"false"').and.to.include('"s3:TlsVersion":1.2');
        }
        const listeners = ofType('AWS::ElasticLoadBalancingV2::Listener').map(({ properties }) => properties);
        expect(listeners.map(({ Port, Protocol }) => [Port, Protocol])).to.have.deep.members([
          [80, 'HTTP'],
          [443, 'HTTPS'],
        ]);
        for (const { Port, DefaultActions } of listeners) {
          if (Port === 80) expect(at<Json[]>({ DefaultActions }, 'DefaultActions')[0]).to.include({ Type: 'redirect' });
        }
        expect(only(ofType('AWS::ApiGateway::DomainName')).SecurityPolicy).to.equal('TLS_1_2');
      });
    });

    it('is not public: stores and functions have no way to the internet, and only the load balancer admits strangers', () => {
      each(stages, ({ templates: { ofType, text } }) => {
        expect(only(ofType('AWS::RDS::DBInstance')).PubliclyAccessible).to.equal(false);
        for (const { id, properties } of ofType('AWS::S3::Bucket')) {
          const block = ['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets'];
          expect(properties.PublicAccessBlockConfiguration, id).to.deep.equal(
            Object.fromEntries(block.map((name) => [name, true])),
          );
        }
        const outward = ofType('AWS::EC2::Route').filter(
          ({ properties }) => properties.DestinationCidrBlock === '0.0.0.0/0',
        );
        const tables = [...new Set(outward.map(({ properties }) => text(properties.RouteTableId)))];
        expect(tables.filter((table) => !/^<Vpc\/(public|payments)Subnet\d\/RouteTable>$/.test(table))).to.deep.equal(
          [],
        );
        for (const { id, properties } of ofType('AWS::EC2::SecurityGroup')) {
          const open = ((properties.SecurityGroupIngress ?? []) as Json[]).filter(
            ({ CidrIp, CidrIpv6 }) => CidrIp ?? CidrIpv6,
          );
          if (id.startsWith('LoadBalancer')) expect(open.map(({ FromPort }) => FromPort)).to.have.members([80, 443]);
          else expect(open, id).to.deep.equal([]);
        }
        const separate = ofType('AWS::EC2::SecurityGroupIngress').filter(({ properties }) => properties.CidrIp);
        expect(separate.map(({ properties }) => properties.FromPort)).to.satisfy((ports: number[]) =>
          ports.every((port) => [80, 443].includes(port)),
        );
        const subnetsOf = (value: unknown) => (value as unknown[]).map((subnet) => text(subnet).replace(/\d.*/, ''));
        const groups = [
          'AWS::RDS::DBSubnetGroup',
          'AWS::DocDB::DBSubnetGroup',
          'AWS::ElastiCache::SubnetGroup',
        ].flatMap(ofType);
        for (const { properties } of groups)
          expect(new Set(subnetsOf(properties.SubnetIds))).to.deep.equal(new Set(['<Vpc/storesSubnet']));
        const search = only(ofType('AWS::OpenSearchService::Domain'));
        expect(new Set(subnetsOf(at(search, 'VPCOptions.SubnetIds')))).to.deep.equal(new Set(['<Vpc/storesSubnet']));
      });
    });

    it('can be restored, and is not deleted by accident', () => {
      each(stages, ({ templates: { ofType, text } }) => {
        for (const { id, properties, deletionPolicy } of ofType('AWS::DynamoDB::Table')) {
          expect(properties, id).to.include({ DeletionProtectionEnabled: true, BillingMode: 'PAY_PER_REQUEST' });
          expect(deletionPolicy, id).to.equal('Retain');
          const isRecovered = /-(events|subject-keys|store-mark|credentials|preferences)$/.test(
            String(properties.TableName),
          );
          expect(at(properties, 'PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled'), id).to.equal(
            isRecovered,
          );
          const expires = (properties.TimeToLiveSpecification as Json | undefined)?.Enabled === true;
          expect(expires, id).to.equal(!isRecovered);
        }
        const events = the(ofType('AWS::DynamoDB::Table').find(({ id }) => id === 'Tableevents')).properties;
        expect(text(at(events, 'KinesisStreamSpecification.StreamArn'))).to.equal('<Commits>');
        const hoursOf = new Map(
          ofType('AWS::Kinesis::Stream').map(({ id, properties }) => {
            expect(at(properties, 'StreamModeDetails.StreamMode')).to.equal('ON_DEMAND');
            return [id, properties.RetentionPeriodHours];
          }),
        );
        expect([...hoursOf.values()].sort()).to.deep.equal([168, 24]);
        for (const type of ['AWS::RDS::DBInstance', 'AWS::DocDB::DBCluster']) {
          const store = only(ofType(type));
          expect(store.DeletionProtection, type).to.equal(true);
          expect(store.BackupRetentionPeriod, type).to.be.at.least(7);
        }
        const kept = [
          'AWS::S3::Bucket',
          'AWS::KMS::Key',
          'AWS::Kinesis::Stream',
          'AWS::OpenSearchService::Domain',
        ].flatMap(ofType);
        for (const { id, deletionPolicy } of kept) expect(deletionPolicy, id).to.equal('Retain');
        const objects = the(ofType('AWS::S3::Bucket').find(({ id }) => id.startsWith('Objects'))).properties;
        expect(objects.ObjectLockEnabled).to.equal(true);
        expect(at(objects, 'ObjectLockConfiguration.Rule.DefaultRetention.Mode')).to.match(/^(GOVERNANCE|COMPLIANCE)$/);
      });
    });

    it('is in tables with the keys and indexes that local engines have', async () => {
      const { EVENTS_TABLE } = await import('../event-store/dynamodb/dynamodb-event-store.js');
      each(stages, ({ stage, templates: { ofType } }) => {
        const tables = ofType('AWS::DynamoDB::Table').map(({ properties }) => properties);
        const events = the(tables.find(({ TableName }) => TableName === `${stage.namespace}-events`));
        const { AttributeDefinitions, KeySchema, GlobalSecondaryIndexes } = events;
        const { BillingMode: _, DeletionProtectionEnabled: __, ...definition } = EVENTS_TABLE;
        expect({ AttributeDefinitions, KeySchema, GlobalSecondaryIndexes }).to.deep.equal(definition);
        const names = tables.map(({ TableName }) => String(TableName).replace(`${stage.namespace}-`, ''));
        expect(names).to.have.members(
          Object.values(TABLES).filter((name) => !['leases', 'feed-checkpoints'].includes(name)),
        );
      });
    });

    it('has passwords in Secrets Manager alone, which changes those of the databases every month', () => {
      each(stages, ({ templates: { ofType, text } }) => {
        const rotated = ofType('AWS::SecretsManager::RotationSchedule').map(({ properties }) =>
          text(properties.SecretId),
        );
        expect(rotated).to.have.members([
          '<Postgres/Instance/Secret/Attachment>',
          '<Documents/Cluster/Secret/Attachment>',
        ]);
        expect(JSON.stringify(only(ofType('AWS::RDS::DBInstance')).MasterUserPassword)).to.include(
          '{{resolve:secretsmanager:',
        );
        const search = only(ofType('AWS::OpenSearchService::Domain'));
        expect(search.AdvancedSecurityOptions).to.deep.include({ Enabled: true, InternalUserDatabaseEnabled: false });
        expect(only(ofType('AWS::ElastiCache::ReplicationGroup')).UserGroupIds).to.have.length(1);
        const user = only(ofType('AWS::ElastiCache::User'));
        expect(user.AccessString).to.match(/^on ~commerce-\w+:\* \+@all -@admin -@dangerous/);
        expect(JSON.stringify(user.AuthenticationMode)).to.include('{{resolve:secretsmanager:');
        for (const { properties } of ofType('AWS::Lambda::Function')) {
          const variables = Object.keys(at<Json>(properties, 'Environment.Variables'));
          expect(
            variables.filter((name) => /(SECRET_KEY|WEBHOOK_SECRET|MASTER_KEY|TOKEN_KEY|AUDIT_KEY)$/.test(name)),
          ).to.deep.equal([]);
        }
      });
    });
  });

  describe('run functions that', () => {
    const names = Object.keys(FUNCTIONS) as FunctionName[];

    it('each have a role, a log and an alias of their own', () => {
      each(stages, ({ stage, templates: { ofType, text } }) => {
        const functions = ofType('AWS::Lambda::Function').map(({ properties }) => properties);
        expect(functions.map(({ FunctionName: name }) => name)).to.have.members(
          names.map((name) => `${stage.namespace}-${name}`),
        );
        for (const { FunctionName: full, Role, LoggingConfig, VpcConfig } of functions) {
          const name = String(full).replace(`${stage.namespace}-`, '');
          expect(text(Role)).to.equal(`<Role-${name}>`);
          expect(text(at(LoggingConfig as Json, 'LogGroup'))).to.equal(`<Log-${name}>`);
          expect(VpcConfig, name).to.have.property('SubnetIds');
        }
        expect(ofType('AWS::Lambda::Alias')).to.have.length(names.length);
      });
    });

    it('go out only for payments, and only those know the secret of Stripe', () => {
      each(stages, ({ stage, templates: { ofType, text } }) => {
        const placed = ofType('AWS::Lambda::Function').map(({ properties }) => ({
          name: String(properties.FunctionName).replace(`${stage.namespace}-`, ''),
          subnet: text(at<unknown[]>(properties, 'VpcConfig.SubnetIds')[0]).replace(/Subnet.*/, ''),
          secrets: Object.keys(at<Json>(properties, 'Environment.Variables')).filter((name) =>
            name.startsWith('STRIPE_'),
          ),
        }));
        const outside = placed.filter(({ subnet }) => subnet !== '<Vpc/functions').map(({ name }) => name);
        expect(outside).to.have.members(names.filter((name) => FUNCTIONS[name].internet));
        for (const name of outside) expect(FUNCTIONS[name as FunctionName].service, name).to.equal('payment');
        const inPlace = placed.filter(({ name, subnet }) => outside.includes(name) === (subnet === '<Vpc/payments'));
        expect(inPlace).to.have.length(placed.length);
        const knowing = placed.filter(({ secrets }) => secrets.length > 0);
        expect(knowing.map(({ name }) => name)).to.have.members(outside);
      });
    });

    it('read the stream in order, report failed records, and give up batches to a queue', () => {
      each(stages, ({ stage, templates: { ofType, text } }) => {
        const mappings = ofType('AWS::Lambda::EventSourceMapping').map(({ properties }) => properties);
        const ofStream = mappings.filter(({ EventSourceArn }) => text(EventSourceArn) === '<Commits>');
        expect(ofStream).to.have.length(4);
        for (const mapping of ofStream) {
          expect(mapping).to.include({ BisectBatchOnFunctionError: true, StartingPosition: 'TRIM_HORIZON' });
          expect(mapping.FunctionResponseTypes).to.deep.equal(['ReportBatchItemFailures']);
          expect(mapping.MaximumRetryAttempts).to.be.above(0);
          expect(mapping.MaximumRecordAgeInSeconds).to.be.above(0);
          expect(mapping.ParallelizationFactor).to.be.within(1, 10);
          expect(text(at(mapping, 'DestinationConfig.OnFailure.Destination'))).to.equal('<Queue-lost-batches>');
        }
        const queues = ofType('AWS::SQS::Queue').map(({ properties }) => properties);
        const lost = the(queues.find(({ QueueName }) => QueueName === `${stage.namespace}-lost-batches`));
        expect(text(at(lost, 'RedrivePolicy.deadLetterTargetArn'))).to.equal('<Dead-lost-batches>');
        expect(lost.VisibilityTimeout).to.equal(6 * FUNCTIONS.sweeper.timeoutS);
        const scheduled = ofType('AWS::Events::Rule').map(({ properties }) =>
          String(properties.Name).replace(`${stage.namespace}-`, ''),
        );
        const listed = names.filter((name) => FUNCTIONS[name].triggers.some(({ kind }) => kind === 'schedule'));
        expect(scheduled).to.have.members(listed);
      });
    });

    it('are kept ready in production where a person waits', () => {
      const ready = ({ ofType }: Templates) =>
        ofType('AWS::Lambda::Alias').filter(({ properties }) => properties.ProvisionedConcurrencyConfig).length;
      const waited = names.filter((name) => FUNCTIONS[name].provisioned > 0).length;
      expect(waited).to.be.above(3);
      expect(stages.map(({ templates }) => ready(templates))).to.deep.equal([0, waited]);
    });
  });

  describe('give roles rights that', () => {
    it('are those of docs/iam.md; UPDATE_DOCS=1 rewrites it', () => {
      const page = own.iamPage(the(stages.find(({ stage }) => stage.name === 'prod')));
      if (process.env.UPDATE_DOCS) writeFileSync(IAM_PAGE, page);
      expect(readFileSync(IAM_PAGE, 'utf8')).to.equal(page);
      // The other stages differ in names alone.
      const bodies = stages.map((one) => own.iamPage(one));
      expect(new Set(bodies).size).to.equal(1);
    });

    it('let nobody update, delete, batch-write or PartiQL in the log, and only those who run commands put', () => {
      each(stages, ({ stage, templates }) => {
        const log = `arn:aws:dynamodb:${stage.region}:${stage.account}:table/${stage.namespace}-events`;
        const putting: string[] = [];
        for (const { role, actions, resources } of own.allowed(templates)) {
          const onLog = resources.some((resource) => resource === '*' || log.startsWith(resource.replace(/\*$/, '')));
          if (!onLog) continue;
          const writes = actions.filter((action) =>
            /^(\*|dynamodb:(\*|.*\*|PutItem|Update|Delete|BatchWrite|PartiQL))/.test(action),
          );
          expect(
            writes.filter((action) => action !== 'dynamodb:PutItem'),
            role,
          ).to.deep.equal([]);
          if (writes.length > 0) putting.push(role);
        }
        expect(putting).to.have.members([...own.WRITERS]);
        // The table refuses them to everybody else too, whatever their own policies allow.
        const events = the(templates.ofType('AWS::DynamoDB::Table').find(({ id }) => id === 'Tableevents')).properties;
        const [change, append] = at<Json[]>(events, 'ResourcePolicy.PolicyDocument.Statement');
        expect(change).to.include({ Effect: 'Deny', Resource: log });
        expect(the(change).Principal).to.deep.equal({ AWS: '*' });
        expect(the(change).Action).to.include.members([
          'dynamodb:UpdateItem',
          'dynamodb:DeleteItem',
          'dynamodb:BatchWriteItem',
          'dynamodb:PartiQLUpdate',
          'dynamodb:PartiQLInsert',
          'dynamodb:PartiQLDelete',
        ]);
        expect(append).to.include({ Effect: 'Deny', Action: 'dynamodb:PutItem', Resource: log });
        const roles = own.WRITERS.map((name) => `arn:aws:iam::${stage.account}:role/${stage.namespace}-${name}`);
        roles.push(...stage.loaders);
        const except = (at<Json>(the(append), 'Condition.ArnNotEquals')['aws:PrincipalArn'] as unknown[]).map(
          templates.text,
        );
        expect(except).to.have.members(roles);
      });
    });

    it('name their resources, or have a reason for a wildcard; one policy of AWS is used, for the logs of API Gateway', () => {
      each(stages, ({ templates }) => {
        for (const { role, resources } of own.allowed(templates)) {
          const isFunctions = role in FUNCTIONS;
          for (const resource of resources) if (resource.includes('*') && isFunctions) own.reasonOfWildcard(resource);
        }
        const managed = templates
          .ofType('AWS::IAM::Role')
          .flatMap(({ properties }) => (properties.ManagedPolicyArns ?? []) as unknown[]);
        expect(managed.map(templates.text)).to.deep.equal([
          'arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs',
        ]);
        expect(templates.ofType('AWS::IAM::ManagedPolicy')).to.deep.equal([]);
      });
    });
  });

  describe('let in', () => {
    it('each command by API Gateway, to its function, with a token unless it is for strangers', () => {
      each(stages, ({ templates: { ofType, text } }) => {
        const document = only(ofType('AWS::ApiGateway::RestApi')).Body as {
          openapi: string;
          paths: Record<string, Json>;
        };
        expect(document.openapi).to.equal('3.0.1');
        const commands = endpoints.filter(own.isCommand);
        expect(commands).to.have.length.above(50);
        const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
          Object.keys(methods)
            .filter((method) => method !== 'options')
            .map((method) => `${method} ${path}`),
        );
        expect(operations).to.have.members(commands.map(({ method, path }) => `${method} ${path}`));
        for (const endpoint of commands) {
          const { method, path, roles, idempotency } = endpoint;
          const operation = at<Json>(document, 'paths')[path] as Json;
          const { security, parameters, ...more } = operation[method] as Json & {
            security: Json[];
            parameters: Json[];
          };
          const what = `${method} ${path}`;
          expect(text(at(more['x-amazon-apigateway-integration'] as Json, 'uri')), what).to.include(
            `<Alias-${own.functionFor(endpoint)}>`,
          );
          expect(security.length === 0, what).to.equal(roles.includes('public'));
          if (security[0]) expect('key' in security[0], what).to.equal(!roles.includes('customer'));
          expect(more['x-amazon-apigateway-request-validator'], what).to.equal('form');
          const needed = parameters.map(({ name }) => name);
          expect(needed.includes('Idempotency-Key'), what).to.equal(idempotency === 'required');
        }
      });
    });

    it('no body whose form is wrong; what API Gateway might read otherwise is left to the function', () => {
      const models = at<Record<string, Json>>(
        only(the(stages[0]).templates.ofType('AWS::ApiGateway::RestApi')),
        'Body.components.schemas',
      );
      expect(Object.keys(models)).to.have.length.above(15);
      const used = new Set<string>();
      const walk = (schema: Json): void => {
        for (const [keyword, value] of Object.entries(schema)) {
          used.add(keyword);
          if (keyword === 'properties') Object.values(value as Record<string, Json>).forEach(walk);
          if (keyword === 'items') walk(value as Json);
        }
      };
      for (const [name, model] of Object.entries(models)) {
        expect(name).to.match(/^[A-Za-z0-9]+$/);
        walk(model);
      }
      expect([...used].sort()).to.deep.equal(
        ['additionalProperties', 'enum', 'items', 'maximum', 'minimum', 'properties', 'required', 'type'].sort(),
      );
    });

    it('servers by a plan with a key, and limits each method', () => {
      each(stages, ({ stage, templates: { ofType } }) => {
        const plan = only(ofType('AWS::ApiGateway::UsagePlan'));
        expect(plan.Throttle).to.deep.equal({
          RateLimit: stage.throttle.servers.perSecond,
          BurstLimit: stage.throttle.servers.burst,
        });
        expect(plan.Quota).to.deep.equal({ Limit: stage.throttle.servers.perDay, Period: 'DAY' });
        const gateway = only(ofType('AWS::ApiGateway::Stage'));
        const settings = gateway.MethodSettings as Json[];
        const all = the(settings.find(({ HttpMethod }) => HttpMethod === '*'));
        expect(all).to.include({ ThrottlingRateLimit: stage.throttle.perMethod.perSecond, DataTraceEnabled: false });
        const strangers = endpoints.filter((each) => own.isCommand(each) && each.roles.includes('public'));
        expect(settings).to.have.length(1 + strangers.length);
        const { Format } = gateway.AccessLogSetting as { Format: string };
        expect(Format)
          .to.include('$context.requestId')
          .and.not.match(/\$input|header|querystring/i);
      });
    });

    it('each query by the load balancer, to its function', () => {
      each(stages, ({ templates: { ofType, text } }) => {
        const rules = ofType('AWS::ElasticLoadBalancingV2::ListenerRule').map(({ properties }) => ({
          target: text((properties.Actions as Json[])[0]?.TargetGroupArn),
          patterns: at<string[]>((properties.Conditions as Json[])[0] as Json, 'PathPatternConfig.Values'),
        }));
        for (const { patterns } of rules) expect(patterns).to.have.length.at.most(5);
        const queries = endpoints.filter(({ method }) => method === 'get');
        for (const endpoint of queries) {
          const path = endpoint.path.replaceAll(/\{\w+\}/g, 'a.b-c');
          const matching = rules.filter(({ patterns }) => patterns.some((pattern) => matches(pattern, path)));
          expect(
            matching.map(({ target }) => target),
            path,
          ).to.deep.equal([`<Target-${own.functionFor(endpoint)}>`]);
        }
      });
    });

    it('nothing that the firewall of each front blocks', () => {
      each(stages, ({ templates: { ofType, text } }) => {
        const acls = ofType('AWS::WAFv2::WebACL').map(({ properties }) => properties);
        expect(acls).to.have.length(2);
        for (const { Rules } of acls) {
          const rules = Rules as (Json & { Name: string })[];
          expect(rules.map(({ Name }) => Name)).to.deep.equal([
            'rate-by-address',
            'rate-of-sessions',
            'rate-of-merges',
            'body-size',
            'AWSManagedRulesCommonRuleSet',
            'AWSManagedRulesKnownBadInputsRuleSet',
            'AWSManagedRulesSQLiRuleSet',
          ]);
          const common = at<Json>(
            the(rules.find(({ Name }) => Name.includes('Common'))),
            'Statement.ManagedRuleGroupStatement',
          );
          expect(common.RuleActionOverrides).to.deep.equal([
            { Name: 'SizeRestrictions_BODY', ActionToUse: { Count: {} } },
          ]);
        }
        const fronts = ofType('AWS::WAFv2::WebACLAssociation').map(({ properties }) => text(properties.ResourceArn));
        expect(fronts.join()).to.include('<Commands').and.to.include('<Queries>');
        expect(ofType('AWS::WAFv2::LoggingConfiguration')).to.have.length(2);
      });
    });

    it('no body that is longer than the shop accepts', () => {
      const [length] = JSON.stringify(bodyRule(stages)).match(/\^\([^"]*\)\$/) ?? [];
      const allowed = new RegExp(the(length));
      const sizes = fc.oneof(
        fc.nat({ max: 2 * MAX_BODY_BYTES }),
        fc.nat(),
        fc.integer({ min: -3, max: 3 }).map((by) => MAX_BODY_BYTES + by),
      );
      fc.assert(
        fc.property(sizes, (size) => allowed.test(String(size)) === size <= MAX_BODY_BYTES),
        { numRuns: 2_000 },
      );
      for (const text of ['', 'x', '1e9', '-1', ' 1', '1 ', '0x10', '99999999999999999999'])
        expect(allowed.test(text), text).to.equal(false);
      // For any limit, not only ours.
      fc.assert(
        fc.property(fc.nat({ max: 99_999 }), fc.nat({ max: 120_000 }), (most, size) => {
          return new RegExp(`^${own.atMost(most)}$`).test(String(size)) === size <= most;
        }),
        { numRuns: 2_000 },
      );
    });
  });

  describe('watch', () => {
    it('everything in the list of alarms, tell somebody, and draw it', () => {
      each(stages, ({ stage, templates: { ofType, text } }) => {
        const alarms = ofType('AWS::CloudWatch::Alarm').map(({ properties }) => properties);
        for (const { id, watches, metric, atLeast } of ALARMS) {
          const mine = alarms.filter(({ AlarmName }) =>
            new RegExp(`^${stage.namespace}-${id}(-|$)`).test(String(AlarmName)),
          );
          expect(mine.length, id).to.equal(COUNT[watches]);
          for (const alarm of mine) {
            expect(alarm.Threshold, id).to.equal(atLeast);
            expect(JSON.stringify(alarm.Metrics ?? alarm), id).to.include(`"MetricName":"${metric.name}"`);
          }
        }
        for (const { AlarmActions } of alarms)
          expect((AlarmActions as unknown[]).map(text)).to.deep.equal(['<Alarms>']);
        expect(ofType('AWS::SNS::Subscription')).to.have.length(1);
        const dashboard = text(only(ofType('AWS::CloudWatch::Dashboard')).DashboardBody);
        for (const { title } of ALARMS) expect(dashboard).to.include(title);
      });
    });

    it('with logs that expire', () => {
      each(stages, ({ stage, templates: { ofType } }) => {
        for (const { id, properties } of ofType('AWS::Logs::LogGroup')) {
          expect(properties.RetentionInDays, id).to.equal(stage.logDays);
        }
      });
    });
  });

  it('protect production at least as well as development', () => {
    const [dev, prod] = stages.map(({ stage }) => stage);
    expect(the(prod).backupDays).to.be.at.least(the(dev).backupDays);
    expect(the(prod).retention).to.include({ mode: 'COMPLIANCE' });
    expect(the(prod).postgres.isMultiZone).to.equal(true);
    expect(the(prod).environment).to.equal('production');
  });
});

const COUNT = {
  shop: 1,
  projectors: 5,
  functions: Object.keys(FUNCTIONS).length,
  tables: 8,
  'dead-letter queues': 1,
  'command API': 1,
  'query balancer': 1,
} as const;

/** Where each kind of store names its key. */
const KEY_OF: Readonly<Record<string, (properties: Json) => unknown>> = {
  'AWS::DynamoDB::Table': (table) => at(table, 'SSESpecification.KMSMasterKeyId'),
  'AWS::Kinesis::Stream': (stream) => at(stream, 'StreamEncryption.KeyId'),
  'AWS::RDS::DBInstance': ({ KmsKeyId }) => KmsKeyId,
  'AWS::DocDB::DBCluster': ({ KmsKeyId }) => KmsKeyId,
  'AWS::OpenSearchService::Domain': (domain) => at(domain, 'EncryptionAtRestOptions.KmsKeyId'),
  'AWS::ElastiCache::ReplicationGroup': ({ KmsKeyId }) => KmsKeyId,
  'AWS::SecretsManager::Secret': ({ KmsKeyId }) => KmsKeyId,
  'AWS::Logs::LogGroup': ({ KmsKeyId }) => KmsKeyId,
  'AWS::SNS::Topic': ({ KmsMasterKeyId }) => KmsMasterKeyId,
};

function each(stages: readonly Synthesised[], assert: (stage: Synthesised) => void): void {
  expect(stages).to.not.be.empty;
  for (const stage of stages) assert(stage);
}

/** The properties of the only resource. */
function only(resources: readonly { properties: Json }[]): Json {
  expect(resources).to.have.length(1);
  return the(resources[0]).properties;
}

/** The rule of the firewalls for bodies. */
function bodyRule(stages: readonly Synthesised[]): unknown {
  const [acl] = the(stages[0]).templates.ofType('AWS::WAFv2::WebACL');
  return (the(acl).properties.Rules as Json[]).find(({ Name }) => Name === 'body-size');
}

/** The value at a path such as `Rule.Mode`. */
function at<T = unknown>(properties: Json, path: string): T {
  const value = path.split('.').reduce<unknown>((part, name) => (part as Json | undefined)?.[name], properties);
  return the(value) as T;
}

/** As the load balancer compares: `*` stands for any characters, slashes too. */
function matches(pattern: string, path: string): boolean {
  const expression = pattern
    .split('*')
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${expression}$`).test(path);
}

type Own = Awaited<ReturnType<typeof loadOwn>>;

/** What needs the CDK is loaded only where it is installed. */
async function loadOwn() {
  const [{ createApp }, { STAGES }, { readTemplates }, { Code }] = await Promise.all([
    import('./app.js'),
    import('./stages.js'),
    import('./templates.js'),
    import('aws-cdk-lib/aws-lambda'),
  ]);
  const { allowed, iamPage } = await import('./iam-page.js');
  const { WRITERS, reasonOfWildcard } = await import('./statements.js');
  const { functionFor } = await import('./routes.js');
  const { isCommand } = await import('./gateway-document.js');
  const { atMost } = await import('./firewall-stack.js');

  function synthesise(endpoints: readonly Endpoint[]): Synthesised[] {
    const codeOf = () => Code.fromInline('exports.handler = undefined;');
    const { stacks, manifest } = createApp({ stages: STAGES, endpoints, codeOf, inTest: true }).synth();
    expect(manifest.missing, 'questions to AWS').to.equal(undefined);
    return STAGES.map((stage) => {
      const mine = stacks.filter(({ stackName }) => stackName.startsWith(`${stage.namespace}-`));
      const sizes = mine.map(({ stackName: name, template }) => ({
        name,
        bytes: JSON.stringify(template).length,
        resources: Object.keys(template.Resources).length,
      }));
      return { stage, templates: readTemplates(mine), sizes };
    });
  }
  return { synthesise, allowed, iamPage, WRITERS, reasonOfWildcard, functionFor, isCommand, atMost };
}
