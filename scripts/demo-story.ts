// The story of `commerce demo`: one customer from her first visit to the refund, and the staff who serve her.
import { valueAt } from '../domain/kernel/collections.js';
import { siblingId } from '../domain/kernel/id.js';
import { defined } from '../domain/kernel/json.js';
import { type Money, sum } from '../domain/kernel/money.js';
import { chargeOf, roundedDown } from '../domain/order/worth.js';
import type { TaxRate } from '../domain/tariffs/events.js';
import type { OrderView } from '../projections/models/order-view.js';
import type { ShownCart } from '../read-api/views/cart.js';
import { type Ask, DemoFailed } from './demo-caller.js';

const GBP = (amount: number): Money => ({ amount, currency: 'GBP' });
const ADDRESS = {
  name: 'Ada Lovelace',
  line1: '12 St James Square',
  city: 'London',
  postcode: 'SW1Y 4JH',
  country: 'GB',
};

export interface DemoOptions {
  /** Part of all names in the story, so that it can be repeated: lower-case letters and digits. */
  run: string;
  join: (who: string, token?: string) => Ask;
  /** Tokens of staff, by role. */
  tokens: { catalogue: string; support: string };
  chapter: (title: string) => void;
}

export interface DemoEnd {
  /** Money that was taken from the customer and not refunded. */
  paid: Money;
  /** The value of the goods that she keeps, including shipping. */
  kept: Money;
}

interface Payment {
  status: string;
  held: Money;
  captured: Money;
  refunded: Money;
}

