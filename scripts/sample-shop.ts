// The small shop that a first start shows: a few published products with stock, put there by ordinary commands.
import type { CommandRunner } from '../commands/runtime/command-runner.js';
import type { Clock } from '../domain/kernel/clock.js';
import type { CommandMeta } from '../domain/kernel/command.js';
import type { SeenCommits } from '../domain/kernel/consistency.js';
import type { EventStore } from '../domain/kernel/event-store.js';
import { DEFAULT_LOCATION, streamOf } from '../domain/kernel/id.js';
import { type StreamId, streamId } from '../domain/kernel/stream.js';
import type { ProductDetails } from '../domain/product/events.js';
import { product } from '../domain/product/product.js';
import { skuClaim } from '../domain/product/sku-claim.js';
import { stockItem, stockStream } from '../domain/stock/stock-item.js';

/** One line each: key, categories, brand, title, description, then sku:pence:units for each variant. */
const PRODUCTS: [string, string, string, ProductDetails['title'], string, ...`${string}:${number}:${number}`[]][] = [
  [
    'mug',
    'kitchen',
    'Hearth',
    'Stoneware mug',
    'Holds 350 ml and survives the dishwasher.',
    'MUG-BLUE:1200:40',
    'MUG-SAND:1200:25',
  ],
  ['teapot', 'kitchen', 'Hearth', 'Cast iron teapot', 'Keeps a litre of tea hot for an hour.', 'TEAPOT-1L:4800:12'],
  ['lantern', 'garden', 'Northlight', 'Garden lantern', 'Glass and steel, for one large candle.', 'LANTERN:2950:30'],
  [
    'notebook',
    'desk',
    'Folio',
    'Dotted notebook',
    '192 numbered pages that lie flat.',
    'NOTE-A5:1450:100',
    'NOTE-A6:950:80',
  ],
  ['lamp', 'desk', 'Northlight', 'Reading lamp', 'Warm light on a long brass arm.', 'LAMP-BRASS:8900:6'],
  ['blanket', 'home', 'Moorland', 'Lambswool blanket', 'Woven in Yorkshire, 140 by 180 cm.', 'BLANKET:7600:3'],
];

export interface SampleShopDeps {
  runner: CommandRunner;
  store: EventStore;
  clock: Clock;
}

/**
 * Fills an empty log; one that holds anything else is left alone. A start that died half-way is completed by the next.
 * Resolves to the commits that show it, or undefined if there was nothing to do.
 */
export async function fillEmptyShop(deps: SampleShopDeps): Promise<SeenCommits | undefined> {
  const [first, last] = await Promise.all(
    [PRODUCTS[0]!, PRODUCTS.at(-1)!].map(([key]) => deps.runner.load(product, streamOf(productIdOf(key)))),
  );
  const begun = first!.state !== null;
  const done = last!.state !== null;
  if (done || (!begun && !(await isEmpty(deps.store)))) return undefined;
  const written = new Map<StreamId, number>();
  for (const line of PRODUCTS) await fill(deps, line, written);
  return written;
}

async function fill(
  { runner, clock }: SampleShopDeps,
  line: (typeof PRODUCTS)[number],
  written: Map<StreamId, number>,
): Promise<void> {
  const [key, category, brand, title, description, ...stocked] = line;
  const productId = productIdOf(key);
  const items = stocked.map((text) => {
    const [sku = '', pence, units] = text.split(':');
    return { sku, price: { amount: Number(pence), currency: 'GBP' }, units: Number(units) };
  });
  const meta = (step: string): CommandMeta => ({
    id: `sample-shop/${key}/${step}`,
    issuedAt: clock(),
    correlationId: 'sample-shop',
    actor: { type: 'staff', id: 'sample-shop' },
  });

  for (const { sku, units } of items) {
    const item = { sku, location: DEFAULT_LOCATION };
    await runner.execute(skuClaim, streamId('sku', sku), { type: 'ClaimSku', sku, productId }, meta(`claim ${sku}`));
    const receipt = { type: 'ReceiveStock', ...item, productId, movementId: 'sample-shop', quantity: units } as const;
    const { position } = await runner.execute(stockItem, stockStream(item), receipt, meta(`receive ${sku}`));
    written.set(stockStream(item), position.commitNo);
  }
  const details = { title, description, brand, categories: [category] };
  const variants = items.map(({ sku, price }) => ({ sku, prices: [price] }));
  const stream = streamOf(productId);
  const [, { position }] = await Promise.all([
    runner.execute(product, stream, { type: 'DraftProduct', productId, details, variants }, meta('draft')),
    runner.execute(product, stream, { type: 'PublishProduct' }, meta('publish')),
  ]);
  written.set(stream, position.commitNo);
}

function productIdOf(key: string): string {
  return `product_${key}`;
}

/** As far as its index tells, which leaves out the last seconds. */
async function isEmpty(store: EventStore): Promise<boolean> {
  for await (const _ of store.log(0)) return false;
  return true;
}
