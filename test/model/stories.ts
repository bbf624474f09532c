// The actions of customers, staff and time in a history. Each story calls the shop as its clients do, one request after the
// other.
import fc from 'fast-check';
import { type Cart, cart } from '../../domain/cart/cart.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { isProblem, type Problem } from '../../domain/kernel/errors.js';
import { siblingId, streamOf } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import type { Money } from '../../domain/kernel/money.js';
import { categoryOf } from '../../domain/kernel/stream.js';
import { type Order, order } from '../../domain/order/order.js';
import { ADDRESS, KEEPER, type Shop, SUPPORT, sell } from '../shop.js';
import { the } from '../the.js';
import { CARDS, type Card } from './bank.js';
import type { Reply, World } from './world.js';

const PEOPLE = 3;
const PRICES = [333, 1_000, 250];
const COUPONS = ['TENTH', 'FIVE', 'SHIP', 'THIRD'] as const;
const LOCATIONS = ['main', 'east'] as const;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The setting of a history. */
export interface Scene {
  /** Prefix of all names. */
  prefix: string;
  /** Stock of each SKU. */
  stock: readonly { main: number; east: number; backorder: number }[];
}

export const scenes: fc.Arbitrary<Scene> = fc.record({
  prefix: fc.constant('M'),
  stock: fc.tuple(
    ...PRICES.map(() => fc.record({ main: fc.nat(20), east: fc.nat(6), backorder: fc.constantFrom(0, 0, 2) })),
  ),
});

const person = fc.nat(PEOPLE - 1);
const sku = fc.nat(PRICES.length - 1);
const few = fc.integer({ min: 1, max: 3 });
/** Selects one of the existing orders. */
const which = fc.nat(9);
const location = fc.constantFrom(...LOCATIONS);
const card = fc.constantFrom<Card>('visa', 'visa', 'visa', 'mastercard', 'declined', 'authenticate');

const STORIES = {
  buy: fc.record({
    story: fc.constant('buy' as const),
    person,
    /** Fills the cart as a guest and then logs in. */
    guest: fc.boolean(),
    country: fc.constantFrom('GB', 'DE'),
    lines: fc.array(fc.record({ sku, quantity: few }), { minLength: 1, maxLength: 3 }),
    coupons: fc.array(fc.constantFrom(...COUPONS), { maxLength: 2 }),
    card,
    /** Number of tabs that check out at once. */
    tabs: fc.constantFrom(1, 1, 2),
    authenticates: fc.constantFrom('succeeds', 'fails', 'never'),
    /** Pays no more than the amount that the cart or a rejection has shown. */
    careful: fc.boolean(),
    /** Retries with this card after a failure. */
    again: fc.option(fc.constantFrom<Card>('visa', 'mastercard'), { nil: undefined }),
  }),
  send: fc.record({
    story: fc.constant('send' as const),
    which,
    units: fc.nat(2),
    /** The location that it is shipped from, if it must be named. */
    from: location,
    clicks: fc.constantFrom(1, 2),
  }),
  cancel: fc.record({ story: fc.constant('cancel' as const), which, units: fc.nat(2) }),
  sendBack: fc.record({
    story: fc.constant('sendBack' as const),
    which,
    units: few,
    writeOff: fc.boolean(),
    /** The location where it arrives. Without it, the location that it was shipped from, if that was only one. */
    to: fc.option(location, { nil: undefined }),
  }),
  refund: fc.record({ story: fc.constant('refund' as const), which, percent: fc.integer({ min: 1, max: 100 }) }),
  resume: fc.record({ story: fc.constant('resume' as const), which }),
  collect: fc.record({ story: fc.constant('collect' as const), which }),
  /** The bank rejects one capture of money that it holds. */
  refuse: fc.record({ story: fc.constant('refuse' as const), which }),
  receive: fc.record({ story: fc.constant('receive' as const), sku, location, quantity: few }),
  /** Lost by fire, at most as many units as are there. */
  lose: fc.record({ story: fc.constant('lose' as const), sku, location, quantity: few }),
  count: fc.record({ story: fc.constant('count' as const), sku, location, quantity: fc.nat(6) }),
  transfer: fc.record({ story: fc.constant('transfer' as const), sku, from: location, quantity: few }),
  reprice: fc.record({ story: fc.constant('reprice' as const), sku, amount: fc.integer({ min: 1, max: 2_000 }) }),
  look: fc.record({ story: fc.constant('look' as const) }),
  wait: fc.record({
    story: fc.constant('wait' as const),
    ms: fc.constantFrom(
      20_000,
      10 * MINUTE_MS,
      16 * MINUTE_MS,
      21 * MINUTE_MS,
      HOUR_MS,
      25 * HOUR_MS,
      8 * 24 * HOUR_MS,
    ),
  }),
};

