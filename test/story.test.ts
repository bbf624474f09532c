// One customer's story over HTTP on each profile, checked to the penny at every step; and complaints about other shops that can
// be reproduced over HTTP.
import { expect } from 'chai';
import { siblingId } from '../domain/kernel/id.js';
import { defined } from '../domain/kernel/json.js';
import { describeWith, freshName, type TestEngines } from './engines.js';
import { everyOr } from './every-case.js';
import {
  type Answer,
  type Caller,
  commerce,
  type Environment,
  endPrograms,
  eventually,
  expectProblem,
  freshFolder,
  type Guest,
  once,
  PROFILES,
  type RunningShop,
  startShop,
  type TestProfile,
} from './running-shop.js';
import { the } from './the.js';

/** Timeout of a test or hook: a start of the program and some tens of requests on a busy machine. */
const TEST_TIMEOUT_MS = 120_000;

const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };
const VISA = { paymentMethod: 'pm_card_visa' };
const NEEDS_CUSTOMER = { paymentMethod: 'pm_card_authenticationRequired' };
const DECLINED = { paymentMethod: 'pm_card_visa_chargeDeclined' };

for (const profile of PROFILES) {
  describeWith(profile.engines, `From the cart to the refund on the profile ${profile.name}`, function (engines) {
    this.timeout(TEST_TIMEOUT_MS);
    testStory(profile, engines);
  });
}

describeWith([], 'commerce demo', function () {
  this.timeout(TEST_TIMEOUT_MS);
  after(endPrograms);

  it('says what to do if no shop runs', async () => {
    const { code, stdout, stderr } = await commerce(['demo', '--url', 'http://127.0.0.1:9']);
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
    expect(stderr).to.match(/^commerce: Nothing answers at http:\/\/127\.0\.0\.1:9\. Start it .* `npm start`/);
    expect((await commerce(['demo', '--url', 'localhost'])).code).to.equal(2);
  });
});

