// Opens the books in the shop: each code becomes a product with a claimed SKU and receives what the file takes of it.
import { DEFAULT_LOCATION, streamOf } from '../../../domain/kernel/id.js';
import { type ProductCommand, product } from '../../../domain/product/product.js';
import { skuClaim, skuClaimStream } from '../../../domain/product/sku-claim.js';
import { MAX_QUANTITY } from '../../../domain/stock/events.js';
import { type StockCommand, stockItem, stockStream } from '../../../domain/stock/stock-item.js';
import { CURRENCY, type ProductBook } from './books.js';
import { type ProductEntries, productEntries, stockEntries } from './own-entries.js';
import { type ImportPorts, importMeta } from './ports.js';

export function productIdOf(sku: string): string {
  return `product_${sku}`;
}

/** Safe to call again at any time. Resolves to the movement ids of those adjustments that are still to be made. */
export async function openBook(ports: ImportPorts, book: ProductBook): Promise<Set<string>> {
  await openProduct(ports, book);
  return receive(ports, book);
}

async function openProduct({ runner, store, clock }: ImportPorts, book: ProductBook): Promise<void> {
  const { sku } = book;
  const productId = productIdOf(sku);
  const stream = streamOf(productId);
  const entries = await productEntries(store, stream);
  const newStream = entries.version === 0 && { newStream: true as const };
  if (entries.title === undefined) {
    const claim = importMeta(clock, `online-retail/claim/${sku}`, { ...newStream });
    await runner.execute(skuClaim, skuClaimStream(sku), { type: 'ClaimSku', sku, productId }, claim);
  }
  // Issued together, they are one commit.
  const commands = missingProductCommands(book, entries).map((command) => {
    const id = `online-retail/${productId}/${entries.version}/${command.type}`;
    return runner.execute(product, stream, command, importMeta(clock, id, { ...newStream }));
  });
  await Promise.all(commands);
}

function missingProductCommands({ sku, title, price }: ProductBook, entries: ProductEntries): ProductCommand[] {
  if (entries.discontinued) return [];
  const commands: ProductCommand[] = [];
  const variant = { sku, prices: price === undefined ? [] : [{ amount: price, currency: CURRENCY }] };
  if (entries.title === undefined) {
    commands.push({ type: 'DraftProduct', productId: productIdOf(sku), details: { title }, variants: [variant] });
  } else {
    if (entries.title !== title) commands.push({ type: 'ReviseProduct', changes: { title } });
    if (price !== undefined && !entries.priced) commands.push({ type: 'SetVariantPrices', variant });
  }
  if (price !== undefined && !entries.published) commands.push({ type: 'PublishProduct' });
  return commands;
}

async function receive({ runner, store, clock }: ImportPorts, book: ProductBook): Promise<Set<string>> {
  const key = { sku: book.sku, location: DEFAULT_LOCATION };
  const stream = stockStream(key);
  const { isNew, received, unadjusted } = await stockEntries(store, stream, book);
  for (let units = received; units < book.units; ) {
    const quantity = Math.min(book.units - units, MAX_QUANTITY);
    units += quantity;
    // Named by what has been received with it: two runs at once that miss the same units receive them once.
    const id = `online-retail/received/${units}`;
    const productId = productIdOf(book.sku);
    const command: StockCommand = { type: 'ReceiveStock', ...key, movementId: id, productId, quantity };
    await runner.execute(stockItem, stream, command, importMeta(clock, id, { ...(isNew && { newStream: true }) }));
  }
  return unadjusted;
}