type StoryName = keyof typeof STORIES;
type StoryOf<N extends StoryName> = (typeof STORIES)[N] extends fc.Arbitrary<infer S> ? S : never;
export type Story = { [N in StoryName]: StoryOf<N> }[StoryName];

export const purchases: fc.Arbitrary<Story> = STORIES.buy;

export const stories: fc.Arbitrary<Story> = fc.oneof(
  { weight: 5, arbitrary: STORIES.buy },
  { weight: 8, arbitrary: STORIES.send },
  { weight: 4, arbitrary: STORIES.cancel },
  { weight: 6, arbitrary: STORIES.sendBack },
  { weight: 2, arbitrary: STORIES.refund },
  { weight: 1, arbitrary: STORIES.resume },
  { weight: 2, arbitrary: STORIES.collect },
  { weight: 2, arbitrary: STORIES.refuse },
  { weight: 1, arbitrary: STORIES.receive },
  { weight: 2, arbitrary: STORIES.count },
  { weight: 2, arbitrary: STORIES.lose },
  { weight: 1, arbitrary: STORIES.transfer },
  { weight: 2, arbitrary: STORIES.reprice },
  { weight: 2, arbitrary: STORIES.look },
  { weight: 2, arbitrary: STORIES.wait },
);

export function peopleOf({ prefix }: Scene): { customers: Caller[]; guests: Caller[] } {
  const caller = (kind: string, n: number): Caller => {
    const id = `customer_${prefix}${kind}${n}`;
    return { role: 'customer', id, customerId: id };
  };
  const numbers = Array.from({ length: PEOPLE }, (_, n) => n);
  return {
    customers: numbers.map((n) => caller('c', n)),
    guests: numbers.map((n) => ({ ...caller('g', n), guest: true })),
  };
}

/** Creates products, stock, tariffs and coupons. */
export async function furnish(scene: Scene, shop: Shop): Promise<void> {
  const { call } = shop;
  const put = (path: string, body: object) => call(`put /v1/${path}`, { caller: KEEPER, body });
  for (const [n, { main, east, backorder }] of scene.stock.entries()) {
    const sku = skuOf(scene, n);
    await sell(shop, sku, the(PRICES[n]), main);
    if (east > 0)
      await call(`post /v1/stock/${sku}/receipts`, { caller: KEEPER, body: { quantity: east, location: 'east' } });
    if (backorder > 0) await put(`stock/${sku}/policy`, { backorderLimit: backorder });
  }
  await put('tax-rates/gb', { country: 'GB', basisPoints: 1_950 });
  await put('tax-rates/de', { country: 'DE', basisPoints: 1_900, included: true });
  const zones = [{ currency: 'GBP', by: 'flat', rates: [{ amount: 399 }] }];
  await put('shipping-methods/standard', { title: 'By post', zones });
  await put(`coupons/${scene.prefix}TENTH`, { kind: 'percentage', basisPoints: 1_000, limitPerCustomer: 1 });
  await put(`coupons/${scene.prefix}FIVE`, { kind: 'amount', amount: 500, currency: 'GBP', limit: 2 });
  await put(`coupons/${scene.prefix}SHIP`, { kind: 'free_shipping', limit: 1 });
  await put(`coupons/${scene.prefix}THIRD`, { kind: 'buy_x_get_y', buy: 2, get: 1, limit: 1 });
}

/** Promises that customers were given. */
export interface Promises {
  /** Ids of orders that belong to customers. */
  orders: string[];
  /** The amounts that customers agreed to pay for a cart, at each request. */
  agreed: { cartId: string; amount: number }[];
  /** The contents of guests' carts before each answered merge, even if they were empty. */
  merged: GuestUnits[];
}

export interface GuestUnits {
  cartId: string;
  sku: string;
  quantity: number;
}

