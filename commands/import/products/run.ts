// Sends the products of a file through the command handlers: the claim of the SKU, its stock, and last the product, drafted and
// published in one commit. So a product that is there is complete, and a run that is killed at any moment and started again does
// what is missing.
import type { Clock } from '../../../domain/kernel/clock.js';
import type { CommandMeta } from '../../../domain/kernel/command.js';
import type { Actor } from '../../../domain/kernel/event.js';
import { DEFAULT_LOCATION, streamOf } from '../../../domain/kernel/id.js';
import { sameJson } from '../../../domain/kernel/json.js';
import { isRejection, type Rejection } from '../../../domain/kernel/rejection.js';
import type { StreamId } from '../../../domain/kernel/stream.js';
import { product } from '../../../domain/product/product.js';
import { skuClaim, skuClaimStream } from '../../../domain/product/sku-claim.js';
import { type StockCommand, stockItem, stockStream } from '../../../domain/stock/stock-item.js';
import type { CommandRunner } from '../../runtime/command-runner.js';
import type { CurrentSettings } from '../../shop/settings.js';
import { ImportError } from '../import-error.js';
import { inFlight } from '../in-flight.js';
import { type JsonLine, readJsonLines } from '../json-lines.js';
import { retryWhileAway } from '../patience.js';
import { isRefused, type RefusedRow } from '../refused-row.js';
import { changedMeanwhile, type Source } from '../source.js';
import { type ProductRow, productRowOf } from './rows.js';

const PRODUCTS_IN_FLIGHT = 64;

const IMPORTER: Actor = { type: 'import', id: 'products' };

export interface ProductImportDeps {
  runner: CommandRunner;
  settings: Pick<CurrentSettings, 'current'>;
  clock: Clock;
}

export interface ProductImportOptions {
  /** Stands before each id of the file, in the SKU and in the product id. */
  prefix?: string;
  currency: string;
  /** Units of each product at the default location. */
  stock: number;
  /** Takes only this many products, from the start of the file. */
  limit?: number | undefined;
  signal: AbortSignal;
  onRefused(row: RefusedRow): void;
  /** A value that a product was imported without. */
  onLeftOut(value: RefusedRow): void;
  /** The stream and the last commit of a product that the shop already had. */
  onExisting?: (stream: StreamId, commitNo: number) => void;
  onProgress?: (rows: number, total: number) => void;
}

export interface ProductImportSummary {
  /** Lines that are not blank. */
  rows: number;
  imported: number;
  /** Products that the shop already had. They were not changed. */
  existing: number;
  refused: number;
}

type Sent = 'imported' | 'existing' | { field: string; reason: string };

/** Throws `ImportError` before anything is changed, if the file is cut off or the shop does not sell in the currency. */
export async function importProducts(
  { runner, settings, clock }: ProductImportDeps,
  source: Source,
  options: ProductImportOptions,
): Promise<ProductImportSummary> {
  const { prefix = '', currency, stock, limit, signal } = options;
  const { onRefused, onLeftOut, onExisting = () => {}, onProgress = () => {} } = options;
  const total = Math.min(await countRows(source), limit ?? Number.POSITIVE_INFINITY);
  const { currencies } = await retryWhileAway({ clock }, signal, () => settings.current());
  if (!currencies.includes(currency)) {
    throw new ImportError(
      `The shop does not sell in ${currency}; import with --currency ${currencies.join(' or ')}, or add it with PUT /v1/shop.`,
    );
  }
  const summary: ProductImportSummary = { rows: 0, imported: 0, existing: 0, refused: 0 };

  function refuse(refused: RefusedRow): void {
    summary.refused++;
    onRefused(refused);
  }

  function meta(id: string, more: Partial<CommandMeta> = {}): CommandMeta {
    return {
      id: `product-import/${id}`,
      issuedAt: clock(),
      correlationId: 'import/products',
      actor: IMPORTER,
      ...more,
    };
  }

  async function send(row: ProductRow): Promise<Sent> {
    const { productId, sku, details, price } = row;
    const stream = streamOf(productId);
    const variant = { sku, prices: [price] };
    const { state, position } = await runner.load(product, stream);
    // A draft of this very product may be half of an import that was killed.
    const isHalf = state?.status === 'draft' && sameJson(state.details, details);
    if (state && !isHalf) {
      onExisting(stream, position.commitNo);
      return 'existing';
    }

    const claim = { type: 'ClaimSku', sku, productId } as const;
    const newStream = state === null && { newStream: true as const };
    const claimed = await runner.execute(skuClaim, skuClaimStream(sku), claim, meta(`claim/${sku}`, { ...newStream }));
    if (isRejection(claimed)) return { field: 'id', reason: claimed.detail };
    const stocked = await stockUp(sku, productId);
    if (stocked) return { field: 'id', reason: stocked.detail };
    // Commands issued together share one commit.
    const [drafted, published] = await Promise.all([
      runner.execute(
        product,
        stream,
        { type: 'DraftProduct', productId, details, variants: [variant] },
        meta(`${productId}/draft`),
      ),
      runner.execute(product, stream, { type: 'PublishProduct' }, meta(`${productId}/publish`)),
    ]);
    if (isRejection(drafted)) {
      return drafted.rejected === 'conflict' ? 'existing' : { field: 'line', reason: drafted.detail };
    }
    return isRejection(published) ? { field: 'line', reason: published.detail } : 'imported';
  }

  /** An item that is there has its stock already. */
  async function stockUp(sku: string, productId: string): Promise<Rejection | undefined> {
    const key = { sku, location: DEFAULT_LOCATION };
    const stream = stockStream(key);
    if ((await runner.load(stockItem, stream)).state.productId !== null) return undefined;
    const id = `stock/${sku}`;
    const command: StockCommand =
      stock === 0
        ? { type: 'OpenStockItem', ...key, productId }
        : { type: 'ReceiveStock', ...key, productId, movementId: `product-import/${id}`, quantity: stock };
    const outcome = await runner.execute(stockItem, stream, command, meta(id));
    return isRejection(outcome) ? outcome : undefined;
  }

  let done = 0;
  async function take(line: JsonLine | RefusedRow): Promise<void> {
    const row = isRefused(line) ? line : productRowOf(line, { prefix, currency });
    if (isRefused(row)) {
      refuse(row);
    } else {
      const sent = await retryWhileAway({ clock }, signal, () => send(row));
      if (typeof sent === 'string') summary[sent]++;
      else refuse({ row: row.number, ...sent });
      if (sent === 'imported') for (const value of row.leftOut) onLeftOut(value);
    }
    onProgress(++done, total);
  }

  async function* lines(): AsyncGenerator<JsonLine | RefusedRow> {
    if (total === 0) return;
    for await (const line of readJsonLines(source)) {
      if (++summary.rows > total) throw changedMeanwhile(source.name);
      yield line;
      if (summary.rows === limit) return;
    }
  }

  await inFlight(lines(), Math.min(PRODUCTS_IN_FLIGHT, total), signal, take);
  return summary;
}

/** Reads the whole file once, so that one that is cut off changes nothing. */
async function countRows(source: Source): Promise<number> {
  let rows = 0;
  for await (const _ of readJsonLines(source)) rows++;
  return rows;
}
