// The two ways in: API Gateway for commands, which checks tokens, keys and the form of requests, and a load balancer for queries.
import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import * as gateway from 'aws-cdk-lib/aws-apigateway';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import * as elb from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { LambdaTarget } from 'aws-cdk-lib/aws-elasticloadbalancingv2-targets';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import { HttpProblem, problemDocument } from '../http/problems.js';
import type { FunctionName } from '../lambda/functions.js';
import { acknowledge } from './acknowledge.js';
import type { DataStack } from './data-stack.js';
import type { FunctionsStack } from './functions-stack.js';
import { gatewayDocument, isCommand, isForServers } from './gateway-document.js';
import { retentionOf } from './logs.js';
import { type NetworkStack, SUBNETS } from './network-stack.js';
import { functionFor, rulesFor } from './routes.js';
import type { Rate, Stage } from './stages.js';
import { ALIAS, physicalName } from './statements.js';

export interface ApiProps extends StackProps {
  stage: Stage;
  network: NetworkStack;
  data: DataStack;
  functions: FunctionsStack;
  endpoints: readonly Endpoint[];
}

export class ApiStack extends Stack {
  readonly commands: gateway.SpecRestApi;
  readonly queries: elb.ApplicationLoadBalancer;
  private readonly props: ApiProps;

  constructor(scope: Construct, id: string, props: ApiProps) {
    super(scope, id, props);
    this.props = props;
    this.commands = this.restApi();
    this.planForServers();
    this.queries = this.loadBalancer();
  }

  private restApi(): gateway.SpecRestApi {
    const { stage, network, endpoints } = this.props;
    const { host, certificateArn } = stage.commands;
    const accessLog = new LogGroup(this, 'CommandsLog', {
      logGroupName: `/aws/apigateway/${stage.namespace}-commands`,
      retention: retentionOf(stage),
      encryptionKey: network.logKey,
    });
    const name = physicalName(stage.namespace, 'commands');
    const document = gatewayDocument({
      endpoints,
      name,
      corsOrigins: stage.corsOrigins,
      invocationArnOf: (called) => this.invocationArn(called),
    });
    const api = new gateway.SpecRestApi(this, 'Commands', {
      restApiName: name,
      apiDefinition: gateway.ApiDefinition.fromInline(document),
      failOnWarnings: true,
      endpointTypes: [gateway.EndpointType.REGIONAL],
      disableExecuteApiEndpoint: true,
      cloudWatchRole: true,
      domainName: {
        domainName: host,
        certificate: Certificate.fromCertificateArn(this, 'CommandsCertificate', certificateArn),
        endpointType: gateway.EndpointType.REGIONAL,
        securityPolicy: gateway.SecurityPolicy.TLS_1_2,
      },
      deployOptions: {
        stageName: ALIAS,
        tracingEnabled: true,
        metricsEnabled: true,
        loggingLevel: gateway.MethodLoggingLevel.ERROR,
        dataTraceEnabled: false, // would log the bodies of requests
        accessLogDestination: new gateway.LogGroupLogDestination(accessLog),
        accessLogFormat: gateway.AccessLogFormat.custom(ACCESS_LOG),
        ...throttled(stage.throttle.perMethod),
        methodOptions: this.limitsOfStrangers(),
      },
    });
    acknowledge(api, {
      'IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]':
        'The policy of AWS for this one purpose; API Gateway refuses roles that have less.',
      APIG2: 'The OpenAPI document has a validator for all methods, which the rule does not read.',
      APIG3: 'FirewallStack protects it.',
      APIG4:
        'Commands without an authoriser are those that strangers send: to begin a session, and webhooks, which are signed.',
    });
    const called = new Set<FunctionName>(['authorizer', ...endpoints.filter(isCommand).map(functionFor)]);
    for (const each of called) {
      this.props.functions.aliases[each].addPermission(`Commands-${each}`, {
        principal: new ServicePrincipal('apigateway.amazonaws.com'),
        sourceArn: api.arnForExecuteApi(),
        scope: this,
      });
    }
    return api;
  }

  /** Methods that need no token have a limit of their own, so that strangers cannot use up what customers need. */
  private limitsOfStrangers(): Record<string, gateway.MethodDeploymentOptions> {
    const { endpoints, stage } = this.props;
    const open = endpoints.filter((each) => isCommand(each) && each.roles.includes('public'));
    const limits = throttled(stage.throttle.strangers);
    return Object.fromEntries(open.map(({ path, method }) => [`${path}/${method.toUpperCase()}`, limits]));
  }