export async function tell(story: Story, world: World, scene: Scene, promises: Promises): Promise<void> {
  switch (story.story) {
    case 'buy':
      return buy(story, world, scene, promises);
    case 'send':
      return send(story, world);
    case 'cancel':
      return cancel(story, world);
    case 'sendBack':
      return sendBack(story, world);
    case 'refund':
      return refund(story, world);
    case 'resume':
    case 'collect': {
      const orderId = orderIdOf(story, world);
      if (orderId) await world.ask(`post /v1/orders/${orderId}/${story.story}`, { caller: SUPPORT });
      return;
    }
    case 'refuse': {
      const orderId = orderIdOf(story, world);
      await world.turns.take();
      if (orderId) world.bank.refuse(siblingId('payment', orderId));
      return;
    }
    case 'receive':
    case 'count': {
      const { quantity, location } = story;
      const word = story.story === 'receive' ? 'receipts' : 'counts';
      await world.ask(`post /v1/stock/${skuOf(scene, story.sku)}/${word}`, {
        caller: KEEPER,
        body: { quantity, location },
      });
      return;
    }
    case 'lose': {
      const { quantity, location } = story;
      await world.ask(`post /v1/stock/${skuOf(scene, story.sku)}/adjustments`, {
        caller: KEEPER,
        body: { quantity: -quantity, location, reason: 'fire' },
      });
      return;
    }
    case 'transfer': {
      const { from, quantity } = story;
      const to = LOCATIONS.find((location) => location !== from);
      await world.ask(`post /v1/stock/${skuOf(scene, story.sku)}/transfers`, {
        caller: KEEPER,
        body: { from, to, quantity },
      });
      return;
    }
    case 'reprice': {
      const sold = skuOf(scene, story.sku);
      const prices = [{ amount: story.amount, currency: 'GBP' }];
      const target = `put /v1/products/product_${sold}/variants/${sold}/prices`;
      await world.ask(target, { caller: KEEPER, body: { prices } });
      return;
    }
    case 'look':
      return world.look();
    case 'wait':
      await world.turns.take();
      world.clock.pass(story.ms);
  }
}

async function buy(story: StoryOf<'buy'>, world: World, scene: Scene, promises: Promises): Promise<void> {
  const { ask } = world;
  const { customers, guests } = peopleOf(scene);
  const customer = the(customers[story.person]);
  const first = story.guest ? the(guests[story.person]) : customer;

  let cartId = idIn(await ask('post /v1/carts', { caller: first, body: { currency: 'GBP' } }));
  if (!cartId) return;
  for (const { sku, quantity } of story.lines) {
    await ask(`post /v1/carts/${cartId}/lines`, { caller: first, body: { sku: skuOf(scene, sku), quantity } });
  }
  if (story.guest) {
    const before = unitsInCartsOf(first.id, world);
    const merge = () => ask('post /v1/carts/current/merge', { caller: customer, body: { guestToken: first.id } });
    let merged = await merge();
    // The answer to an expired command says that a new one is needed. A take-over that broke off is then finished.
    if ('problem' in merged && merged.problem.code === 'command_expired') merged = await merge();
    const isDone = 'answer' in merged || ('problem' in merged && merged.problem.code === 'not_found');
    if (isDone) promises.merged.push(...before);
    cartId = idIn(merged);
    if (!cartId) return;
  }
  const path = `/v1/carts/${cartId}`;
  const address = { ...ADDRESS, country: story.country };
  await ask(`put ${path}/shipping-address`, { caller: customer, body: address });
  await ask(`put ${path}/shipping-method`, { caller: customer, body: { method: 'standard' } });
  for (const code of story.coupons) await ask(`post ${path}/coupons/${scene.prefix}${code}`, { caller: customer });

  const pay = (card: Card, agreement: object) =>
    ask(`post ${path}/checkout`, { caller: customer, body: { paymentMethod: CARDS[card], ...agreement } });

  const payShown = async (card: Card): Promise<Reply> => {
    const shown = await ask(`get ${path}`, { caller: customer });
    if (!('answer' in shown)) return shown;
    const agree = (total: Money) => {
      promises.agreed.push({ cartId, amount: total.amount });
      return { total };
    };
    const reply = await pay(card, agree(shown.answer.body.total));
    if (!('problem' in reply && reply.problem.code === 'price_changed')) return reply;
    return pay(card, { ...agree((reply.problem as Problem<'price_changed'>).facts.total.now), acceptPrices: true });
  };

  const payAnything = (card: Card): Promise<Reply> => {
    promises.agreed.push({ cartId, amount: Number.POSITIVE_INFINITY });
    return pay(card, { acceptPrices: true });
  };

  const checkOut = async (card: Card) => {
    const reply = await (story.careful ? payShown(card) : payAnything(card));
    const orderId = idIn(reply);
    if (!orderId) return false;
    if ('answer' in reply && reply.answer.status === 201) promises.orders.push(orderId);
    if (story.authenticates === 'never') return true;
    await world.turns.take();
    world.bank.authenticate(siblingId('payment', orderId), story.authenticates === 'succeeds');
    return true;
  };
  const tabs = Array.from({ length: story.tabs }, () => checkOut(story.card));
  const tried = await Promise.all(tabs);
  if (story.again && !tried.includes(true)) await checkOut(story.again);
}

/** Units in every cart that is not closed. */
function unitsInCartsOf(customerId: string, { commits }: World): GuestUnits[] {
  const carts = new Map<string, Cart | null>();
  for (const { stream, events, position } of commits) {
    if (categoryOf(stream) !== 'cart') continue;
    let state = carts.get(stream) ?? null;
    for (const event of events) state = cart.evolve(state, event as never, position.at);
    carts.set(stream, state);
  }
  const own = [...carts.values()].filter((made) => made?.customerId === customerId && !made.mergedInto);
  return own.flatMap((made) =>
    the(made).lines.map(({ sku, quantity }) => ({ cartId: the(made).cartId, sku, quantity })),
  );
}

