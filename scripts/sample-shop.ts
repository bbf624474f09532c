// The small shop that a first start shows: a few published products with stock, put there by ordinary commands.
import type { CommandRunner } from '../commands/runtime/command-runner.js';
import type { CommandMeta } from '../domain/kernel/command.js';
import type { Position } from '../domain/kernel/commit.js';
import type { SeenCommits } from '../domain/kernel/consistency.js';
import type { Decider } from '../domain/kernel/decider.js';
import type { DomainEvent } from '../domain/kernel/event.js';
import type { EventStore } from '../domain/kernel/event-store.js';
import { DEFAULT_LOCATION, streamOf } from '../domain/kernel/id.js';
import type { StreamId } from '../domain/kernel/stream.js';
import type { ProductDetails } from '../domain/product/events.js';
import { product } from '../domain/product/product.js';
import { skuClaim, skuClaimStream } from '../domain/product/sku-claim.js';
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
}

/**
 * Fills an empty log; one that holds anything else is left alone. Ends between two commands when `signal` aborts, with
 * its reason; what is missing then, or after a crash, is made up for by the next start, whenever that is.
 * Resolves to the commits that show it, or undefined if there was nothing to do.
 */
export async function fillEmptyShop(
  { runner, store }: SampleShopDeps,
  signal: AbortSignal,
): Promise<SeenCommits | undefined> {
  const steps = PRODUCTS.flatMap(stepsOf);
  const [begun, ended] = await Promise.all([steps[0]!, steps.at(-1)!].map((step) => isDone(step, store)));
  if (ended || (!begun && !(await isEmpty(store)))) return undefined;
  const written = new Map<StreamId, number>();
  for (const { id, stream, execute } of steps) {
    signal.throwIfAborted();
    const { position } = await execute(runner, { id, ...META });
    written.set(stream, position.commitNo);
  }
  return written;
}

/** Each may have been issued by an earlier start, however long ago: the stream's whole past says whether it was. */
const META = {
  issuedAt: 0,
  late: 'search',
  correlationId: 'sample-shop',
  actor: { type: 'staff', id: 'sample-shop' },
} satisfies Omit<CommandMeta, 'id'>;

interface Step {
  /** Of its command. */
  id: string;
  stream: StreamId;
  execute(runner: CommandRunner, meta: CommandMeta): Promise<{ position: Position }>;
}

function stepsOf([key, category, brand, title, description, ...stocked]: (typeof PRODUCTS)[number]): Step[] {
  const productId = `product_${key}`;
  const items = stocked.map((text) => {
    const [sku = '', pence, units] = text.split(':');
    return { sku, price: { amount: Number(pence), currency: 'GBP' }, quantity: Number(units) };
  });
  const details = { title, description, brand, categories: [category] };
  const variants = items.map(({ sku, price }) => ({ sku, prices: [price] }));
  const stream = streamOf(productId);
  return [
    ...items.flatMap(({ sku, quantity }) => {
      const item = { sku, location: DEFAULT_LOCATION };
      const receipt = { type: 'ReceiveStock', ...item, productId, movementId: 'sample-shop', quantity } as const;
      return [
        step(skuClaim, skuClaimStream(sku), { type: 'ClaimSku', sku, productId }),
        step(stockItem, stockStream(item), receipt),
      ];
    }),
    step(product, stream, { type: 'DraftProduct', productId, details, variants }),
    step(product, stream, { type: 'PublishProduct' }),
  ];
}

function step<C extends { type: string }, S, E extends DomainEvent>(
  decider: Decider<C, S, E>,
  stream: StreamId,
  command: C,
): Step {
  return {
    id: `sample-shop/${stream}/${command.type}`,
    stream,
    execute: (runner, meta) => runner.execute(decider, stream, command, meta),
  };
}

async function isDone({ id, stream }: Step, store: EventStore): Promise<boolean> {
  for await (const { commandIds } of store.read(stream)) if (commandIds.includes(id)) return true;
  return false;
}

/** As far as its index tells, which leaves out the last seconds. */
async function isEmpty(store: EventStore): Promise<boolean> {
  for await (const _ of store.log(0)) return false;
  return true;
}
