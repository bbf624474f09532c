// Sends the rows of a stock file through the command handlers. Every id derives from the contents of the file, or from the id of the
// row, so a run that is killed at any moment and started again has the same result.
import type { Clock } from '../../../domain/kernel/clock.js';
import { pairs } from '../../../domain/kernel/collections.js';
import type { CommandMeta } from '../../../domain/kernel/command.js';
import { isProblem, orThrow } from '../../../domain/kernel/errors.js';
import type { Actor } from '../../../domain/kernel/event.js';
import { defined } from '../../../domain/kernel/json.js';
import { isRejection } from '../../../domain/kernel/rejection.js';
import { stockFile, stockFileStream } from '../../../domain/stock/stock-file.js';
import { type StockCommand, stockItem, stockStream } from '../../../domain/stock/stock-item.js';
import type { SkuOwners } from '../../product/sku-owners.js';
import type { CommandRunner } from '../../runtime/command-runner.js';
import { createStockPlaces } from '../../stock/places.js';
import { inFlight } from '../in-flight.js';
import { isPassing, retryWhileAway } from '../patience.js';
import { isRefused, type RefusedRow } from '../refused-row.js';
import { changedMeanwhile, type Source } from '../source.js';
import { examineStockFile, readStockRows, type StockRow } from './rows.js';

/** Rows of one round. Rows of different stock items are sent side by side, those of one item in the order of the file. */
const ROWS_PER_ROUND = 1_000;
const ITEMS_IN_FLIGHT = 64;

export interface StockImportDeps {
  runner: CommandRunner;
  skuOwners: SkuOwners;
  clock: Clock;
}

export interface StockImportOptions {
  /** Who has counted or received. Default: the import. */
  actor?: Actor;
  signal: AbortSignal;
  onRefused(row: RefusedRow): void;
  onProgress?: (rows: number, total: number) => void;
}

export interface StockImportSummary {
  rows: number;
  counts: number;
  receipts: number;
  /** Units of the receipts that were new. */
  received: number;
  /** Rows of an earlier import, which changed nothing. */
  repeated: number;
  refused: number;
}

type Sent = 'done' | 'repeated' | { field: string; reason: string };

/** Throws `ImportError` before anything is changed, if the file is broken. */
export async function importStock(
  deps: StockImportDeps,
  source: Source,
  { actor = { type: 'import', id: 'stock' }, signal, onRefused, onProgress = () => {} }: StockImportOptions,
): Promise<StockImportSummary> {
  const { runner, skuOwners, clock } = deps;
  const places = createStockPlaces({ runner, skuOwners });
  const { id: fileId, rows: total } = await examineStockFile(source);
  const issuedAt = await retryWhileAway({ clock }, signal, () => begin(fileId, total));
  const summary: StockImportSummary = { rows: 0, counts: 0, receipts: 0, received: 0, repeated: 0, refused: 0 };

  /** When this file was first imported, in ms of the log's clock. */
  async function begin(fileId: string, rows: number): Promise<number> {
    const meta = { id: `stock-import/${fileId}`, issuedAt: clock(), correlationId: `import/stock/${fileId}`, actor };
    const command = { type: 'BeginStockFile', fileId, rows } as const;
    return orThrow(await runner.execute(stockFile, stockFileStream(fileId), command, meta)).state.begunAt;
  }

  function refuse(refused: RefusedRow): void {
    summary.refused++;
    onRefused(refused);
  }

  /** Starts all rows of one item in turn, so that they share commits. */
  async function sendAll(rows: readonly [StockRow, ...StockRow[]]): Promise<Sent[]> {
    const [first] = rows;
    const meta: CommandMeta = {
      id: `stock-import/${fileId}/${first.number}`,
      issuedAt,
      late: 'search',
      correlationId: `import/stock/${fileId}`,
      actor,
    };
    let productId: string;
    try {
      productId = await places.ownerAt(first, (part) => ({ ...meta, id: `${meta.id}/${part}` }));
    } catch (error) {
      if (!isProblem(error) || isPassing(error)) throw error;
      const field = isProblem(error, 'not_found') ? 'sku' : 'location';
      return rows.map(() => ({ field, reason: error.message }));
    }
    return Promise.all(rows.map((row) => send(row, productId, meta)));
  }

  async function send(row: StockRow, productId: string, meta: CommandMeta): Promise<Sent> {
    const { number, sku, location, kind, quantity, id: ownId, reason, supplier, lot } = row;
    const id = `stock-import/${ownId ?? `${fileId}/${number}`}`;
    const movement = { sku, location, productId, movementId: id, quantity };
    const command: StockCommand =
      kind === 'count'
        ? { type: 'CountStock', ...movement }
        : { type: 'ReceiveStock', ...movement, ...defined({ reason, supplier, lot }) };
    // Another file may have had the row at any time.
    const own = ownId === undefined ? { ...meta, id } : { ...meta, id, issuedAt: 0 };
    const outcome = await runner.execute(stockItem, stockStream(row), command, own);
    if (isRejection(outcome)) return { field: kind, reason: outcome.detail };
    return outcome.repeated ? 'repeated' : 'done';
  }

  function note({ number, kind, quantity }: StockRow, sent: Sent): void {
    if (sent === 'repeated') summary.repeated++;
    else if (sent !== 'done') refuse({ row: number, ...sent });
    else if (kind === 'count') summary.counts++;
    else {
      summary.receipts++;
      summary.received += quantity;
    }
  }

  async function sendRound(round: readonly StockRow[]): Promise<void> {
    const items = byItem(round);
    await inFlight(items.values(), Math.min(ITEMS_IN_FLIGHT, items.size), signal, async (rows) => {
      for (const [row, sent] of pairs(rows, await retryWhileAway({ clock }, signal, () => sendAll(rows))))
        note(row, sent);
    });
  }

  let round: StockRow[] = [];
  for await (const row of readStockRows(source)) {
    summary.rows++;
    if (summary.rows > total) throw changedMeanwhile(source.name);
    if (isRefused(row)) refuse(row);
    else round.push(row);
    if (round.length < ROWS_PER_ROUND) continue;
    await sendRound(round);
    round = [];
    onProgress(summary.rows, total);
  }
  await sendRound(round);
  onProgress(summary.rows, total);
  return summary;
}

function byItem(rows: readonly StockRow[]) {
  const items = new Map<string, [StockRow, ...StockRow[]]>();
  for (const row of rows) {
    const stream = stockStream(row);
    const known = items.get(stream);
    if (known) known.push(row);
    else items.set(stream, [row]);
  }
  return items;
}