/** Staff collect what a bank did not pay. */
export async function collectAll(world: World): Promise<void> {
  const orderIds = orderIdsOf(world);
  await Promise.all(orderIds.map((orderId) => world.ask(`post /v1/orders/${orderId}/collect`, { caller: SUPPORT })));
}

async function send(story: StoryOf<'send'>, world: World): Promise<void> {
  const found = orderOf(story, world);
  if (!found) return;
  const units = unitsOf(story, found, ({ quantity, fulfilled, cancelled }) => quantity - fulfilled - cancelled);
  const body = units ? { lines: units } : {};
  const plan = (body: object) => world.ask(`post /v1/orders/${found.orderId}/shipments`, { caller: SUPPORT, body });
  let planned = await plan(body);
  const refusal = 'problem' in planned && planned.problem;
  if (isProblem(refusal, 'rule_violated') && refusal.facts.locations)
    planned = await plan({ ...body, location: story.from });
  const shipmentId = idIn(planned);
  if (!shipmentId) return;
  const clicks = Array.from({ length: story.clicks }, () =>
    world.ask(`post /v1/shipments/${shipmentId}/dispatch`, { caller: SUPPORT }),
  );
  await Promise.all(clicks);
}

async function cancel(story: StoryOf<'cancel'>, world: World): Promise<void> {
  const found = orderOf(story, world);
  if (!found) return;
  const units = unitsOf(story, found, ({ quantity, fulfilled, cancelled }) => quantity - fulfilled - cancelled);
  await world.ask(`post /v1/orders/${found.orderId}/cancel`, { caller: SUPPORT, body: units ? { lines: units } : {} });
}

async function sendBack(story: StoryOf<'sendBack'>, world: World): Promise<void> {
  const found = orderOf(story, world);
  if (!found) return;
  const units = unitsOf(story, found, ({ fulfilled, returned }) => fulfilled - returned);
  if (!units) return;
  const lines = units.map((line) => ({ ...line, reason: 'too small' }));
  const caller = SUPPORT;
  const returnId = idIn(await world.ask(`post /v1/orders/${found.orderId}/returns`, { caller, body: { lines } }));
  if (!returnId) return;
  await world.ask(`post /v1/returns/${returnId}/approve`, { caller });
  const received = units.map((line) => ({ ...line, writeOff: story.writeOff }));
  const body = { lines: received, ...defined({ location: story.to }) };
  await world.ask(`post /v1/returns/${returnId}/receive`, { caller, body });
}

async function refund({ percent, ...story }: StoryOf<'refund'>, world: World): Promise<void> {
  const orderId = orderIdOf(story, world);
  if (!orderId) return;
  const path = `/v1/payments/${siblingId('payment', orderId)}`;
  const reply = await world.ask(`get ${path}`, { caller: SUPPORT });
  const refundable = 'answer' in reply ? reply.answer.body.refundable.amount : 0;
  const amount = Math.ceil((refundable * percent) / 100);
  if (amount > 0) await world.ask(`post ${path}/refunds`, { caller: SUPPORT, body: { amount, reason: 'goodwill' } });
}

/** The same number of units of each line, limited by what the line has. Undefined for all units, or if there are none. */
function unitsOf({ units }: { units: number }, { lines }: Order, roomOf: (line: Order['lines'][number]) => number) {
  if (units === 0) return undefined;
  const some = lines.flatMap((line) => {
    const quantity = Math.min(units, roomOf(line));
    return quantity > 0 ? [{ lineId: line.id, quantity }] : [];
  });
  return some.length > 0 ? some : undefined;
}

function orderIdOf({ which }: { which: number }, world: World): string | undefined {
  const orderIds = orderIdsOf(world);
  return orderIds[which % orderIds.length];
}

function orderIdsOf({ commits }: World): string[] {
  const streams = [...new Set(commits.map(({ stream }) => stream))].filter((stream) => stream.startsWith('order#'));
  return streams.map((stream) => stream.replace('#', '_'));
}

function orderOf(story: { which: number }, world: World): Order | undefined {
  const orderId = orderIdOf(story, world);
  if (!orderId) return undefined;
  let state: Order | null = null;
  for (const { stream, events, position } of world.commits) {
    if (stream !== streamOf(orderId)) continue;
    for (const event of events) state = order.evolve(state, event as never, position.at);
  }
  return state ?? undefined;
}

function idIn(reply: Reply): string | undefined {
  return 'answer' in reply ? reply.answer.body.id : undefined;
}

function skuOf({ prefix }: Scene, n: number): string {
  return `${prefix}-${n}`;
}
