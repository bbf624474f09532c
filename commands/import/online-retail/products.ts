// Creates the products in the shop: each code becomes a product with a claimed SKU and a stock item.
import { orThrow } from '../../../domain/kernel/errors.js';
import { DEFAULT_LOCATION, streamOf } from '../../../domain/kernel/id.js';
import { type ProductCommand, product } from '../../../domain/product/product.js';
import { skuClaim, skuClaimStream } from '../../../domain/product/sku-claim.js';
import { type StockCommand, stockItem, stockStream } from '../../../domain/stock/stock-item.js';
import { CURRENCY, type ProductBook } from './books.js';
import { type ProductEntries, productEntries, stockEntries } from './own-entries.js';
import { type ImportPorts, importMeta } from './ports.js';

export function productIdOf(sku: string): string {
  return `product_${sku}`;
}

/** Safe to repeat at any time. Resolves to the movement ids of the adjustments that are still missing. */
export async function openBook(ports: ImportPorts, book: ProductBook): Promise<Set<string>> {
  await openProduct(ports, book);
  return openStock(ports, book);
}

async function openProduct({ runner, store, clock }: ImportPorts, book: ProductBook): Promise<void> {
  const { sku } = book;
  const productId = productIdOf(sku);
  const stream = streamOf(productId);
  const entries = await productEntries(store, stream);
  const newStream = entries.version === 0 && { newStream: true as const };
  if (entries.titles.size === 0) {
    const claim = importMeta(clock, `online-retail/claim/${sku}`, { ...newStream });
    orThrow(await runner.execute(skuClaim, skuClaimStream(sku), { type: 'ClaimSku', sku, productId }, claim));
  }
  // Commands issued together share one commit.
  const commands = missingProductCommands(book, entries).map((command) => {
    const id = `online-retail/${productId}/${entries.version}/${command.type}`;
    return runner.execute(product, stream, command, importMeta(clock, id, { ...newStream })).then(orThrow);
  });
  await Promise.all(commands);
}

function missingProductCommands(
  { sku, title, isNamed, price }: ProductBook,
  entries: ProductEntries,
): ProductCommand[] {
  if (entries.discontinued) return [];
  const commands: ProductCommand[] = [];
  const variant = { sku, prices: price === undefined ? [] : [{ amount: price, currency: CURRENCY }] };
  if (entries.titles.size === 0) {
    commands.push({ type: 'DraftProduct', productId: productIdOf(sku), details: { title }, variants: [variant] });
  } else {
    // A title that the importer set before comes from an earlier file or from fewer rows. A repeat of such an import does not
    // restore it.
    if (isNamed && !entries.titles.has(title)) commands.push({ type: 'ReviseProduct', changes: { title } });
    if (price !== undefined && !entries.priced) commands.push({ type: 'SetVariantPrices', variant });
  }
  if (price !== undefined && !entries.published) commands.push({ type: 'PublishProduct' });
  return commands;
}

/** Every sale brings its own units, so nothing is received for it. The item only has to exist. */
async function openStock(
  { runner, store, clock }: ImportPorts,
  { sku, adjustments }: ProductBook,
): Promise<Set<string>> {
  const key = { sku, location: DEFAULT_LOCATION };
  const stream = stockStream(key);
  const { isNew, unadjusted } = await stockEntries(store, stream, adjustments);
  if (isNew) {
    const command: StockCommand = { type: 'OpenStockItem', ...key, productId: productIdOf(sku) };
    orThrow(
      await runner.execute(
        stockItem,
        stream,
        command,
        importMeta(clock, `online-retail/open/${sku}`, { newStream: true }),
      ),
    );
  }
  return unadjusted;
}
