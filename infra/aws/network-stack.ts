// The network: stores have no way to or from the internet, functions reach AWS by endpoints, and only payments go out.
import { Stack, type StackProps } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { logKey, retentionOf } from './logs.js';
import type { Stage } from './stages.js';

/** Groups of subnets. `stores` and `functions` have no route to the internet. */
export const SUBNETS = { public: 'public', functions: 'functions', payments: 'payments', stores: 'stores' } as const;

/** Services of AWS that functions call. DynamoDB and S3 have gateway endpoints, which cost nothing. */
const ENDPOINTS = {
  kms: ec2.InterfaceVpcEndpointAwsService.KMS,
  secrets: ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
  lambda: ec2.InterfaceVpcEndpointAwsService.LAMBDA,
  kinesis: ec2.InterfaceVpcEndpointAwsService.KINESIS_STREAMS,
  mail: ec2.InterfaceVpcEndpointAwsService.EMAIL_SMTP,
} as const;

/** SMTP with TLS from the first byte. */
const SMTPS = ec2.Port.tcp(465);

export class NetworkStack extends Stack {
  readonly vpc: ec2.Vpc;
  readonly logKey: Key;
  /** Lets a function call HTTPS, wherever the routes of its subnet lead. */
  readonly httpsGroup: ec2.SecurityGroup;
  /** Lets a function send mails by SES. */
  readonly mailGroup: ec2.SecurityGroup;
  /** Of the functions of Secrets Manager that change passwords. */
  readonly rotationGroup: ec2.SecurityGroup;
  readonly loadBalancerGroup: ec2.SecurityGroup;

  private readonly zones: readonly string[];

  constructor(scope: Construct, id: string, props: StackProps & { stage: Stage }) {
    super(scope, id, props);
    const { stage } = props;
    this.zones = stage.zones;
    this.logKey = logKey(this);
    const subnets = [
      { name: SUBNETS.public, subnetType: ec2.SubnetType.PUBLIC, cidrMask: 24, mapPublicIpOnLaunch: false },
      { name: SUBNETS.payments, subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 24 },
      { name: SUBNETS.functions, subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 20 },
      { name: SUBNETS.stores, subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
    ];
    this.vpc = new ec2.Vpc(this, 'Vpc', {
      availabilityZones: [...stage.zones],
      natGateways: stage.natGateways,
      subnetConfiguration: subnets,
      restrictDefaultSecurityGroup: false, // needs a function of the CDK; nothing is in the default group
    });
    const flow = new LogGroup(this, 'FlowLog', {
      retention: retentionOf(stage),
      encryptionKey: this.logKey,
    });
    this.vpc.addFlowLog('Flow', {
      destination: ec2.FlowLogDestination.toCloudWatchLogs(flow),
      trafficType: ec2.FlowLogTrafficType.ALL,
    });

    this.httpsGroup = this.group('Https', 'Functions that call services of AWS; payments also reach Stripe');
    this.rotationGroup = this.group('Rotation', 'Functions that change the passwords of stores');
    for (const group of [this.httpsGroup, this.rotationGroup]) {
      group.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.HTTPS, 'Only where the routes of the subnet lead');
    }
    this.mailGroup = this.group('Mail', 'Functions that send mails by SES');
    this.mailGroup.addEgressRule(ec2.Peer.anyIpv4(), SMTPS, 'Only where the routes of the subnet lead');
    this.loadBalancerGroup = this.group('LoadBalancer', 'The load balancer of the queries');
    this.addEndpoints();
  }

  /** Of the stage. The CDK would ask AWS. */
  override get availabilityZones(): string[] {
    return [...this.zones];
  }

  private addEndpoints(): void {
    const groups = [SUBNETS.functions, SUBNETS.payments].map((subnetGroupName) => ({ subnetGroupName }));
    for (const [name, service] of Object.entries({
      dynamodb: ec2.GatewayVpcEndpointAwsService.DYNAMODB,
      s3: ec2.GatewayVpcEndpointAwsService.S3,
    })) {
      this.vpc.addGatewayEndpoint(name, { service, subnets: groups });
    }
    const endpoints = this.group('Endpoints', 'The endpoints of services of AWS');
    for (const group of [this.httpsGroup, this.rotationGroup]) {
      endpoints.addIngressRule(group, ec2.Port.HTTPS, 'from functions');
    }
    endpoints.addIngressRule(this.mailGroup, SMTPS, 'from functions that send mails');
    for (const [name, service] of Object.entries(ENDPOINTS)) {
      this.vpc.addInterfaceEndpoint(name, {
        service,
        subnets: { subnetGroupName: SUBNETS.functions },
        securityGroups: [endpoints],
        open: false,
      });
    }
  }

  private group(id: string, description: string): ec2.SecurityGroup {
    return new ec2.SecurityGroup(this, id, { vpc: this.vpc, description, allowAllOutbound: false });
  }
}