/** Throws `DemoFailed` if the product does not answer as the story expects. */
export async function playStory({ run, join, tokens, chapter }: DemoOptions): Promise<DemoEnd> {
  const keeper = join('keeper', tokens.catalogue);
  const support = join('support', tokens.support);
  const shop = namesOf(run);
  const { mug, teapot } = shop;

  chapter('The shop creates two products, a tax rate, a shipping method and a coupon');
  await layOut(keeper, shop);

  chapter('Ada browses the catalogue');
  const session = await join('a visitor')<{ token: string; customerId: string }>('POST /v1/sessions', {
    body: {},
    shows: ({ customerId }) => ({ customerId, guest: true }),
  });
  const ada = join('Ada', session.token);
  await ada<List<Product>>(`GET /v1/products?category=${shop.category}`, { shows: titles });
  await ada<List<Product>>(`GET /v1/search?q=teapot+${run}&inStock=true`, { shows: titles });

  chapter('She fills a cart and applies a coupon');
  const { id } = await ada<ShownCart>('POST /v1/carts', {
    body: { currency: 'GBP' },
    shows: ({ status }) => ({ status }),
  });
  await ada<ShownCart>(`POST /v1/carts/${id}/lines`, { body: { sku: mug, quantity: 3 }, shows: sums });
  await ada<ShownCart>(`POST /v1/carts/${id}/lines`, { body: { sku: teapot, quantity: 1 }, shows: sums });
  await ada<ShownCart>(`POST /v1/carts/${id}/coupons/${shop.coupon}`, { shows: sums });
  await ada<ShownCart>(`PUT /v1/carts/${id}/shipping-address`, { body: ADDRESS, shows: sums });
  await ada<List<{ method: string; amount: Money }>>(`GET /v1/carts/${id}/shipping-methods`, {
    shows: ({ data }) => Object.fromEntries(data.map(({ method, amount }) => [method, amount])),
  });
  await ada<ShownCart>(`PUT /v1/carts/${id}/shipping-method`, { body: { method: shop.parcel }, shows: sums });

  chapter('The price of the teapot rises before she pays; she accepts the new price');
  await keeper(`PUT /v1/products/${shop.teapotId}/variants/${teapot}/prices`, { body: { prices: [GBP(4950)] } });
  const paymentMethod = 'pm_card_authenticationRequired';
  await ada<{ code: string; changes: unknown }>(`POST /v1/carts/${id}/checkout`, {
    body: { paymentMethod },
    status: 409,
    shows: ({ code, changes }) => ({ code, changes }),
  });
  const placed = await ada<OrderView>(`POST /v1/carts/${id}/checkout`, {
    body: { paymentMethod, email: 'ada@example.com', acceptPrices: true },
    status: 202,
    shows: ({ number, status, paymentStatus, nextAction, total }) => {
      return { number, status, paymentStatus, nextAction: nextAction?.type, total };
    },
  });

  chapter('Her bank requires authentication (3-D Secure)');
  const order = `/v1/orders/${placed.id}` as const;
  const payment = `/v1/payments/${siblingId('payment', placed.id)}` as const;
  await ada<{ status: string }>(`POST /v1/test-payments/${siblingId('payment', placed.id)}/authenticate`, {
    body: { succeed: true },
    shows: ({ status }) => ({ status }),
  });
  const confirmed = await ada<OrderView>(`GET ${order}`, { shows: stateOf });
  const lineOf = new Map(confirmed.lines.map(({ sku, id }) => [sku, id]));
  const [mugs, pot] = [valueAt(lineOf, mug), valueAt(lineOf, teapot)];

  chapter('Two mugs are sent; their share of the money and the shipping are captured');
  await send(support, order, [{ lineId: mugs, quantity: 2 }]);
  await support<Payment>(`GET ${payment}`, { shows: moneyOf });

  chapter('She cancels the teapot');
  await ada<OrderView>(`POST ${order}/cancel`, {
    body: { lines: [{ lineId: pot, quantity: 1 }], reason: 'I have found one in the attic' },
    shows: stateOf,
  });

  chapter('The third mug is sent; the rest of the held money is released');
  await send(support, order);
  await support<Payment>(`GET ${payment}`, { shows: moneyOf });

  chapter('One mug is returned and refunded');
  const sentBack = await ada<{ id: string }>(`POST ${order}/returns`, {
    body: { lines: [{ lineId: mugs, quantity: 1, reason: 'It has a chip' }] },
    shows: ({ id }) => ({ id }),
  });
  await support(`POST /v1/returns/${sentBack.id}/approve`);
  await support<{ status: string; refund: Money }>(`POST /v1/returns/${sentBack.id}/receive`, {
    body: { lines: [{ lineId: mugs, quantity: 1, writeOff: true }] },
    shows: ({ status, refund }) => ({ status, refund }),
  });

  chapter('The final state of order, payment and stock');
  const final = await ada<OrderView>(`GET ${order}`, {
    shows: (view) => ({ ...stateOf(view), timeline: view.timeline.map(({ what }) => what) }),
  });
  const money = await support<Payment>(`GET ${payment}`, { shows: moneyOf });
  await putAway(keeper, shop);
  return endOf(final, money);
}

// ── The shop ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Names {
  run: string;
  category: string;
  mug: string;
  teapot: string;
  mugId: string;
  teapotId: string;
  coupon: string;
  parcel: string;
  tax: string;
}

function namesOf(run: string): Names {
  const inCapitals = run.toUpperCase();
  return {
    run,
    category: `demo-${run}`,
    mug: `MUG-${inCapitals}`,
    teapot: `TEAPOT-${inCapitals}`,
    mugId: `product_mug-${run}`,
    teapotId: `product_teapot-${run}`,
    coupon: `TEA-${inCapitals}`,
    parcel: `parcel-${run}`,
    tax: `demo-${run}`,
  };
}

