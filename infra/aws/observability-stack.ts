// The alarms of the product and a dashboard of what they watch, from the list in infra/metrics/alarms.ts.
import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import { FUNCTIONS } from '../lambda/functions.js';
import { ALARMS, type Alarm, type Watched } from '../metrics/alarms.js';
import type { ApiStack } from './api-stack.js';
import type { DataStack } from './data-stack.js';
import type { FunctionsStack } from './functions-stack.js';
import { namesOf } from './records.js';
import type { Stage } from './stages.js';
import { definitionOf, physicalName } from './statements.js';

export interface ObservabilityProps extends StackProps {
  stage: Stage;
  data: DataStack;
  functions: FunctionsStack;
  api: ApiStack;
}

/** A resource that an alarm watches: its name, and the dimensions by which CloudWatch knows it. */
interface Subject {
  name: string;
  dimensions: Record<string, string>;
}

export class ObservabilityStack extends Stack {
  constructor(scope: Construct, id: string, props: ObservabilityProps) {
    super(scope, id, props);
    const { stage } = props;
    const subjects = subjectsOf(props);
    const action = new SnsAction(this.topic(stage));
    const groups = ALARMS.map((definition) => ({
      definition,
      alarms: subjects[definition.watches].map((subject) => {
        const alarm = this.alarm(definition, subject, stage);
        alarm.addAlarmAction(action);
        alarm.addOkAction(action);
        return alarm;
      }),
    }));
    const graphs = groups.map(({ definition, alarms }) => graphOf(definition, alarms));
    const status = new cloudwatch.AlarmStatusWidget({
      title: 'Alarms',
      alarms: groups.flatMap(({ alarms }) => alarms),
      width: 24,
      height: 6,
    });
    const rows = Array.from({ length: Math.ceil(graphs.length / 3) }, (_, row) => graphs.slice(3 * row, 3 * row + 3));
    new cloudwatch.Dashboard(this, 'Dashboard', { dashboardName: stage.namespace, widgets: [[status], ...rows] });
  }

  private topic(stage: Stage): Topic {
    const key = new Key(this, 'TopicKey', { description: `${stage.namespace}: alarms`, enableKeyRotation: true });
    key.grantEncryptDecrypt(new ServicePrincipal('cloudwatch.amazonaws.com'));
    const topic = new Topic(this, 'Alarms', {
      topicName: physicalName(stage.namespace, 'alarms'),
      masterKey: key,
      enforceSSL: true,
    });
    topic.addSubscription(new EmailSubscription(stage.alarmEmail));
    return topic;
  }

  private alarm(definition: Alarm, subject: Subject, { namespace }: Stage): cloudwatch.Alarm {
    const { id, title, metric, statistic, atLeast, periodS, periods, missingData, runbook } = definition;
    const name = [namespace, id, subject.name].filter((part) => part !== '').join('-');
    return new cloudwatch.Alarm(this, `Alarm-${id}-${subject.name}`, {
      alarmName: name,
      alarmDescription: `${title}. See ${runbook}`,
      metric: new cloudwatch.Metric({
        namespace: metric.namespace,
        metricName: metric.name,
        dimensionsMap: { ...subject.dimensions, ...metric.dimensions },
        statistic,
        period: Duration.seconds(periodS),
        label: subject.name || title,
      }),
      threshold: atLeast,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      datapointsToAlarm: periods.breaching,
      evaluationPeriods: periods.of,
      treatMissingData: MISSING[missingData],
    });
  }
}

const MISSING = {
  notBreaching: cloudwatch.TreatMissingData.NOT_BREACHING,
  breaching: cloudwatch.TreatMissingData.BREACHING,
  ignore: cloudwatch.TreatMissingData.IGNORE,
} as const satisfies Record<Alarm['missingData'], cloudwatch.TreatMissingData>;

function subjectsOf({ stage, data, functions, api }: ObservabilityProps): Record<Watched, Subject[]> {
  const all = namesOf(FUNCTIONS);
  const projectors = all.filter((name) => definitionOf(name).triggers.some(({ kind }) => kind === 'kinesis'));
  const ofFunction = (name: string) => ({ name, dimensions: { FunctionName: physicalName(stage.namespace, name) } });
  const restApi = { ApiName: physicalName(stage.namespace, 'commands'), Stage: api.commands.deploymentStage.stageName };
  return {
    shop: [{ name: '', dimensions: {} }],
    projectors: projectors.map(ofFunction),
    functions: all.map(ofFunction),
    tables: namesOf(data.tables).map((name) => ({ name, dimensions: { TableName: data.tables[name].ref } })),
    'dead-letter queues': namesOf(functions.queues).map((name) => ({
      name,
      dimensions: { QueueName: functions.queues[name].dead.queueName },
    })),
    'command API': [{ name: '', dimensions: restApi }],
    'query balancer': [{ name: '', dimensions: { LoadBalancer: api.queries.loadBalancerFullName } }],
  };
}

/** All resources of an alarm in one graph, with the line at which it starts. */
function graphOf({ title, unit, atLeast }: Alarm, alarms: readonly cloudwatch.Alarm[]): cloudwatch.GraphWidget {
  return new cloudwatch.GraphWidget({
    title,
    left: alarms.map(({ metric }) => metric),
    leftAnnotations: [{ value: atLeast, label: 'alarm' }],
    leftYAxis: { label: unit, min: 0, showUnits: false },
    width: 8,
  });
}
