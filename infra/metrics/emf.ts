// The metrics of Prometheus as lines of CloudWatch's embedded metric format (EMF) on standard output, for processes that nobody
// can scrape. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
import type { MetricObjectWithValues, MetricValue, MetricValueWithName, Registry } from 'prom-client';
import { MAX_EMF_METRICS, MAX_EMF_VALUES } from './limits.js';

export const EMF_NAMESPACE = 'Commerce';

/**
 * Labels that become dimensions, beside the sum over all of them. Each value is a metric that CloudWatch bills, so they have few
 * values. All other labels, and the service, are members of the line, by which Logs Insights can search.
 */
export const EMF_DIMENSIONS: readonly string[] = ['projection', 'outcome', 'what'];

export interface EmfDeps {
  registry: Registry;
  /** Name of the function or program. */
  service: string;
  /** Writes one line, without its end. Default: standard output. */
  write?: (line: string) => void;
  clock?: () => number;
}

export interface Emf {
  /**
   * Writes what has happened since the last call: counts and observed times as differences, and what a gauge shows now. One line
   * for each set of labels and each hundred metrics; none if nothing has happened.
   */
  flush(): Promise<void>;
}

type Labels = Readonly<Record<string, string>>;

/** A metric of a line. Observations are several values of one metric. */
interface Sample {
  name: string;
  labels: Labels;
  value: number | readonly number[];
}

export function createEmf({ registry, service, write = print, clock = Date.now }: EmfDeps): Emf {
  const before = new Map<string, number>();

  /** The growth of a series since the last flush. */
  function growthOf(name: string, value: number): number {
    const last = before.get(name) ?? 0;
    before.set(name, value);
    return value - last;
  }

  function samplesOf(metric: MetricObjectWithValues<MetricValue<string>>): Sample[] {
    const { name } = metric;
    if (String(metric.type) === 'histogram') return histogramSamples(metric as never);
    const isCounter = String(metric.type) === 'counter';
    return metric.values.flatMap(({ labels: given, value }) => {
      const labels = textsOf(given);
      const shown = isCounter ? growthOf(`${name} ${JSON.stringify(labels)}`, value) : value;
      return isCounter && shown === 0 ? [] : [{ name, labels, value: shown }];
    });
  }

  /**
   * The observations of each series. A single one is exact, as the sum. Of several, each takes the upper bound of its bucket, and
   * beyond the last bucket its lower bound.
   */
  function histogramSamples({ name, values }: MetricObjectWithValues<MetricValueWithName<string>>): Sample[] {
    const series = new Map<string, { labels: Labels; sum: number; below: number; bound: number; observed: number[] }>();
    for (const { metricName, labels: given, value } of values) {
      const { le, ...rest } = textsOf(given);
      const id = JSON.stringify(rest);
      const one = series.get(id) ?? { labels: rest, sum: 0, below: 0, bound: 0, observed: [] };
      series.set(id, one);
      const growth = growthOf(`${metricName} ${le ?? ''} ${id}`, value);
      if (metricName === `${name}_sum`) one.sum = growth;
      if (le === undefined) continue;
      if (le !== '+Inf') one.bound = Number(le);
      // Buckets are cumulative.
      for (; one.below < growth; one.below++) one.observed.push(one.bound);
    }
    return [...series.values()].flatMap(({ labels, sum, observed }): Sample[] =>
      observed.length === 1
        ? [{ name, labels, value: sum }]
        : hundreds(observed).map((value) => ({ name, labels, value })),
    );
  }

  return {
    async flush() {
      const samples = (await registry.getMetricsAsJSON()).flatMap((metric) => samplesOf(metric as never));
      for (const line of linesOf(samples)) write(JSON.stringify(documentOf(line, service, clock())));
    },
  };
}

/** Not by `console`, which Lambda replaces: it would put the line into another one. */
function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function hundreds(values: readonly number[]): (readonly number[])[] {
  return Array.from({ length: Math.ceil(values.length / MAX_EMF_VALUES) }, (_, n) =>
    values.slice(n * MAX_EMF_VALUES, (n + 1) * MAX_EMF_VALUES),
  );
}

/** Samples with the same labels and different names. */
function linesOf(samples: readonly Sample[]): Sample[][] {
  const lines = new Map<string, Map<string, Sample>>();
  for (const sample of samples) {
    const labels = JSON.stringify(sample.labels);
    for (let n = 0; ; n++) {
      const id = `${n} ${labels}`;
      const line = lines.get(id) ?? new Map<string, Sample>();
      lines.set(id, line);
      if (line.has(sample.name) || line.size === MAX_EMF_METRICS) continue;
      line.set(sample.name, sample);
      break;
    }
  }
  return [...lines.values()].map((line) => [...line.values()]);
}

function documentOf(line: readonly Sample[], service: string, now: number): object {
  const labels = line[0]?.labels ?? {};
  const dimensions = EMF_DIMENSIONS.filter((name) => labels[name] !== undefined);
  return {
    _aws: {
      Timestamp: now,
      CloudWatchMetrics: [
        {
          Namespace: EMF_NAMESPACE,
          Dimensions: dimensions.length > 0 ? [[], dimensions] : [[]],
          Metrics: line.map(({ name }) => ({ Name: name, Unit: unitOf(name) })),
        },
      ],
    },
    service,
    ...labels,
    ...Object.fromEntries(line.map(({ name, value }) => [name, value])),
  };
}

/** Names end with their unit, as Prometheus asks for. */
function unitOf(name: string): string {
  if (name.endsWith('_seconds')) return 'Seconds';
  if (name.endsWith('_bytes')) return 'Bytes';
  return 'Count';
}

/** CloudWatch takes texts alone. */
function textsOf(labels: Partial<Record<string, string | number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]));
}
