// `commerce bench [NAME…]`: measures throughput as ratios to raw requests to the same engine, times and memory of the whole
// product, and the cost of a long history.
import { Argument, Command } from 'commander';
import { Unavailable } from '../../domain/kernel/errors.js';
import { EngineUnavailable } from '../../infra/engines/errors.js';
import type { Bench, FigureBench, Scale } from '../bench/bench.js';
import { checkouts, races } from '../bench/checkouts.js';
import { dynamodb } from '../bench/dynamodb.js';
import { type BenchEngines, openEngines } from '../bench/engines.js';
import { type Growth, measureGrowth } from '../bench/growth.js';
import { hotSku, hotSkuOnDynamo } from '../bench/hot-sku.js';
import { importMemory, imports } from '../bench/import.js';
import {
  type Comparison,
  compare,
  figures,
  type Measurement,
  type MeasureOptions,
  ROUNDS,
  type Spread,
  time,
} from '../bench/measure.js';
import { memory } from '../bench/memory.js';
import { append, command, hotStream } from '../bench/postgres.js';
import { reads } from '../bench/reads.js';
import { rebuildCommands, rebuildMemory, rebuilds } from '../bench/rebuild.js';
import { start } from '../bench/start.js';
import { visible } from '../bench/visible.js';
import { positiveInteger, withJson } from '../options.js';
import { createProgress, type Progress } from '../progress.js';
import { stopSignal } from '../stopping.js';
import { table } from '../table.js';

/** Benches of the whole product come last: once the product runs, it keeps running. */
const BENCHES: readonly Bench[] = [
  append,
  command,
  dynamodb,
  hotStream,
  hotSku,
  hotSkuOnDynamo,
  imports,
  importMemory,
  ...rebuilds,
  rebuildMemory,
  rebuildCommands,
  start,
  memory,
  ...visible,
  ...reads,
  ...checkouts,
  ...races,
];

const GROWTH = 'growth';

const EXIT_INTERRUPTED = 130;

interface BenchOptions {
  json?: boolean;
  rounds: number;
  minutes: number;
  whole?: boolean;
  commits: number;
}

interface Results {
  rounds: number;
  benches: Report[];
  growth?: GrowthReport;
}

type Taken =
  | { unavailable: string }
  | ({ kind: 'ratio' } & Comparison)
  | ({ kind: 'time' } & Measurement)
  | { kind: 'figure'; figure: Spread; unit: FigureBench['unit'] };

type GrowthReport = { rows: Growth[] } | { unavailable: string };

type Report = Pick<Bench, 'name' | 'inFlight' | 'target' | 'how'> & Taken;

export function benchCommand(): Command {
  const names = [...new Set(BENCHES.map(({ name }) => name)), GROWTH];
  return withJson(new Command('bench'))
    .description(
      'measure rates as ratios to raw requests to the same engine, growth, and the whole product; takes about twenty minutes',
    )
    .addArgument(new Argument('[name...]', 'names of benches (default: all)').choices(names))
    .option('--rounds <number>', 'counted rounds of each bench', positiveInteger, ROUNDS)
    .option('--minutes <number>', 'minutes of load before the memory is read', positiveInteger, 1)
    .option('--whole', 'import the whole file of real invoices instead of a part; takes half an hour')
    .option('--commits <number>', 'commits of the log that is rebuilt', positiveInteger, 20_000)
    .action(async (wanted: string[], { json, rounds, minutes, whole = false, commits }: BenchOptions) => {
      const benches = wanted.length > 0 ? BENCHES.filter(({ name }) => wanted.includes(name)) : BENCHES;
      const grows = wanted.length === 0 || wanted.includes(GROWTH);
      const results = await measure(benches, grows, { rounds, minutes, whole, commits });
      if (!results) return;
      console.log(json ? JSON.stringify(results, null, 2) : textOf(results));
      const missing = [...results.benches, ...(results.growth ? [{ name: GROWTH, ...results.growth }] : [])];
      for (const report of missing) if ('unavailable' in report) console.error(`${report.name}: ${report.unavailable}`);
    });
}

/** Undefined if it was interrupted. Everything that was started is stopped in any case. */
async function measure(
  benches: readonly Bench[],
  grows: boolean,
  scale: Scale & { rounds: number },
): Promise<Results | undefined> {
  const stop = stopSignal();
  const progress = createProgress();
  const engines = await openEngines();
  try {
    const growth = grows ? { growth: await growthReport(engines, progress, stop) } : {};
    const reports: Report[] = [];
    for (const bench of benches) reports.push(await reportOf(bench, engines, progress, { ...scale, signal: stop }));
    return { rounds: scale.rounds, benches: reports, ...growth };
  } catch (error) {
    if (!stop.aborted) throw error;
    process.exitCode = EXIT_INTERRUPTED;
    return undefined;
  } finally {
    progress.end();
    await engines.close();
  }
}

