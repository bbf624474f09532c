// `commerce bench [NAME…]`: how fast it is, as ratios to raw writes to the same engine, taken in this run.
import Table from 'cli-table3';
import { Argument, Command } from 'commander';
import { Unavailable } from '../../domain/kernel/errors.js';
import { EngineUnavailable } from '../../infra/engines/errors.js';
import type { Bench } from '../bench/bench.js';
import { dynamodb } from '../bench/dynamodb.js';
import { type BenchEngines, openEngines } from '../bench/engines.js';
import { type Comparison, compare, ROUNDS } from '../bench/measure.js';
import { append, command, hotStream } from '../bench/postgres.js';
import { withJson } from '../options.js';
import { createProgress, type Progress } from '../progress.js';

const BENCHES: readonly Bench[] = [append, command, dynamodb, hotStream];

const EXIT_INTERRUPTED = 130;

type Report = Pick<Bench, 'name' | 'aim' | 'how'> & (Comparison | { unavailable: string });

export function benchCommand(): Command {
  const names = BENCHES.map(({ name }) => name);
  return withJson(new Command('bench'))
    .description('measure ratios to raw writes to the same engine, in about two minutes')
    .addArgument(new Argument('[name...]', 'which (default: all)').choices(names))
    .action(async (wanted: string[], { json }: { json?: boolean }) => {
      const benches = wanted.length > 0 ? BENCHES.filter(({ name }) => wanted.includes(name)) : BENCHES;
      const reports = await measure(benches);
      if (!reports) return;
      console.log(json ? JSON.stringify({ rounds: ROUNDS, benches: reports }, null, 2) : textOf(reports));
      for (const report of reports) if ('unavailable' in report) console.error(`${report.name}: ${report.unavailable}`);
    });
}

/** Undefined if it was interrupted; what was started is stopped in any case. */
async function measure(benches: readonly Bench[]): Promise<Report[] | undefined> {
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const progress = createProgress();
  const engines = await openEngines();
  try {
    const reports: Report[] = [];
    for (const bench of benches) reports.push(await reportOf(bench, engines, progress, stop.signal));
    return reports;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode = EXIT_INTERRUPTED;
    return undefined;
  } finally {
    progress.end();
    await engines.close();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

async function reportOf(
  { name, aim, how, open }: Bench,
  engines: BenchEngines,
  progress: Progress,
  signal: AbortSignal,
): Promise<Report> {
  signal.throwIfAborted();
  try {
    const bench = await open(engines);
    try {
      const onRound = (done: number, total: number) => progress.report(name, done, total);
      return { name, aim, ...(await compare(bench, { signal, onRound })), how };
    } finally {
      await bench.close();
    }
  } catch (error) {
    if (!(error instanceof EngineUnavailable || error instanceof Unavailable)) throw error;
    return { name, aim, unavailable: error.message, how };
  }
}

function textOf(reports: readonly Report[]): string {
  const table = new Table({
    head: ['bench', 'ratio', 'min – max', 'aim', 'ours/s', 'raw/s'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const report of reports) {
    const aim = report.aim.toFixed(2);
    if ('unavailable' in report) table.push([report.name, 'not available', '', aim, '', '']);
    else {
      const { name, ratio, min, max, ours, raw } = report;
      table.push([
        name,
        ratio.toFixed(2),
        `${min.toFixed(2)} – ${max.toFixed(2)}`,
        aim,
        perSecond(ours),
        perSecond(raw),
      ]);
    }
  }
  const lines = reports.map(({ name, how }) => `${name}: ${how}.`);
  return [table.toString(), ...lines, `Medians of ${ROUNDS} rounds, both sides in turn in each.`].join('\n');
}

function perSecond(rate: number): string {
  return Math.round(rate).toLocaleString('en-GB');
}
