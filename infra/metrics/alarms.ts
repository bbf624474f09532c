// The alarms of the product as data, without a dependency: the AWS stack makes them, docs/runbook.md explains each, and a test
// compares the three with the metrics that the product exports.

/** What an alarm watches. Of all kinds but `shop` the stack makes one alarm for each resource. */
export type Watched =
  /** The product's own metric, over all its processes. */
  | 'shop'
  /** Functions that read the stream. */
  | 'projectors'
  /** All functions. */
  | 'functions'
  /** Tables of DynamoDB. */
  | 'tables'
  /** Queues of batches and messages that could not be processed. */
  | 'dead-letter queues'
  /** The API that takes commands. */
  | 'command API'
  /** The load balancer before the queries. */
  | 'query balancer';

export interface Alarm {
  /** Part of the alarm's name, and the heading of its entry in the runbook. */
  id: string;
  title: string;
  watches: Watched;
  metric: {
    /** `Commerce`: exported by the product. */
    namespace: 'Commerce' | 'AWS/Lambda' | 'AWS/DynamoDB' | 'AWS/SQS' | 'AWS/ApiGateway' | 'AWS/ApplicationELB';
    name: string;
    /** Beside the dimensions that name the resource. */
    dimensions?: Readonly<Record<string, string>>;
  };
  statistic: 'Sum' | 'Maximum' | 'p99';
  /** The alarm starts at this value, in the unit of the metric. */
  atLeast: number;
  unit: 'count' | 'seconds' | 'milliseconds';
  periodS: number;
  /** That many of the last periods. */
  periods: { breaching: number; of: number };
  /** What a period without data means. `ignore`: the alarm stays as it is. */
  missingData: 'notBreaching' | 'breaching' | 'ignore';
  runbook: `docs/runbook.md#${string}`;
}

const MINUTE = 60;

export const ALARMS: readonly Alarm[] = [
  alarm({
    id: 'iterator-age',
    title: 'A projector is behind the stream',
    watches: 'projectors',
    metric: { namespace: 'AWS/Lambda', name: 'IteratorAge' },
    statistic: 'Maximum',
    atLeast: 60_000,
    unit: 'milliseconds',
    periods: { breaching: 3, of: 3 },
  }),
  alarm({
    id: 'projection-lag',
    title: 'Read models show commits late',
    watches: 'shop',
    metric: { namespace: 'Commerce', name: 'commerce_projection_lag_seconds' },
    statistic: 'Maximum',
    atLeast: 60,
    unit: 'seconds',
    periods: { breaching: 5, of: 5 },
  }),
  alarm({
    id: 'quarantine',
    title: 'A projection cannot process a commit',
    watches: 'shop',
    metric: { namespace: 'Commerce', name: 'commerce_projection_quarantined_total' },
    statistic: 'Sum',
    atLeast: 1,
    unit: 'count',
  }),
  alarm({
    id: 'dead-letters',
    title: 'A batch or message was given up',
    watches: 'dead-letter queues',
    metric: { namespace: 'AWS/SQS', name: 'ApproximateNumberOfMessagesVisible' },
    statistic: 'Maximum',
    atLeast: 1,
    unit: 'count',
  }),
  alarm({
    id: 'function-throttles',
    title: 'Lambda refuses to run a function',
    watches: 'functions',
    metric: { namespace: 'AWS/Lambda', name: 'Throttles' },
    statistic: 'Sum',
    atLeast: 1,
    unit: 'count',
    periods: { breaching: 2, of: 3 },
  }),
  alarm({
    id: 'write-throttles',
    title: 'DynamoDB slows down writes',
    watches: 'tables',
    metric: { namespace: 'AWS/DynamoDB', name: 'WriteThrottleEvents' },
    statistic: 'Sum',
    atLeast: 10,
    unit: 'count',
    periods: { breaching: 3, of: 5 },
  }),
  alarm({
    id: 'conflicts',
    title: 'Many appends conflict',
    watches: 'shop',
    metric: { namespace: 'Commerce', name: 'commerce_append_conflicts_total' },
    statistic: 'Sum',
    atLeast: 600,
    unit: 'count',
    periods: { breaching: 5, of: 5 },
  }),
  alarm({
    id: 'command-5xx',
    title: 'Commands fail',
    watches: 'command API',
    metric: { namespace: 'AWS/ApiGateway', name: '5XXError' },
    statistic: 'Sum',
    atLeast: 5,
    unit: 'count',
    periods: { breaching: 2, of: 3 },
  }),
  alarm({
    id: 'query-5xx',
    title: 'Queries fail',
    watches: 'query balancer',
    metric: { namespace: 'AWS/ApplicationELB', name: 'HTTPCode_Target_5XX_Count' },
    statistic: 'Sum',
    atLeast: 5,
    unit: 'count',
    periods: { breaching: 2, of: 3 },
  }),
  alarm({
    id: 'command-p99',
    title: 'Commands are slow',
    watches: 'command API',
    metric: { namespace: 'AWS/ApiGateway', name: 'Latency' },
    statistic: 'p99',
    atLeast: 2_000,
    unit: 'milliseconds',
    periods: { breaching: 5, of: 5 },
  }),
  alarm({
    id: 'query-p99',
    title: 'Queries are slow',
    watches: 'query balancer',
    metric: { namespace: 'AWS/ApplicationELB', name: 'TargetResponseTime' },
    statistic: 'p99',
    atLeast: 1,
    unit: 'seconds',
    periods: { breaching: 5, of: 5 },
  }),
  alarm({
    id: 'tampering',
    title: 'THE LOG WAS TAMPERED WITH',
    watches: 'shop',
    metric: { namespace: 'Commerce', name: 'commerce_log_tampering_total' },
    statistic: 'Sum',
    atLeast: 1,
    unit: 'count',
  }),
  alarm({
    id: 'archive-held',
    title: 'A stream cannot be archived: its hash chain is broken or has a gap',
    watches: 'shop',
    metric: { namespace: 'Commerce', name: 'commerce_archive_held_streams' },
    statistic: 'Maximum',
    atLeast: 1,
    unit: 'count',
    periods: { breaching: 3, of: 3 },
  }),
  alarm({
    id: 'payment-differences',
    title: 'Payments differ from the provider’s records',
    watches: 'shop',
    metric: { namespace: 'Commerce', name: 'commerce_payment_differences' },
    statistic: 'Maximum',
    atLeast: 1,
    unit: 'count',
    // The comparison runs once a day.
    missingData: 'ignore',
  }),
  alarm({
    id: 'payment-contradictions',
    title: 'The provider says something that contradicts a ledger',
    watches: 'shop',
    metric: {
      namespace: 'Commerce',
      name: 'commerce_payment_webhook_events_total',
      dimensions: { outcome: 'conflict' },
    },
    statistic: 'Sum',
    atLeast: 1,
    unit: 'count',
  }),
];

type Usual = 'periodS' | 'periods' | 'missingData' | 'runbook';

function alarm(one: Omit<Alarm, Usual> & Partial<Pick<Alarm, Usual>>): Alarm {
  return {
    periodS: MINUTE,
    periods: { breaching: 1, of: 1 },
    missingData: 'notBreaching',
    runbook: `docs/runbook.md#${one.id}`,
    ...one,
  };
}
