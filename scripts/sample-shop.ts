// The sample shop of a first start: tax, shipping, and a few published products with stock. Ordinary commands create it.
import type { CommandRunner } from '../commands/runtime/command-runner.js';
import { pairs } from '../domain/kernel/collections.js';
import type { CommandMeta } from '../domain/kernel/command.js';
import type { Position } from '../domain/kernel/commit.js';
import type { SeenCommits } from '../domain/kernel/consistency.js';
import type { Decider } from '../domain/kernel/decider.js';
import { orThrow } from '../domain/kernel/errors.js';
import type { DomainEvent } from '../domain/kernel/event.js';
import type { EventStore } from '../domain/kernel/event-store.js';
import { DEFAULT_LOCATION, streamOf } from '../domain/kernel/id.js';
import type { Money } from '../domain/kernel/money.js';
import type { StreamId } from '../domain/kernel/stream.js';
import type { ProductDetails } from '../domain/product/events.js';
import { product } from '../domain/product/product.js';
import { skuClaim, skuClaimStream } from '../domain/product/sku-claim.js';
import { STAFF } from '../domain/staff/staff.js';
import { stockItem, stockStream } from '../domain/stock/stock-item.js';
import type { ShippingZone, TaxRate } from '../domain/tariffs/events.js';
import { SHIPPING_TABLE, shippingTable } from '../domain/tariffs/shipping-table.js';
import { TAX_TABLE, taxTable } from '../domain/tariffs/tax-table.js';

/** One line each: key, categories, brand, title, description, then sku:pence:units:grams for each variant. */
const PRODUCTS: [
  string,
  string,
  string,
  ProductDetails['title'],
  string,
  ...`${string}:${number}:${number}:${number}`[],
][] = [
  [
    'mug',
    'kitchen',
    'Hearth',
    'Stoneware mug',
    'Holds 350 ml and survives the dishwasher.',
    'MUG-BLUE:1200:40:420',
    'MUG-SAND:1200:25:420',
  ],
  [
    'teapot',
    'kitchen',
    'Hearth',
    'Cast iron teapot',
    'Keeps a litre of tea hot for an hour.',
    'TEAPOT-1L:4800:12:2100',
  ],
  [
    'lantern',
    'garden',
    'Northlight',
    'Garden lantern',
    'Glass and steel, for one large candle.',
    'LANTERN:2950:30:1600',
  ],
  [
    'notebook',
    'desk',
    'Folio',
    'Dotted notebook',
    '192 numbered pages that lie flat.',
    'NOTE-A5:1450:100:380',
    'NOTE-A6:950:80:210',
  ],
  ['lamp', 'desk', 'Northlight', 'Reading lamp', 'Warm light on a long brass arm.', 'LAMP-BRASS:8900:6:2800'],
  ['blanket', 'home', 'Moorland', 'Lambswool blanket', 'Woven in Yorkshire, 140 by 180 cm.', 'BLANKET:7600:3:1300'],
];

/** Rates of the shop's other currencies per 100 pence, in hundredths. Prices are rounded to whole tens of their minor units. */
const RATES = { EUR: 118, USD: 128 };

/** Standard VAT rates, included in the prices of these countries, in basis points. */
const VAT = { gb: 2000, ie: 2300, fr: 2000, de: 1900 };

/** State sales taxes, without those of counties and cities, added to prices, in basis points. Five states have none. */
const SALES_TAX = `
  al:400 az:560 ar:650 ca:725 co:290 ct:635 dc:600 fl:600 ga:400 hi:400 id:600 il:625 in:700 ia:600 ks:650 ky:600 la:500
  me:550 md:600 ma:625 mi:600 mn:687.5 ms:700 mo:422.5 ne:550 nv:685 nj:662.5 nm:487.5 ny:400 nc:475 nd:500 oh:575 ok:450
  pa:600 ri:700 sc:600 sd:420 tn:700 tx:625 ut:610 vt:600 va:530 wa:650 wv:600 wi:500 wy:400`;

/** Shipping methods, with rates up to 1 kg, 5 kg and 20 kg in minor units of any currency. Heavier parcels are not sent. */
const PARCELS = { standard: 'Standard delivery', express: 'Express delivery' };
const STEPS_GRAMS = [1_000, 5_000, 20_000];
const ZONES: { countries: string[]; standard: number[]; express: number[] }[] = [
  { countries: ['GB'], standard: [395, 595, 1195], express: [795, 1095, 1995] },
  { countries: ['IE', 'FR', 'DE'], standard: [995, 1495, 2995], express: [1995, 2795, 4995] },
  { countries: ['US'], standard: [1495, 2995, 6995], express: [2995, 5995, 11995] },
];