function testStory(profile: TestProfile, engines: TestEngines): void {
  let environment: Environment;
  let shop: RunningShop;
  let keeper: Caller;
  let support: Caller;

  before(async () => {
    environment = await profile.freshEnvironment(engines);
    shop = await startShop(environment, ['--empty']);
    [keeper, support] = await Promise.all([shop.staff('catalogue'), shop.staff('support')]);
  });

  after(endPrograms);

  describe('a customer', () => {
    let ada: Guest;
    let mug: Product;
    let teapot: Product;
    let coupon: string;
    let method: string;
    let cart: string;
    let order: string;
    let orderId: string;

    before(async () => {
      const taxCategory = await newTax(2000);
      mug = await newProduct({ title: 'Mug', amount: 799, units: 5, weight: 400, taxCategory });
      teapot = await newProduct({ title: 'Teapot', amount: 4800, units: 2, weight: 1900, taxCategory });
      coupon = await newCoupon({ kind: 'percentage', basisPoints: 1000 });
      method = freshName('parcel');
      const rates = [{ upTo: 2000, amount: 395 }, { amount: 695 }];
      await keeper.put(`/v1/shipping-methods/${method}`, {
        title: 'Parcel',
        zones: [{ countries: ['GB'], currency: 'GBP', by: 'weight', rates }],
      });
      ada = await shop.guest();
    });

    it('sees in her cart how each step changes the price', async () => {
      cart = `/v1/carts/${(await ada.post('/v1/carts', { currency: 'GBP' })).body.id}`;
      expectSums(await ada.post(`${cart}/lines`, { sku: mug.sku, quantity: 3 }), { subtotal: 2397, total: 2397 });
      expectSums(await ada.post(`${cart}/lines`, { sku: teapot.sku, quantity: 1 }), { subtotal: 7197, total: 7197 });
      const cheaper = { subtotal: 7197, discount: 720 };
      expectSums(await ada.post(`${cart}/coupons/${coupon}`), { ...cheaper, total: 6477 });
      const taxed = { ...cheaper, tax: 1295 };
      expectSums(await ada.put(`${cart}/shipping-address`, ADDRESS), { ...taxed, total: 7772 });
      const { body } = await ada.get(`${cart}/shipping-methods`);
      expect(body.data).to.deep.include({ method, title: 'Parcel', amount: gbp(695) });
      expectSums(await ada.put(`${cart}/shipping-method`, { method }), { ...taxed, shipping: 695, total: 8467 });
    });

    it('is told of a changed price, and orders once she agrees', async () => {
      await keeper.put(`${teapot.path}/variants/${teapot.sku}/prices`, { prices: [gbp(4950)] });
      const changed = await ada.post(`${cart}/checkout`, NEEDS_CUSTOMER, once());
      expectProblem(changed, 409, 'price_changed');
      expect(changed.body.changes).to.deep.equal([{ sku: teapot.sku, was: gbp(4800), now: gbp(4950) }]);

      const placed = await ada.post(`${cart}/checkout`, { ...NEEDS_CUSTOMER, acceptPrices: true }, once());
      expect(placed.status, JSON.stringify(placed.body)).to.equal(202);
      orderId = placed.body.id;
      order = `/v1/orders/${orderId}`;
      expect(placed.headers.get('location')).to.equal(order);
      expect(placed.body).to.include({ status: 'placed', paymentStatus: 'requires_action' });
      expect(placed.body.nextAction).to.have.property('clientSecret').that.matches(/./);
      expectSums(placed, { subtotal: 7347, discount: 735, tax: 1322, shipping: 695, total: 8629 });
      expect(await ledgerOf(orderId)).to.deep.equal({ held: 0, captured: 0, refunded: 0 });
      await expectLevel(mug, { reserved: 3, committed: 0, available: 2 });
    });

    it('passes the 3-D Secure step, and has an order that is paid for', async () => {
      const { status, body } = await authenticate(ada, orderId, true);
      expect({ status, body })
        .to.deep.include({ status: 200 })
        .and.to.have.nested.property('body.status', 'authorised');
      const { body: confirmed } = await ada.get(order);
      expect(confirmed).to.include({ status: 'confirmed', paymentStatus: 'authorised' });
      expect(confirmed).not.to.have.property('nextAction');
      expect(confirmed.number).to.match(/^\d{7,}$/);
      expect(await ledgerOf(orderId)).to.deep.equal({ held: 8629, captured: 0, refunded: 0 });
      await expectLevel(mug, { onHand: 5, reserved: 0, committed: 3, available: 2 });
    });

    it('pays for the shipped part, and for the shipping', async () => {
      await send(order, [{ lineId: '1', quantity: 2 }]);
      expect(await ledgerOf(orderId)).to.deep.equal({ held: 8629 - 2420, captured: 1725 + 695, refunded: 0 });
      expect((await support.get(order)).body).to.include({ fulfilmentStatus: 'partially_fulfilled' });
      await expectLevel(mug, { onHand: 3, committed: 1 });
    });

    it('cancels a line that is not shipped, and pays nothing for it', async () => {
      const { body } = await ada.post(`${order}/cancel`, { lines: [{ lineId: '2', quantity: 1 }] }, once());
      expect(body.lines.map(({ cancelled }: { cancelled: number }) => cancelled)).to.deep.equal([0, 1]);
      expect(await ledgerOf(orderId)).to.include({ captured: 2420, refunded: 0 });
      await expectLevel(teapot, { onHand: 2, committed: 0, available: 2 });
    });

    it('pays for the rest with the last shipment, and the remaining hold is released', async () => {
      await send(order);
      expect(await ledgerOf(orderId)).to.deep.equal({ held: 0, captured: 2588 + 695, refunded: 0 });
      const { body } = await support.get(order);
      expect(body).to.include({ status: 'completed', paymentStatus: 'captured', fulfilmentStatus: 'fulfilled' });
    });

    it('returns a unit, and has paid exactly for what she keeps', async () => {
      const lines = [{ lineId: '1', quantity: 1, reason: 'It has a chip' }];
      const { body: asked } = await ada.post(`${order}/returns`, { lines });
      expect(await received(asked.id)).to.deep.equal(gbp(862));
      expect(await ledgerOf(orderId)).to.deep.equal({ held: 0, captured: 3283, refunded: 862 });
      const { body } = await support.get(order);
      expect(body)
        .to.include({ paymentStatus: 'partially_refunded' })
        .and.to.deep.include({ refunded: gbp(862) });
      const [kept] = body.lines;
      expect(kept.fulfilled - kept.returned).to.equal(2);
      const worth = kept.total.amount - kept.discount.amount + kept.tax.amount;
      expect(3283 - 862).to.equal(Math.ceil((worth * 2) / 3) + body.shipping.amount);
      await expectLevel(mug, { onHand: 3, committed: 0, available: 3 });
    });

    it('can read what has happened', async () => {
      const { body } = await support.get(order);
      const steps = body.timeline.map(({ what }: { what: string }) => what);
      expect(steps).to.have.members([
        ...['placed', 'payment_action_required', 'payment_authorised', 'confirmed'],
        ...['shipped', 'payment_captured', 'delivered', 'lines_cancelled'],
        ...['shipped', 'payment_captured', 'completed', 'delivered'],
        ...['return_requested', 'return_approved', 'return_received', 'refunded'],
      ]);
      const times = body.timeline.map(({ at }: { at: string }) => at);
      expect(times).to.deep.equal([...times].sort());
    });

    it('is played by the demo, which ends with a customer who has paid for what she keeps', async () => {
      const { code, stdout, stderr } = await commerce(['demo', '--url', shop.url, '--json'], environment);
      expect({ code, stderr }, stdout).to.deep.equal({ code: 0, stderr: '' });
      const steps = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(steps.pop()).to.deep.equal({ paid: gbp(2421), kept: gbp(2421) });
      expect(steps.length).to.be.above(30);
      for (const step of steps) expect(step).to.include.keys('chapter', 'who', 'method', 'path', 'status');
      // On `aws` a normal run plays it once: how it is printed does not depend on the engines.
      for (const url of everyOr([`${shop.url}/`], profile.name === 'aws' ? [] : [`${shop.url}/`])) {
        const again = await commerce(['demo', '--url', url], environment);
        expect(again.code, again.stderr).to.equal(0);
        expect(again.stdout).to.match(/Ada has paid £24\.21; what she keeps, and its shipping, is worth £24\.21\.\n$/);
        expect(again.stdout, 'colours in a pipe').not.to.include('\u001b');
      }
    });

    it('is not played with other keys', async () => {
      const elsewhere = { ...environment, COMMERCE_DATA: await freshFolder() };
      const { code, stderr } = await commerce(['demo', '--url', shop.url], elsewhere);
      expect(code).to.equal(1);
      expect(stderr).to.match(/^commerce: The master key is missing: .*another (--data|COMMERCE_NAMESPACE)/);
    });
  });

  describe('keeps its customers from what others complain about:', () => {
    it('complaint 4: charged, then the stock check fails (vendure#3065, saleor#14733)', async () => {
      const product = await newProduct({ amount: 500, units: 1 });
      const guests = await Promise.all(Array.from({ length: 4 }, () => shop.guest()));
      const carts = await Promise.all(guests.map((guest) => readyCart(guest, { [product.sku]: 1 })));
      const answers = await Promise.all(guests.map((guest, n) => guest.post(`${carts[n]}/checkout`, VISA, once())));
      expect(answers.filter(({ status }) => status === 201)).to.have.length(1);
      for (const [n, { status }] of answers.entries()) {
        const held = status === 201 ? 500 : 0;
        const order = siblingId('order', the(carts[n]).replace('/v1/carts/', ''));
        expect(await ledgerOf(order)).to.deep.equal({ held, captured: 0, refunded: 0 });
      }
    });

    it('complaint 5: the bank’s answer races the customer’s (medusa#13301, saleor#19220)', async () => {
      const product = await newProduct({ amount: 999, units: 5 });
      const guest = await shop.guest();
      const cart = await readyCart(guest, { [product.sku]: 2 });
      const placed = await guest.post(`${cart}/checkout`, NEEDS_CUSTOMER, once());
      expect(placed.status).to.equal(202);
      const { id } = placed.body;
      const answers = await Promise.all([
        authenticate(shop.anybody(), id, true),
        guest.post(`${cart}/checkout`, NEEDS_CUSTOMER, once()),
        authenticate(shop.anybody(), id, true),
        guest.post(`${cart}/checkout`, NEEDS_CUSTOMER, once()),
      ]);
      for (const { status, body } of answers) expect(status, JSON.stringify(body)).to.be.below(300);
      await eventually('it is confirmed', async () => {
        const { body } = await guest.get('/v1/orders');
        expect(body.data.map(({ status }: { status: string }) => status)).to.deep.equal(['confirmed']);
      });
      expect(await ledgerOf(id)).to.deep.equal({ held: 1998, captured: 0, refunded: 0 });

      const { body: shipment } = await support.post(`/v1/orders/${id}/shipments`, {});
      const dispatch = () => support.post(`/v1/shipments/${shipment.id}/dispatch`, undefined, once());
      for (const { status } of await Promise.all([dispatch(), dispatch(), dispatch()])) expect(status).to.equal(200);
      const { body: payment } = await support.get(paymentOf(id));
      expect(payment.authorisations).to.have.length(1);
      expect(payment.captures.map(({ amount }: { amount: unknown }) => amount)).to.deep.equal([gbp(1998)]);
    });

    it('complaint 7: two tabs submit one cart (woocommerce#62659, shopware#19943)', async () => {
      const product = await newProduct({ amount: 700, units: 10 });
      const guest = await shop.guest();
      const cart = await readyCart(guest, { [product.sku]: 1 });
      const tabs = [1, 2, 3, 4].map(() => guest.post(`${cart}/checkout`, VISA, once()));
      const answers = await Promise.all(tabs);
      for (const { status, body } of answers) expect(status, JSON.stringify(body)).to.be.oneOf([201, 202]);
      expect(new Set(answers.map(({ body }) => body.id))).to.have.property('size', 1);
      await eventually('it is confirmed', async () => {
        const { body } = await guest.get('/v1/orders');
        expect(body.data.map(({ status }: { status: string }) => status)).to.deep.equal(['confirmed']);
      });
      expect(await ledgerOf(the(answers[0]).body.id)).to.include({ held: 700 });
      await expectLevel(product, { reserved: 0, committed: 1 });
    });

    it('complaint 8: a checkout cannot be tried again after a failed step (medusa#12481, #12184)', async () => {
      const product = await newProduct({ amount: 1000, units: 1 });
      const coupon = await newCoupon({ kind: 'amount', amount: 100, currency: 'GBP', limit: 1 });
      const guest = await shop.guest();
      const cart = await readyCart(guest, { [product.sku]: 1 });
      await guest.post(`${cart}/coupons/${coupon}`);
      const checkout = (body: unknown) => guest.post(`${cart}/checkout`, body, once());

      expectProblem(await checkout(DECLINED), 402, 'payment_declined');
      const waiting = await checkout(NEEDS_CUSTOMER);
      await authenticate(guest, waiting.body.id, false);
      expect((await guest.get(`/v1/orders/${waiting.body.id}`)).body).to.include({ status: 'rejected' });
      await keeper.post(`/v1/stock/${product.sku}/adjustments`, { quantity: -1 }, once());
      expectProblem(await checkout(VISA), 409, 'out_of_stock');
      await keeper.post(`/v1/stock/${product.sku}/receipts`, { quantity: 1 }, once());
      const placed = await checkout(VISA);
      expect(placed.status, JSON.stringify(placed.body)).to.equal(201);
      expectSums(placed, { subtotal: 1000, discount: 100, total: 900 });

      const { body } = await guest.get('/v1/orders');
      const held = await Promise.all(body.data.map(async ({ id }: { id: string }) => (await ledgerOf(id)).held));
      expect(held).to.deep.equal([900, ...held.slice(1).fill(0)]);
      expect((await keeper.get(`/v1/coupons/${coupon}`)).body.redeemed).to.equal(1);
    });

    it('complaint 15: what is sold out is shown as in stock (vendure#3066, shopware#4288)', async () => {
      const product = await newProduct({ units: 1 });
      const guest = await shop.guest();
      const found = `/v1/search?category=${product.category}&inStock=true`;
      const stocked = async (caller: Caller) => {
        const [page, list, search] = [
          await caller.get(product.path),
          await caller.get(`/v1/products?category=${product.category}`),
          await caller.get(found),
        ];
        return [page.body.variants[0].inStock, list.body.data[0].variants[0].inStock, search.body.data.length === 1];
      };
      expect(await stocked(keeper)).to.deep.equal([true, true, true]);
      const cart = await readyCart(guest, { [product.sku]: 1 });
      const { headers } = await guest.post(`${cart}/checkout`, VISA, once());
      expect(headers.get('consistency-token')).to.match(/./);
      expect(await stocked(guest)).to.deep.equal([false, false, false]);
    });

    it('complaint 17: order and payment differ by fractions of a cent (medusa#14818, #13091)', async () => {
      const { id, total } = await awkwardOrder();
      for (const _ of [1, 2, 3]) await send(`/v1/orders/${id}`, [{ lineId: '1', quantity: 1 }]);
      const { body } = await support.get(paymentOf(id));
      const captures: number[] = body.captures.map(({ amount }: { amount: { amount: number } }) => amount.amount);
      expect(captures).to.have.length(3);
      for (const amount of captures) expect(Number.isInteger(amount)).to.equal(true);
      expect(captures.reduce((sum, amount) => sum + amount)).to.equal(total);
      expect(await ledgerOf(id)).to.deep.equal({ held: 0, captured: total, refunded: 0 });
    });

    it('complaint 18: refunds that do not add up, and shipping that cannot be refunded (medusa#13433, #11645)', async () => {
      const { id, total, shipping } = await awkwardOrder();
      await send(`/v1/orders/${id}`);
      for (const _ of [1, 2, 3]) {
        const lines = [{ lineId: '1', quantity: 1, reason: 'Too awkward' }];
        await received((await support.post(`/v1/orders/${id}/returns`, { lines })).body.id);
      }
      expect(await ledgerOf(id)).to.include({ captured: total, refunded: total - shipping });
      const refund = (amount: number) =>
        support.post(`${paymentOf(id)}/refunds`, { amount, reason: 'goodwill' }, once());
      expectProblem(await refund(shipping + 1), 422, 'rule_violated');
      expect((await refund(shipping)).body).to.include({ status: 'refunded' });
      expect(await ledgerOf(id)).to.include({ captured: total, refunded: total });
      expectProblem(await refund(1), 422, 'rule_violated');
      expect((await support.get(`/v1/orders/${id}`)).body).to.include({ paymentStatus: 'refunded' });
    });

    it('complaint 19: nobody knows who changed what (vendure#3199, saleor#10106)', async () => {
      const product = await newProduct({ units: 3 });
      await keeper.post(`/v1/stock/${product.sku}/adjustments`, { quantity: -1, reason: 'broken' }, once());
      const guest = await shop.guest();
      const cart = await readyCart(guest, { [product.sku]: 1 });
      const { body: placed } = await guest.post(`${cart}/checkout`, VISA, once());
      await send(`/v1/orders/${placed.id}`);
      const { body } = await support.get(`/v1/stock/${product.sku}/movements`);
      const entries = body.data.map(({ what, actor }: { what: string; actor: unknown }) => [what, actor]);
      const [staff, helper, customer] = [
        { type: 'staff', id: 'staff_catalogue', role: 'catalogue' },
        { type: 'staff', id: 'staff_support', role: 'support' },
        { type: 'customer', id: guest.customerId },
      ];
      expect(entries).to.deep.equal([
        ['received', staff],
        ['adjusted', staff],
        ['reserved', customer],
        ['committed', customer],
        ['shipped', helper],
      ]);
      expect(body.data[1]).to.include({ delta: -1, reason: 'broken' });
    });
  });

  // ── Helpers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  interface Product {
    sku: string;
    path: string;
    category: string;
  }

  interface NewProduct {
    title?: string;
    amount?: number;
    units?: number;
    weight?: number;
    taxCategory?: string;
  }

  async function newProduct({ title = 'Thing', amount = 1000, units = 1, weight, taxCategory }: NewProduct) {
    const sku = freshName('SKU').toUpperCase();
    const category = freshName('shelf');
    const variants = [{ sku, prices: [gbp(amount)], ...(weight && { weight }) }];
    const details = { title, categories: [category], ...defined({ taxCategory }) };
    const { body } = await keeper.post('/v1/products', { ...details, variants });
    await keeper.post(`/v1/products/${body.id}/publish`);
    await keeper.post(`/v1/stock/${sku}/receipts`, { quantity: units }, once());
    return { sku, path: `/v1/products/${body.id}`, category };
  }

  /** A new category, so that no other test pays this tax. */
  async function newTax(basisPoints: number): Promise<string> {
    const category = freshName('taxed');
    const { status } = await keeper.put(`/v1/tax-rates/${category}`, { country: 'GB', category, basisPoints });
    expect(status).to.equal(200);
    return category;
  }

  /** Returns its code. */
  async function newCoupon(terms: object): Promise<string> {
    const code = freshName('TEA').toUpperCase();
    expect((await keeper.put(`/v1/coupons/${code}`, terms)).status).to.equal(200);
    return code;
  }

  /** Returns its path. */
  async function readyCart(guest: Guest, lines: Record<string, number>, method = 'standard'): Promise<string> {
    const cart = `/v1/carts/${(await guest.post('/v1/carts', { currency: 'GBP' })).body.id}`;
    for (const [sku, quantity] of Object.entries(lines)) await guest.post(`${cart}/lines`, { sku, quantity });
    await guest.put(`${cart}/shipping-address`, ADDRESS);
    const { body } = await guest.put(`${cart}/shipping-method`, { method });
    expect(body).to.include({ status: 'open', shippingMethod: method });
    return cart;
  }

  /** Three units whose price, discount and tax cannot be divided by three. */
  async function awkwardOrder(): Promise<{ id: string; total: number; shipping: number }> {
    const { sku } = await newProduct({ amount: 333, units: 3, taxCategory: await newTax(887.5) });
    const coupon = await newCoupon({ kind: 'percentage', basisPoints: 700 });
    const method = freshName('post');
    const zones = [{ currency: 'GBP', by: 'flat', rates: [{ amount: 395 }] }];
    await keeper.put(`/v1/shipping-methods/${method}`, { title: 'Post', zones });
    const guest = await shop.guest();
    const cart = await readyCart(guest, { [sku]: 3 }, method);
    await guest.post(`${cart}/coupons/${coupon}`);
    const placed = await guest.post(`${cart}/checkout`, VISA, once());
    expectSums(placed, { subtotal: 999, discount: 70, tax: 82, shipping: 395, total: 1406 });
    return { id: placed.body.id, total: 1406, shipping: 395 };
  }

  function authenticate(caller: Caller, orderId: string, succeed: boolean): Promise<Answer> {
    return caller.post(`/v1/test-payments/${siblingId('payment', orderId)}/authenticate`, { succeed });
  }

  /** Without `lines`, ships all open units. */
  async function send(order: string, lines?: { lineId: string; quantity: number }[]): Promise<void> {
    const { body } = await support.post(`${order}/shipments`, lines ? { lines } : {});
    for (const step of ['dispatch', 'deliver']) {
      const { status, body: answer } = await support.post(`/v1/shipments/${body.id}/${step}`, undefined, once());
      expect(status, JSON.stringify(answer)).to.equal(200);
    }
  }

  /** The refund of a return that is approved, received and restocked. */
  async function received(returnId: string): Promise<unknown> {
    await support.post(`/v1/returns/${returnId}/approve`, undefined, once());
    const { body } = await support.post(`/v1/returns/${returnId}/receive`, {}, once());
    expect(body).to.include({ status: 'received' });
    return body.refund;
  }

  /** Zero amounts if no payment was requested. */
  async function ledgerOf(orderId: string): Promise<{ held: number; captured: number; refunded: number }> {
    const { status, body } = await support.get(paymentOf(orderId));
    if (status === 404) return { held: 0, captured: 0, refunded: 0 };
    return { held: body.held.amount, captured: body.captured.amount, refunded: body.refunded.amount };
  }

  /** Checks the SKU's only location. Other changes show soon. */
  function expectLevel({ sku }: Product, level: Record<string, number>): Promise<void> {
    return eventually('the level is shown', async () => {
      const { body } = await support.get(`/v1/stock/${sku}`);
      expect(body.locations[0]).to.include(level);
    });
  }
}

function paymentOf(orderId: string): string {
  return `/v1/payments/${siblingId('payment', orderId)}`;
}

function gbp(amount: number) {
  return { amount, currency: 'GBP' };
}

interface Sums {
  subtotal: number;
  discount?: number;
  shipping?: number;
  tax?: number;
  total: number;
}

/** Checks the sums of a cart or an order. Missing sums are 0, and they must add up. */
function expectSums({ status, body }: Answer, { subtotal, discount = 0, shipping = 0, tax = 0, total }: Sums): void {
  expect(status, JSON.stringify(body)).to.be.below(300);
  const shown = [body.subtotal, body.discount, body.shipping, body.tax, body.total];
  expect(shown).to.deep.equal([subtotal, discount, shipping, tax, total].map(gbp));
  expect(subtotal + shipping + tax - discount).to.equal(total);
}
