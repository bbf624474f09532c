// The web application firewall before both ways in: rule sets of AWS, limits by address, and the shop's own limit of a body.
import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import * as waf from 'aws-cdk-lib/aws-wafv2';
import type { Construct } from 'constructs';
import { LOGINS_PER_MINUTE, MAX_BODY_BYTES, REQUESTS_PER_MINUTE, SESSIONS_PER_MINUTE } from '../http/limits.js';
import type { ApiStack } from './api-stack.js';
import { retentionOf } from './logs.js';
import type { NetworkStack } from './network-stack.js';
import type { Stage } from './stages.js';

export interface FirewallProps extends StackProps {
  stage: Stage;
  network: NetworkStack;
  api: ApiStack;
}

/** An address may belong to several callers, so the firewall lets through several times what the shop allows each of them. */
const CALLERS_PER_ADDRESS = 10;

/** Rule sets of AWS, in this order. Those of `countedRules` only count: the shop has better rules of its own. */
const MANAGED = [
  // Bodies over 8 KB are usual here: carts and stock counts. The rule `body-size` has the shop's own limit.
  { name: 'AWSManagedRulesCommonRuleSet', countedRules: ['SizeRestrictions_BODY'] },
  { name: 'AWSManagedRulesKnownBadInputsRuleSet', countedRules: [] },
  { name: 'AWSManagedRulesSQLiRuleSet', countedRules: [] },
] as const;

export class FirewallStack extends Stack {
  constructor(scope: Construct, id: string, props: FirewallProps) {
    super(scope, id, props);
    const { api } = props;
    const { deploymentStage } = api.commands;
    this.protect('commands', deploymentStage.stageArn, props, {
      associationConfig: { requestBody: { API_GATEWAY: { defaultSizeInspectionLimit: 'KB_64' } } },
    });
    // Of a body that goes to a load balancer, 8 KB are inspected. Queries have none.
    this.protect('queries', api.queries.loadBalancerArn, props);
  }

  private protect(
    front: 'commands' | 'queries',
    resourceArn: string,
    { stage, network }: FirewallProps,
    more: Partial<waf.CfnWebACLProps> = {},
  ): void {
    const name = `${stage.namespace}-${front}`;
    const acl = new waf.CfnWebACL(this, `Acl-${front}`, {
      name,
      scope: 'REGIONAL',
      defaultAction: { allow: {} },
      visibilityConfig: visible(name),
      rules: [
        ...limitsByAddress(),
        bodySize(),
        ...MANAGED.map(({ name: set, countedRules }) => managed(set, countedRules)),
      ].map((rule, priority) => ({ ...rule, priority })),
      ...more,
    });
    new waf.CfnWebACLAssociation(this, `Association-${front}`, { resourceArn, webAclArn: acl.attrArn });
    const log = new LogGroup(this, `Log-${front}`, {
      logGroupName: `aws-waf-logs-${name}`, // the firewall demands this beginning
      retention: retentionOf(stage),
      encryptionKey: network.logKey,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    new waf.CfnLoggingConfiguration(this, `Logging-${front}`, {
      resourceArn: acl.attrArn,
      logDestinationConfigs: [this.formatArn({ service: 'logs', resource: `log-group:${log.logGroupName}` })],
      redactedFields: [
        ...['authorization', 'cookie', 'x-api-key', 'consistency-token'].map((header) => ({
          singleHeader: { Name: header },
        })),
        { queryString: {} },
      ],
    });
  }
}

type Rule = Omit<waf.CfnWebACL.RuleProperty, 'priority'>;

function limitsByAddress(): Rule[] {
  const perMinute = (limit: number) => CALLERS_PER_ADDRESS * limit;
  return [
    blocked('rate-by-address', { rateBasedStatement: perAddress(perMinute(REQUESTS_PER_MINUTE)) }),
    blocked('rate-of-sessions', {
      rateBasedStatement: { ...perAddress(perMinute(SESSIONS_PER_MINUTE)), scopeDownStatement: path('/v1/sessions') },
    }),
    blocked('rate-of-merges', {
      rateBasedStatement: {
        ...perAddress(perMinute(LOGINS_PER_MINUTE)),
        scopeDownStatement: path('/v1/carts/current/merge'),
      },
    }),
  ];
}

function perAddress(limit: number) {
  return { aggregateKeyType: 'IP', evaluationWindowSec: 60, limit };
}

function path(start: string): waf.CfnWebACL.StatementProperty {
  return {
    byteMatchStatement: {
      fieldToMatch: { uriPath: {} },
      positionalConstraint: 'STARTS_WITH',
      searchString: start,
      textTransformations: [{ priority: 0, type: 'URL_DECODE' }],
    },
  };
}

/** Blocks what the shop refuses anyway. A body without `Content-Length` is measured by the function. */
function bodySize(): Rule {
  const fieldToMatch = { singleHeader: { Name: 'content-length' } };
  const textTransformations = [{ priority: 0, type: 'NONE' }];
  const isSmall = {
    regexMatchStatement: { fieldToMatch, textTransformations, regexString: `^${atMost(MAX_BODY_BYTES)}$` },
  };
  const isGiven = { sizeConstraintStatement: { fieldToMatch, textTransformations, comparisonOperator: 'GT', size: 0 } };
  return blocked('body-size', { andStatement: { statements: [isGiven, { notStatement: { statement: isSmall } }] } });
}

/** A regular expression of the whole numbers from 0 to `most`, without leading zeros: 262 → `\d{1,2}|1\d{2}|2[0-5]\d|26[0-2]`. */
export function atMost(most: number): string {
  const digits = String(most);
  const any = (count: number) => (count === 0 ? '' : count === 1 ? '[0-9]' : `[0-9]{${count}}`);
  const shorter = digits.length > 1 ? [`[0-9]{1,${digits.length - 1}}`] : [];
  const smaller = [...digits].flatMap((digit, at) => {
    const [least, below] = [at === 0 && digits.length > 1 ? 1 : 0, Number(digit) - 1];
    return below < least ? [] : [`${digits.slice(0, at)}[${least}-${below}]${any(digits.length - at - 1)}`];
  });
  return `(${[...shorter, ...smaller, digits].join('|')})`;
}

function managed(name: string, countedRules: readonly string[]): Rule {
  return {
    name,
    overrideAction: { none: {} },
    statement: {
      managedRuleGroupStatement: {
        vendorName: 'AWS',
        name,
        ruleActionOverrides: countedRules.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
      },
    },
    visibilityConfig: visible(name),
  };
}

function blocked(name: string, statement: waf.CfnWebACL.StatementProperty): Rule {
  return { name, action: { block: {} }, statement, visibilityConfig: visible(name) };
}

function visible(metricName: string): waf.CfnWebACL.VisibilityConfigProperty {
  return { metricName, cloudWatchMetricsEnabled: true, sampledRequestsEnabled: true };
}
