// `commerce stock-snapshot` makes and exports daily stock snapshots; `commerce stock-reconcile` compares one with the log, and the
// read model with the log.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Command, InvalidArgumentError } from 'commander';
import { reconcileStock, type SnapshotDifference } from '../../projections/snapshots/reconcile-stock.js';
import {
  isDay,
  SnapshotDamaged,
  type StockLevel,
  type StockManifest,
  type StockSnapshots,
} from '../../projections/snapshots/stock-snapshots.js';
import { CommandFailed, FOUND_A_VIOLATION } from '../errors.js';
import { openEngines } from '../open-engines.js';
import { type CommonOptions, configOfShop, withJson, withProfile } from '../options.js';
import { createProgress } from '../progress.js';
import { stopSignal } from '../stopping.js';
import { table } from '../table.js';

const packed = promisify(gzip);

interface DayOptions extends CommonOptions {
  day?: string;
}

interface SnapshotOptions extends DayOptions {
  out?: string;
}

export function stockSnapshotCommand(): Command {
  return withJson(withProfile(new Command('stock-snapshot')))
    .description('make the stock snapshots of the days that have ended')
    .option('--day <day>', 'make the snapshot of this day alone, such as 2026-11-28', dayIn)
    .option('--out <file>', 'also write it to a new stock file (CSV; gzip if it ends in .gz; s3://bucket/key on aws)')
    .action(snapshot);
}

export function stockReconcileCommand(): Command {
  return withJson(withProfile(new Command('stock-reconcile')))
    .description('compare a stock snapshot and the stock read model with the log, and print each difference')
    .option('--day <day>', 'the snapshot of this day, such as 2026-11-28 (default: the last one)', dayIn)
    .action(reconcile);
}

function dayIn(text: string): string {
  if (isDay(text)) return text;
  throw new InvalidArgumentError('A day looks like 2026-11-28.');
}

async function snapshot({ day, out, ...options }: SnapshotOptions): Promise<void> {
  const shop = await openEngines(await configOfShop(options));
  const signal = stopSignal();
  const progress = createProgress();
  try {
    const snapshots = await shop.get('stockSnapshots');
    let days = 0;
    const onMade = () => progress.report('days', ++days);
    const made = day
      ? [await snapshots.make(day, signal)]
      : await snapshots.catchUp(await snapshots.lastDay(), { signal, onMade });
    progress.end();
    const wanted = made.at(-1) ?? (await lastOf(snapshots));
    if (out !== undefined) {
      if (!wanted) throw new CommandFailed('There is no stock snapshot yet; the first one is made after midnight UTC.');
      await (await shop.get('bulkFiles')).write(out, await stockFile(snapshots, wanted, out.endsWith('.gz')));
    }
    console.log(
      options.json ? JSON.stringify({ made, ...(out && { out, day: wanted?.day }) }) : told(made, wanted, out),
    );
  } finally {
    progress.end();
    await shop.close();
  }
}

async function lastOf(snapshots: StockSnapshots): Promise<StockManifest | undefined> {
  const last = (await snapshots.days()).at(-1);
  return last === undefined ? undefined : snapshots.manifest(last);
}

/** All locations in one file, which `import stock` reads. */
async function stockFile(
  snapshots: StockSnapshots,
  { locations }: StockManifest,
  isPacked: boolean,
): Promise<Buffer[]> {
  const chunks: Buffer[] = [Buffer.from('sku,location,onHand,reserved,committed,commitNo\n')];
  for (const location of locations) {
    const lines: string[] = [];
    for await (const level of snapshots.levels(location)) lines.push(`${valuesOf(level).join()}\n`);
    chunks.push(Buffer.from(lines.join('')));
  }
  return isPacked ? [await packed(Buffer.concat(chunks))] : chunks;
}

function valuesOf({ sku, location, onHand, reserved, committed, commitNo }: StockLevel) {
  return [sku, location, onHand, reserved, committed, commitNo];
}

function told(made: readonly StockManifest[], last: StockManifest | undefined, out: string | undefined): string {
  const rows = made.flatMap(({ day, locations }) =>
    locations.map(({ location, rows, onHand, object }) => [day, location, rows, onHand, object]),
  );
  const text =
    rows.length > 0
      ? table({ head: ['day', 'location', 'items', 'units on hand', 'object'], rows, right: [2, 3] })
      : made.length > 0
        ? `Made the snapshot of ${made.at(-1)?.day}. There was no stock yet at its end.`
        : last
          ? `No snapshot was missing; the last one is of ${last.day}.`
          : 'There was no stock before the last midnight UTC, so there is no snapshot yet.';
  return out === undefined ? text : `${text}\nThe stock of ${last?.day} is in ${out}.`;
}

async function reconcile({ day: wanted, ...options }: DayOptions): Promise<void> {
  const shop = await openEngines(await configOfShop(options));
  const progress = createProgress();
  let found = 0;
  const tell = (difference: object, text: string) => {
    progress.end();
    found++;
    console.log(options.json ? JSON.stringify(difference) : text);
  };
  try {
    const snapshots = await shop.get('stockSnapshots');
    const [store, readModels, decisions] = await Promise.all([
      shop.get('eventStore'),
      shop.get('readModels'),
      shop.get('decisions'),
    ]);
    const days = await snapshots.days();
    const day = wanted ?? days.at(-1);
    if (wanted !== undefined && !days.includes(wanted)) {
      throw new CommandFailed(
        `There is no snapshot of ${wanted}; ${days.length === 0 ? 'there is none' : `the last one is of ${days.at(-1)}`}.`,
      );
    }
    const onItems = (items: number, total: number) => progress.report('items', items, total);
    if (day !== undefined) {
      try {
        for await (const one of reconcileStock({ store, snapshots }, day, onItems)) {
          tell({ between: 'snapshot and log', day, ...one }, snapshotText(day, one));
        }
      } catch (error) {
        if (!(error instanceof SnapshotDamaged)) throw error;
        tell({ between: 'snapshot and log', day, damaged: error.message }, error.message);
      }
    }
    await decisions.refresh();
    for await (const one of readModels.differences('stock', { repair: false, onProgress: progress.report }) ?? []) {
      const { key: sku, kind, stored, expected } = one;
      const text = `${sku}: the read model has ${JSON.stringify(stored ?? null)}, the log ${JSON.stringify(expected ?? null)}; \`commerce diff stock --repair\` corrects it`;
      tell({ between: 'read model and log', sku, kind, stored, expected }, text);
    }
    progress.end();
    const compared =
      day === undefined ? 'There is no snapshot yet. The read model' : `The snapshot of ${day} and the read model`;
    if (!options.json)
      console.log(
        found === 0
          ? `${compared} agree${day ? '' : 's'} with the log.`
          : `${found} ${found === 1 ? 'difference' : 'differences'}.`,
      );
    if (found > 0) process.exitCode = FOUND_A_VIOLATION;
  } finally {
    progress.end();
    await shop.close();
  }
}

function snapshotText(day: string, { sku, location, snapshot, log }: SnapshotDifference): string {
  return `${sku} at ${location}: the snapshot of ${day} has ${levelText(snapshot)}, the log ${levelText(log)}`;
}

function levelText(level: StockLevel | undefined): string {
  if (!level) return 'nothing';
  const { onHand, reserved, committed, commitNo } = level;
  return `${onHand} on hand, ${reserved} reserved, ${committed} committed at commit ${commitNo}`;
}