async function reportOf(
  bench: Bench,
  engines: BenchEngines,
  progress: Progress,
  options: Scale & MeasureOptions,
): Promise<Report> {
  options.signal.throwIfAborted();
  const { name, inFlight, target, how } = bench;
  const onRound = (done: number, total: number) => progress.report(labelOf(bench), done, total);
  try {
    return { name, inFlight, target, ...(await take(bench, engines, { ...options, onRound })), how };
  } catch (error) {
    if (!(error instanceof EngineUnavailable || error instanceof Unavailable)) throw error;
    return { name, inFlight, target, unavailable: error.message, how };
  }
}

async function growthReport(engines: BenchEngines, progress: Progress, signal: AbortSignal): Promise<GrowthReport> {
  const onRound = (done: number, total: number) => progress.report(GROWTH, done, total);
  try {
    return { rows: await measureGrowth(engines, { signal, onRound }) };
  } catch (error) {
    if (!(error instanceof EngineUnavailable || error instanceof Unavailable)) throw error;
    return { unavailable: error.message };
  }
}

async function take(bench: Bench, engines: BenchEngines, options: Scale & MeasureOptions): Promise<Taken> {
  switch (bench.kind) {
    case 'ratio': {
      const sides = await bench.open(engines, options);
      return { kind: 'ratio', ...(await compare(sides, options).finally(sides.close)) };
    }
    case 'time': {
      const { ours, close } = await bench.open(engines, options);
      return { kind: 'time', ...(await time(ours, options).finally(close)) };
    }
    case 'figure': {
      const { take, close } = await bench.open(engines, options);
      const figure = await figures(take, bench.once ? { ...options, rounds: 1 } : options).finally(close);
      return { kind: 'figure', figure, unit: bench.unit };
    }
  }
}

function textOf({ rounds, benches, growth }: Results): string {
  const parts = [...(benches.length > 0 ? [textOfBenches(benches, rounds)] : [])];
  if (growth && 'rows' in growth) parts.push(textOfGrowth(growth.rows));
  return parts.join('\n\n');
}

function textOfGrowth(rows: readonly Growth[]): string {
  const measured = table({
    head: ['growth', 'total', 'open', 'state', 'snapshot', 'next ms', 'first ms'],
    rows: rows.map(({ name, where, items, open, bytes, snapshotBytes, nextMs, firstMs }) => [
      `${name} in ${where}`,
      whole(items),
      whole(open),
      whole(bytes),
      snapshotBytes === undefined ? '' : whole(snapshotBytes),
      nextMs.toFixed(3),
      firstMs === undefined ? '' : milliseconds(firstMs),
    ]),
    right: [1, 2, 3, 4, 5, 6],
  });
  const how =
    'growth: state is the size of the state as JSON after `total` commands, of which `open` are open. The snapshot also has the ids ' +
    'of the last commands. next is one more command: decide and evolve in memory, the whole command on Postgres. first is ' +
    'the first command of a process that has not cached the stream. Medians.';
  return [measured, how].join('\n');
}

function textOfBenches(reports: readonly Report[], rounds: number): string {
  const measured = table({
    head: ['bench', 'in flight', 'result', 'min – max', 'target', 'ours/s', 'raw/s', 'p50 ms', 'p99 ms'],
    rows: reports.map((report) => [report.name, report.inFlight, ...cellsOf(report)]),
    right: [1, 2, 3, 4, 5, 6, 7, 8],
  });
  const lines = new Set(reports.map(({ name, how }) => `${name}: ${how}.`));
  const note = `Medians of ${rounds} rounds, which run both sides in turn. p50 and p99 are of our side.`;
  return [measured, ...lines, note].join('\n');
}

function cellsOf(report: Report): string[] {
  if ('unavailable' in report) return ['not available', '', report.target.toFixed(2), '', '', '', ''];
  if (report.kind === 'figure') {
    const { target, figure, unit } = report;
    return [...spread(figure, ` ${unit}`), `≤ ${target} ${unit}`, '', '', '', ''];
  }
  const { target, ours, p50, p99 } = report;
  const times = [milliseconds(p50), milliseconds(p99)];
  if (report.kind === 'ratio') {
    const { ratio, raw } = report;
    return [...spread(ratio, ''), `≥ ${target.toFixed(2)}`, perSecond(ours), perSecond(raw), ...times];
  }
  return [...spread(report.seconds, ' s'), `≤ ${target.toFixed(2)} s`, perSecond(ours), '', ...times];
}

function spread({ median, min, max }: Spread, unit: string): string[] {
  return [`${median.toFixed(2)}${unit}`, `${min.toFixed(2)} – ${max.toFixed(2)}`];
}

function labelOf({ name, inFlight }: Bench): string {
  return `${name}, ${inFlight} in flight`;
}

function perSecond(rate: number): string {
  return whole(Math.round(rate));
}

function whole(count: number): string {
  return count.toLocaleString('en-GB');
}

function milliseconds(ms: number): string {
  return ms.toFixed(1);
}