  private planForServers(): void {
    const { stage, endpoints } = this.props;
    if (!endpoints.some(isForServers)) return;
    const { perDay, ...rate } = stage.throttle.servers;
    const plan = this.commands.addUsagePlan('Servers', {
      name: physicalName(stage.namespace, 'servers'),
      throttle: { rateLimit: rate.perSecond, burstLimit: rate.burst },
      quota: { limit: perDay, period: gateway.Period.DAY },
      apiStages: [{ api: this.commands, stage: this.commands.deploymentStage }],
    });
    const key = new gateway.ApiKey(this, 'ServerKey', {
      apiKeyName: physicalName(stage.namespace, 'back-office'),
      description: 'Of the back office; further servers get keys of their own in the same plan',
    });
    plan.addApiKey(key);
  }

  private invocationArn(name: FunctionName): string {
    const { functionArn } = this.props.functions.aliases[name];
    return `arn:${this.partition}:apigateway:${this.region}:lambda:path/2015-03-31/functions/${functionArn}/invocations`;
  }

  private loadBalancer(): elb.ApplicationLoadBalancer {
    const { stage, network, data, functions, endpoints } = this.props;
    const balancer = new elb.ApplicationLoadBalancer(this, 'Queries', {
      loadBalancerName: physicalName(stage.namespace, 'queries'),
      vpc: network.vpc,
      vpcSubnets: { subnetGroupName: SUBNETS.public },
      internetFacing: true,
      securityGroup: network.loadBalancerGroup,
      deletionProtection: true,
      dropInvalidHeaderFields: true,
      desyncMitigationMode: elb.DesyncMitigationMode.STRICTEST,
      idleTimeout: Duration.seconds(60),
    });
    balancer.logAccessLogs(data.accessLogs, 'queries');
    acknowledge(network.loadBalancerGroup, { EC23: 'It is the way in for everybody; the firewall is in front of it.' });
    balancer.addRedirect({ open: true });
    const listener = balancer.addListener('Https', {
      port: 443,
      open: true,
      sslPolicy: elb.SslPolicy.TLS13_RES,
      certificates: [elb.ListenerCertificate.fromArn(stage.queries.certificateArn)],
      defaultAction: elb.ListenerAction.fixedResponse(404, {
        contentType: 'application/json',
        messageBody: JSON.stringify(problemDocument(NO_SUCH_QUERY, '/')),
      }),
    });
    const targets = new Map<FunctionName, elb.ApplicationTargetGroup>();
    for (const [index, { target, patterns }] of rulesFor(endpoints).entries()) {
      const group = targets.get(target) ?? this.targetGroup(target, functions);
      targets.set(target, group);
      listener.addTargetGroups(`Rule-${index}`, {
        priority: 10 * (index + 1),
        conditions: [elb.ListenerCondition.pathPatterns([...patterns])],
        targetGroups: [group],
      });
    }
    return balancer;
  }

  private targetGroup(name: FunctionName, functions: FunctionsStack): elb.ApplicationTargetGroup {
    return new elb.ApplicationTargetGroup(this, `Target-${name}`, {
      targetType: elb.TargetType.LAMBDA,
      targets: [new LambdaTarget(functions.aliases[name])],
      multiValueHeadersEnabled: true,
    });
  }
}

const NO_SUCH_QUERY = new HttpProblem('not_found', 'There is no such query. Commands have another address.');

function throttled({ perSecond, burst }: Rate) {
  return { throttlingRateLimit: perSecond, throttlingBurstLimit: burst };
}

/** No header, query or body: they may have tokens and data of people. */
const ACCESS_LOG = JSON.stringify({
  requestId: '$context.requestId',
  time: '$context.requestTime',
  ip: '$context.identity.sourceIp',
  method: '$context.httpMethod',
  route: '$context.resourcePath',
  status: '$context.status',
  authorizer: '$context.authorizer.status',
  caller: '$context.authorizer.principalId',
  latencyMs: '$context.responseLatency',
  functionMs: '$context.integration.latency',
  error: '$context.error.responseType',
  waf: '$context.waf.status',
});
