import { expect } from 'chai';
import fc from 'fast-check';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { z } from 'zod';
import { the } from '../../test/the.js';
import { createEmf, EMF_DIMENSIONS, EMF_NAMESPACE } from './emf.js';

describe('The metrics of a function', () => {
  let registry: Registry;
  let lines: string[];
  let emf: ReturnType<typeof createEmf>;
  beforeEach(() => {
    registry = new Registry();
    lines = [];
    emf = createEmf({ registry, service: 'order-commands', write: (line) => lines.push(line), clock: () => 1_000 });
  });

  async function flushed() {
    lines.length = 0;
    await emf.flush();
    return lines.map((line) => checked(JSON.parse(line)));
  }

  it('are one line with what has happened since the last one, and none if nothing has', async () => {
    const count = new Counter({ name: 'appends_total', help: '-', registers: [registry] });
    count.inc(3);
    expect(await flushed()).to.deep.equal([
      {
        _aws: {
          Timestamp: 1_000,
          CloudWatchMetrics: [
            { Namespace: 'Commerce', Dimensions: [[]], Metrics: [{ Name: 'appends_total', Unit: 'Count' }] },
          ],
        },
        service: 'order-commands',
        appends_total: 3,
      },
    ]);
    expect(await flushed()).to.deep.equal([]);
    count.inc(2);
    expect((await flushed())[0]).to.have.property('appends_total', 2);
  });

  it('show what a gauge shows now, in the unit of its name', async () => {
    const lag = new Gauge({ name: 'lag_seconds', help: '-', labelNames: ['projection'], registers: [registry] });
    lag.set({ projection: 'orders_v1' }, 1.5);
    const [line] = await flushed();
    expect(line).to.include({ projection: 'orders_v1', lag_seconds: 1.5 });
    expect(the(line)._aws.CloudWatchMetrics[0]).to.deep.include({
      Dimensions: [[], ['projection']],
      Metrics: [{ Name: 'lag_seconds', Unit: 'Seconds' }],
    });
  });

  it('show a single observation exactly, and several by the upper bounds of their buckets', async () => {
    const times = new Histogram({
      name: 'http_seconds',
      help: '-',
      labelNames: ['route'],
      buckets: [0.1, 1, 10],
      registers: [registry],
    });
    times.observe({ route: '/v1/carts/{id}' }, 0.03);
    const [one] = await flushed();
    expect(one).to.include({ route: '/v1/carts/{id}', http_seconds: 0.03 });
    expect(the(one)._aws.CloudWatchMetrics[0]?.Dimensions, 'a route is no dimension').to.deep.equal([[]]);
    for (const seconds of [0.02, 0.5, 0.6, 20]) times.observe({ route: '/v1/carts/{id}' }, seconds);
    expect((await flushed()).map(({ http_seconds: values }) => values)).to.deep.equal([[0.1, 1, 1, 10]]);
  });

  it('keep every observation, in lines of a hundred', async () => {
    const times = new Histogram({ name: 'http_seconds', help: '-', buckets: [1], registers: [registry] });
    for (let n = 0; n < 250; n++) times.observe(0.5);
    const counts = (await flushed()).map(({ http_seconds: values }) => (values as number[]).length);
    expect(counts).to.deep.equal([100, 100, 50]);
  });

  it('put no more than a hundred metrics into a line', async () => {
    for (let n = 0; n < 205; n++) new Counter({ name: `c${n}_total`, help: '-', registers: [registry] }).inc();
    const sizes = (await flushed()).map(({ _aws: { CloudWatchMetrics } }) => CloudWatchMetrics[0]?.Metrics.length);
    expect(sizes).to.deep.equal([100, 100, 5]);
  });

  it('follow the specification whatever is counted, and lose nothing', async () => {
    const label = fc.constantFrom('orders_v1', 'stock_v1', 'a "quoted" \n label');
    const events = fc.array(fc.tuple(label, fc.nat(5), fc.boolean()), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(events, async (happened) => {
        const own = new Registry();
        const seen: string[] = [];
        const labelNames = ['projection', 'route'] as const;
        const applied = new Counter({ name: 'applied_total', help: '-', labelNames, registers: [own] });
        const times = new Histogram({
          name: 'taken_seconds',
          help: '-',
          labelNames,
          buckets: [1, 3],
          registers: [own],
        });
        const { flush } = createEmf({ registry: own, service: 's', write: (line) => seen.push(line) });
        for (const [projection, n, flushes] of happened) {
          applied.inc({ projection, route: 'r' }, n);
          times.observe({ projection, route: 'r' }, n);
          if (flushes) await flush();
        }
        await flush();
        const documents = seen.map((line) => checked(JSON.parse(line)));
        const all = (name: string) => documents.flatMap((document) => (document[name] ?? []) as number | number[]);
        expect(all('applied_total').reduce((sum, n) => sum + n, 0)).to.equal(
          happened.reduce((sum, [, n]) => sum + n, 0),
        );
        expect(all('taken_seconds')).to.have.length(happened.length);
        for (const line of seen) expect(line).not.to.include('\n');
      }),
      { numRuns: 50 },
    );
  });
});

const UNITS =
  /^(Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|Kilobits|Megabits|Gigabits|Terabits|Percent|Count|None|((Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|Kilobits|Megabits|Gigabits|Terabits|Count)\/Second))$/;

/** What the specification demands of a document, and what its schema leaves out: the members that the directives refer to. */
const documentSchema = z
  .looseObject({
    _aws: z.object({
      Timestamp: z.int(),
      CloudWatchMetrics: z.array(
        z.object({
          Namespace: z.string().min(1).max(1024),
          Dimensions: z.array(z.array(z.string().min(1).max(250)).max(30)).min(1),
          Metrics: z
            .array(z.object({ Name: z.string().min(1).max(1024), Unit: z.string().regex(UNITS).optional() }))
            .max(100),
        }),
      ),
    }),
  })
  .superRefine(({ _aws, ...members }, { addIssue }) => {
    const number = z.number();
    for (const { Dimensions, Metrics } of _aws.CloudWatchMetrics) {
      for (const name of Dimensions.flat())
        if (!z.string().min(1).max(1024).safeParse(members[name]).success) addIssue(`dimension ${name} has no text`);
      for (const { Name } of Metrics)
        if (!number.or(z.array(number).max(100)).safeParse(members[Name]).success) addIssue(`${Name} has no number`);
    }
  });

function checked(document: unknown) {
  const read = documentSchema.parse(document);
  for (const { Namespace, Dimensions } of read._aws.CloudWatchMetrics) {
    expect(Namespace).to.equal(EMF_NAMESPACE);
    expect(EMF_DIMENSIONS).to.include.members(Dimensions.flat());
  }
  return read;
}