/** A tax of 20 % and a parcel rate by weight, only for these products. The shop's own tables stay unchanged. */
async function layOut(keeper: Ask, shop: Names): Promise<void> {
  const { run, category, mug, teapot, mugId, teapotId } = shop;
  const { data } = await keeper<List<TaxRate>>('GET /v1/tax-rates', { shows: ({ data }) => ({ rates: data.length }) });
  const included = data.find(({ country }) => country === ADDRESS.country)?.included; // the same for all rates of a country
  await keeper(`PUT /v1/tax-rates/${shop.tax}`, {
    body: { country: ADDRESS.country, category, basisPoints: 2000, ...defined({ included }) },
  });
  const rates = [{ upTo: 2000, amount: 395 }, { amount: 695 }];
  await keeper(`PUT /v1/shipping-methods/${shop.parcel}`, {
    body: { title: 'Parcel', zones: [{ countries: [ADDRESS.country], currency: 'GBP', by: 'weight', rates }] },
  });
  const products = [
    { id: mugId, title: `Demo mug ${run}`, sku: mug, price: 799, weight: 400, units: 10 },
    { id: teapotId, title: `Demo teapot ${run}`, sku: teapot, price: 4800, weight: 1900, units: 2 },
  ];
  for (const { id, title, sku, price, weight, units } of products) {
    const variants = [{ sku, prices: [GBP(price)], weight }];
    await keeper('POST /v1/products', { body: { id, title, categories: [category], taxCategory: category, variants } });
    await keeper(`POST /v1/products/${id}/publish`);
    await keeper<{ available: number }>(`POST /v1/stock/${sku}/receipts`, {
      body: { quantity: units },
      shows: ({ available }) => ({ available }),
    });
  }
  const terms = { kind: 'percentage', basisPoints: 1000, limitPerCustomer: 1 };
  await keeper(`PUT /v1/coupons/${shop.coupon}`, { body: terms });
}

async function putAway(keeper: Ask, { mugId, teapotId, parcel, tax }: Names): Promise<void> {
  for (const id of [mugId, teapotId]) await keeper(`POST /v1/products/${id}/discontinue`);
  await keeper(`DELETE /v1/shipping-methods/${parcel}`);
  await keeper(`DELETE /v1/tax-rates/${tax}`);
}

/** Without `lines`, ships all open units. */
async function send(
  support: Ask,
  order: `/v1/orders/${string}`,
  lines?: readonly { lineId: string; quantity: number }[],
): Promise<void> {
  const { id } = await support<{ id: string }>(`POST ${order}/shipments`, {
    body: { ...defined({ lines }), tracking: 'RM123456785GB' },
    shows: ({ id }) => ({ id }),
  });
  const status = ({ status }: { status: string }) => ({ status });
  await support<{ status: string }>(`POST /v1/shipments/${id}/dispatch`, { shows: status });
  await support<{ status: string }>(`POST /v1/shipments/${id}/deliver`, { shows: status });
}

// ── What is shown ───────────────────────────────────────────────────────────────────────────────────────────────────

interface List<T> {
  data: readonly T[];
}

interface Product {
  title: string;
  variants: readonly { prices: readonly Money[]; inStock: boolean }[];
}

function titles({ data }: List<Product>) {
  return Object.fromEntries(data.map(({ title, variants }) => [title, variants[0]!.prices[0]]));
}

function sums({ lines, subtotal, discount, shipping, tax, includedTax, total }: ShownCart) {
  const units = sum(lines.map(({ quantity }) => quantity));
  return { units, subtotal, discount, shipping, tax, ...defined({ includedTax }), total };
}

function stateOf({ status, paymentStatus, fulfilmentStatus, total, captured, refunded }: OrderView) {
  const moved = defined({
    captured: captured.amount > 0 ? captured : undefined,
    refunded: refunded.amount > 0 ? refunded : undefined,
  });
  return { status, paymentStatus, fulfilmentStatus, total, ...moved };
}

function moneyOf({ status, held, captured, refunded }: Payment) {
  return { status, held, captured, refunded };
}

/** Valid because every line was shipped completely or not at all. */
function endOf({ lines, shipping, currency, includedTax }: OrderView, { held, captured, refunded }: Payment): DemoEnd {
  if (held.amount > 0) throw new DemoFailed('The story ends with money still held on the card; please report this.');
  const goods = lines.map(({ quantity, fulfilled, returned, total, discount, tax }) => {
    const priced = { discounts: [discount?.amount ?? 0], tax: tax?.amount };
    const { amount } = chargeOf(total.amount, priced, includedTax && true);
    return roundedDown(amount, fulfilled, quantity) - roundedDown(amount, returned, quantity);
  });
  return {
    paid: { amount: captured.amount - refunded.amount, currency },
    kept: { amount: sum(goods) + shipping.amount, currency },
  };
}