export interface SampleShopDeps {
  runner: CommandRunner;
  store: EventStore;
}

/**
 * Fills an empty log and does nothing if the log contains anything else. An abort of `signal` ends it between two commands,
 * with the signal's reason. The next start adds what is missing after an abort or a crash. Resolves to the written commits, or
 * undefined if there was nothing to do.
 */
export async function fillEmptyShop(
  { runner, store }: SampleShopDeps,
  signal: AbortSignal,
): Promise<SeenCommits | undefined> {
  const steps = [...tariffSteps(), ...PRODUCTS.flatMap(stepsOf)];
  const [begun, ended] = await Promise.all([steps.at(0), steps.at(-1)].map((step) => step && isDone(step, store)));
  if (ended || (!begun && !(await isEmpty(store)))) return undefined;
  const written = new Map<StreamId, number>();
  for (const { id, stream, execute } of steps) {
    signal.throwIfAborted();
    const { position } = await execute(runner, { id, ...META });
    written.set(stream, position.commitNo);
  }
  return written;
}

/** An earlier start may have issued any of these commands, however long ago, so the whole stream is searched for them. */
const META = {
  issuedAt: 0,
  late: 'search',
  correlationId: 'sample-shop',
  actor: { type: 'process', id: 'sample-shop' },
} satisfies Omit<CommandMeta, 'id'>;

interface Step {
  /** Id of the step's command. */
  id: string;
  stream: StreamId;
  execute(runner: CommandRunner, meta: CommandMeta): Promise<{ position: Position }>;
}

function tariffSteps(): Step[] {
  const rates: TaxRate[] = [
    ...Object.entries(VAT).map(([id, basisPoints]) => {
      return { id, country: id.toUpperCase(), basisPoints, included: true as const };
    }),
    ...[...SALES_TAX.matchAll(/(\w\w):([\d.]+)/g)].map(([, state = '', basisPoints]) => {
      return { id: `us-${state}`, country: 'US', region: state.toUpperCase(), basisPoints: Number(basisPoints) };
    }),
  ];
  const methods = Object.entries(PARCELS).map(([id, title]) => ({
    id,
    title,
    zones: zonesOf(id as keyof typeof PARCELS),
  }));
  return [
    ...rates.map((rate) => step(taxTable, TAX_TABLE, { type: 'SetTaxRate', rate }, rate.id)),
    ...methods.map((method) => step(shippingTable, SHIPPING_TABLE, { type: 'SetShippingMethod', method }, method.id)),
  ];
}

function zonesOf(method: keyof typeof PARCELS): ShippingZone[] {
  return ZONES.flatMap(({ countries, [method]: amounts }) =>
    ['GBP', ...Object.keys(RATES)].map((currency) => ({
      countries,
      currency,
      by: 'weight' as const,
      rates: pairs(STEPS_GRAMS, amounts).map(([upTo, amount]) => ({ upTo, amount })),
    })),
  );
}

function pricesOf(pence: number): Money[] {
  const others = Object.entries(RATES).map(([currency, rate]) => {
    return { amount: Math.round((pence * rate) / 1_000) * 10, currency };
  });
  return [{ amount: pence, currency: 'GBP' }, ...others];
}

function stepsOf([key, category, brand, title, description, ...stocked]: (typeof PRODUCTS)[number]): Step[] {
  const productId = `product_${key}`;
  const items = stocked.map((text) => {
    const [sku = '', pence, units, weight] = text.split(':');
    return { sku, prices: pricesOf(Number(pence)), quantity: Number(units), weight: Number(weight) };
  });
  const details = { title, description, brand, categories: [category] };
  const variants = items.map(({ sku, prices, weight }) => ({ sku, prices, weight }));
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
  row?: string,
): Step {
  return {
    id: ['sample-shop', stream, command.type, ...(row ? [row] : [])].join('/'),
    stream,
    execute: (runner, meta) => runner.execute(decider, stream, command, meta).then(orThrow),
  };
}

async function isDone({ id, stream }: Step, store: EventStore): Promise<boolean> {
  for await (const { commandIds } of store.read(stream)) if (commandIds.includes(id)) return true;
  return false;
}

/** A log with only staff counts as empty. The log's index does not include the last seconds. */
async function isEmpty(store: EventStore): Promise<boolean> {
  for await (const { stream } of store.log(0)) if (stream !== STAFF) return false;
  return true;
}
