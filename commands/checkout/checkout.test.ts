import { expect } from 'chai';
import { cart } from '../../domain/cart/cart.js';
import { coupon, couponStream } from '../../domain/coupon/coupon.js';
import type { CouponTerms } from '../../domain/coupon/events.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { streamOf } from '../../domain/kernel/id.js';
import { order } from '../../domain/order/order.js';
import { stockItem, stockStream } from '../../domain/stock/stock-item.js';
import { createTestProvider } from '../../infra/payments/test-provider.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, ADDRESS, BOB, createShop, fill, KEEPER, type Shop, SUPPORT, sell } from '../../test/shop.js';
import { the } from '../../test/the.js';

const GBP = (amount: number) => ({ amount, currency: 'GBP' });
const VISA = { paymentMethod: 'pm_card_visa', email: 'ada@example.com' };

describe('The checkout endpoint', () => {
  let shop: Shop;
  let cartId: string;
  const checkout = (body: unknown = VISA, options = {}) =>
    shop.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body, ...options });

  const keep = (target: string, body: unknown) => shop.call(`put /v1/${target}`, { caller: KEEPER, body });
  const define = (code: string, terms: CouponTerms) => keep(`coupons/${code}`, terms);
  const redeem = (code: string) => {
    const command = { type: 'RedeemCoupon', code, orderId: 'order_other' } as const;
    const meta = {
      id: code,
      issuedAt: Date.now(),
      correlationId: 'request',
      actor: { type: 'process', id: 'tests' },
    } as const;
    return shop.runner.execute(coupon, couponStream({ code }), command, meta).then(orThrow);
  };

  /** The counters of a coupon, each with the types of its events. */
  const couponEvents = async (code: string) => {
    const streams = [...shop.log.streams.keys()].filter((stream) => stream.startsWith(`coupon#${code}`));
    return Promise.all(
      streams.map(async (stream) => {
        const types: string[] = [];
        for await (const { events } of shop.store.read(stream)) types.push(...events.map(({ type }) => type));
        return [stream, types];
      }),
    );
  };

  beforeEach(async () => {
    shop = createShop();
    await sell(shop, 'MUG', 500, 3);
    cartId = await fill(shop, { MUG: 2 });
  });

  it('turns a cart into an order, and returns it', async () => {
    const { status, body, headers, seen } = await checkout();
    const orderId = cartId.replace('cart', 'order');
    expect(status).to.equal(201);
    expect(headers).to.deep.equal({ Location: `/v1/orders/${orderId}` });
    expect(body).to.deep.include({
      id: orderId,
      status: 'confirmed',
      paymentStatus: 'authorised',
      fulfilmentStatus: 'not_fulfilled',
      total: GBP(1000),
      shippingAddress: ADDRESS,
      email: 'ada@example.com',
    });
    expect(new Map(seen)).to.include.keys(
      orderId.replace('_', '#'),
      orderId.replace('order_', 'payment#'),
      'stock#MUG@main',
      cartId.replace('_', '#'),
    );
    expect((await shop.call(`get /v1/carts/${cartId}`, { caller: ADA })).body).to.include({
      status: 'submitted',
      orderId,
    });
  });

  it('makes one order of a cart, even if the request is repeated', async () => {
    const [first, other] = await Promise.all([checkout(), checkout()]);
    const { seen, ...later } = await checkout();
    expect(other.body.id).to.equal(first.body.id);
    expect(later.body).to.deep.equal(first.body);
    expect([...shop.log.streams.keys()].filter((stream) => stream.startsWith('order#'))).to.have.length(1);
  });

  it('says how many units are available of a SKU that is short, and lets the customer try again', async () => {
    await shop.call('post /v1/stock/MUG/counts', { caller: KEEPER, body: { quantity: 1 } });
    const { facts } = await problemOf(checkout(), 'out_of_stock');
    expect(facts.available).to.deep.equal({ MUG: 1 });
    await shop.call('post /v1/stock/MUG/receipts', { caller: KEEPER, body: { quantity: 5 } });
    expect((await checkout()).body.id).to.equal(`${cartId.replace('cart', 'order')}-2`);
  });

  it('waits for the customer, even if another card is given meanwhile; another can be used once the order is cancelled', async () => {
    const waiting = await checkout({ paymentMethod: 'pm_card_authenticationRequired' });
    expect(waiting.status).to.equal(202);
    expect(waiting.body.nextAction).to.include.keys('type', 'clientSecret');
    const again = await checkout();
    expect(again).to.include({ status: 202 });
    expect(again.body).to.deep.equal(waiting.body);
    await shop.call(`post /v1/orders/${waiting.body.id}/cancel`, { caller: ADA });
    expect((await shop.call(`get /v1/carts/${cartId}`, { caller: ADA })).body.status).to.equal('open');
    const { status, body } = await checkout();
    expect(status).to.equal(201);
    expect(body.id).to.equal(`${waiting.body.id}-2`);
  });

  it('tells only support, and not a possible thief, that a card is reported lost', async () => {
    const { message, facts } = await problemOf(
      checkout({ paymentMethod: 'pm_card_visa_chargeDeclinedLostCard' }),
      'payment_declined',
    );
    expect({ message, facts }).to.deep.equal({
      message: 'The payment was declined: generic_decline.',
      facts: { declineCode: 'generic_decline' },
    });
    const { body } = await shop.call(`get /v1/payments/${cartId.replace('cart', 'payment')}`, { caller: SUPPORT });
    expect(body.authorisations.at(-1).declineCode).to.equal('lost_card');
  });

  it('says why a card was declined', async () => {
    const { facts } = await problemOf(checkout({ paymentMethod: 'pm_card_visa_chargeDeclined' }), 'payment_declined');
    expect(facts.declineCode).to.equal('generic_decline');
    const poor = await problemOf(
      checkout({ paymentMethod: 'pm_card_visa_chargeDeclinedInsufficientFunds' }),
      'payment_declined',
    );
    expect(poor.facts.declineCode).to.equal('insufficient_funds');
    expect((await shop.call(`get /v1/carts/${cartId}`, { caller: ADA })).body.status).to.equal('open');
  });

  it('declines unknown payment methods, even the names of object members', async () => {
    for (const paymentMethod of ['pm_nobody_has', '__proto__', 'constructor']) {
      const { facts } = await problemOf(checkout({ paymentMethod }), 'payment_declined');
      expect(facts.declineCode).to.equal('no_such_test_method');
    }
    expect((await checkout()).status).to.equal(201);
  });

  it('reports changed prices before it accepts them', async () => {
    await shop.call('put /v1/products/product_MUG/variants/MUG/prices', {
      caller: KEEPER,
      body: { prices: [GBP(550)] },
    });
    const { facts } = await problemOf(checkout(), 'price_changed');
    expect(facts.changes).to.deep.equal([{ sku: 'MUG', was: GBP(500), now: GBP(550) }]);
    expect(facts.total).to.deep.equal({ now: GBP(1100) });
    expect((await checkout({ ...VISA, acceptPrices: true })).body.total).to.deep.equal(GBP(1100));
  });

  it('refuses lines that are no longer sold, and incomplete carts', async () => {
    await shop.call('post /v1/products/product_MUG/unpublish', { caller: KEEPER });
    await problemOf(checkout(), 'rule_violated');
    cartId = (await shop.call('post /v1/carts', { caller: ADA, body: { currency: 'GBP' } })).body.id;
    await problemOf(checkout(), 'rule_violated');
  });

  it('answers with a location to check later while the outcome of the payment is unknown', async () => {
    const provider = createTestProvider();
    provider.authorise = () => Promise.reject(new Error('no answer'));
    shop = createShop({ provider });
    await sell(shop, 'MUG', 500, 3);
    cartId = await fill(shop, { MUG: 2 });
    const { status, body, headers } = await checkout();
    expect(status).to.equal(202);
    expect(body).to.include({ status: 'placed', paymentStatus: 'pending' });
    expect(headers).to.deep.equal({ Location: `/v1/orders/${body.id}` });
  });

  it('is unavailable while the provider does not release the money of a failed checkout', async () => {
    const provider = createTestProvider();
    const { authorise, void: voidIt } = provider;
    provider.authorise = async (operation) => {
      const cancel = { type: 'CancelOrder', reason: 'found it cheaper' } as const;
      const actor = { type: 'staff', id: 'keeper' } as const;
      const meta = { id: 'cancel', issuedAt: Date.now(), correlationId: 'request', actor };
      orThrow(await shop.runner.execute(order, streamOf(operation.orderId), cancel, meta));
      return authorise(operation);
    };
    provider.void = () => Promise.reject(new Error('no answer'));
    shop = createShop({ provider });
    await sell(shop, 'MUG', 500, 3);
    cartId = await fill(shop, { MUG: 2 });
    await problemOf(checkout(), 'unavailable');
    provider.void = voidIt;
    await problemOf(checkout(), 'conflict');
    expect((await shop.call(`get /v1/carts/${cartId}`, { caller: ADA })).body.status).to.equal('open');
  });

  it('serves only the owner of the cart', async () => {
    await problemOf(checkout(VISA, { caller: BOB }), 'not_found');
  });

  it('asks for a new checkout if the checkout of the repeated request has failed since', async () => {
    const declined = { paymentMethod: 'pm_card_visa_chargeDeclined' };
    await problemOf(checkout(declined, { key: 'k' }), 'payment_declined');
    await problemOf(checkout(declined, { key: 'k' }), 'conflict');
  });

  it('makes one order of a cart that two tabs submit to different processes (woocommerce#62659)', async () => {
    const other = createShop({ log: shop.log });
    const [first, second] = await Promise.all([
      checkout(),
      other.call(`post /v1/carts/${cartId}/checkout`, { caller: ADA, body: VISA }),
    ]);
    expect(second.body.id).to.equal(first.body.id);
    expect([...shop.log.streams.keys()].filter((stream) => stream.startsWith('order#'))).to.have.length(1);
  });

  it('orders the current contents of the cart, whatever this process has cached', async () => {
    const other = createShop({ log: shop.log });
    const change = (target: string, body: object) => other.call(`${target}`, { caller: ADA, body });
    await sell(shop, 'CUP', 300);
    const [line] = (await shop.call(`get /v1/carts/${cartId}`, { caller: ADA })).body.lines;
    await change(`post /v1/carts/${cartId}/lines`, { sku: 'CUP', quantity: 1 });
    await change(`patch /v1/carts/${cartId}/lines/${line.id}`, { quantity: 1 });
    await change(`put /v1/carts/${cartId}/shipping-address`, { ...ADDRESS, city: 'York' });
    const { body } = await checkout();
    expect(body.total).to.deep.equal(GBP(800));
    expect(body.shippingAddress.city).to.equal('York');
  });

  it('orders the cart only at the version that the customer saw', async () => {
    const other = createShop({ log: shop.log });
    const cartNow = (at: Shop) => at.call(`get /v1/carts/${cartId}`, { caller: ADA });
    const { version: before, body: seen } = await cartNow(shop);
    const line = `patch /v1/carts/${cartId}/lines/${seen.lines[0].id}`;
    await other.call(line, { caller: ADA, body: { quantity: 1 } });
    const { version: now } = await cartNow(other);
    for (const expectedVersion of [the(before), [the(before), the(now) + 1], []])
      await problemOf(checkout(VISA, { expectedVersion }), 'version_mismatch');
    await other.call(line, { caller: ADA, body: { quantity: 3 } });
    const { version: last } = await cartNow(other);
    const { body } = await checkout(VISA, { expectedVersion: [the(now), the(last)] });
    expect(body.total).to.deep.equal(GBP(1500));
  });

  it('rejects nothing because of a cached cart', async () => {
    const other = createShop({ log: shop.log });
    const unaddressed = await shop.call('post /v1/carts', { caller: ADA, body: { currency: 'GBP' } });
    cartId = unaddressed.body.id;
    await other.call(`post /v1/carts/${cartId}/lines`, { caller: ADA, body: { sku: 'MUG', quantity: 1 } });
    await other.call(`put /v1/carts/${cartId}/shipping-address`, { caller: ADA, body: ADDRESS });
    await other.call(`put /v1/carts/${cartId}/shipping-method`, { caller: ADA, body: { method: 'standard' } });
    expect((await checkout()).status).to.equal(201);
  });

  it('can be tried again after each failure, until it succeeds (medusa#12481)', async () => {
    await problemOf(checkout({ paymentMethod: 'pm_card_visa_chargeDeclined' }), 'payment_declined');
    await shop.call('post /v1/stock/MUG/counts', { caller: KEEPER, body: { quantity: 1 } });
    await problemOf(checkout(), 'out_of_stock');
    await shop.call('post /v1/stock/MUG/counts', { caller: KEEPER, body: { quantity: 2 } });
    expect((await checkout()).status).to.equal(201);
    const { state } = await shop.runner.load(stockItem, 'stock#MUG@main');
    expect(state).to.include({ onHand: 2, reserved: 0, committed: 2 });
  });

  it('rejects a cart at once if its goods were short a moment ago', async () => {
    await shop.call('post /v1/stock/MUG/counts', { caller: KEEPER, body: { quantity: 1 } });
    await problemOf(checkout(), 'out_of_stock');
    const before = [...shop.log.streams.keys()];
    expect((await problemOf(checkout(), 'out_of_stock')).facts.available).to.deep.equal({ MUG: 1 });
    expect([...shop.log.streams.keys()]).to.deep.equal(before);
  });

  it('takes the goods from the locations that have them', async () => {
    await shop.call('post /v1/stock/MUG/receipts', { caller: KEEPER, body: { location: 'leeds', quantity: 5 } });
    await shop.call('post /v1/stock/MUG/counts', { caller: KEEPER, body: { quantity: 1 } });
    expect((await checkout()).status).to.equal(201);
    const { state } = await shop.runner.load(stockItem, 'stock#MUG@leeds');
    expect(state).to.include({ onHand: 5, committed: 2 });
  });

  it('reports the total over all locations, if others were faster at one of them', async () => {
    await shop.call('post /v1/stock/MUG/receipts', { caller: KEEPER, body: { location: 'leeds', quantity: 2 } });
    const three = await fill(shop, { MUG: 3 });
    cartId = await fill(shop, { MUG: 3 });
    const ends = await Promise.allSettled([
      shop.call(`post /v1/carts/${three}/checkout`, { caller: ADA, body: VISA }),
      checkout(),
    ]);
    const lost = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
    expect(lost).to.have.length(1);
    const problem = await problemOf(Promise.reject(lost[0]), 'out_of_stock');
    expect(problem.facts.available).to.deep.equal({ MUG: 2 });
    for (const location of ['main', 'leeds']) {
      const { state } = await shop.runner.load(stockItem, stockStream({ sku: 'MUG', location }));
      expect(state.reserved).to.equal(0);
    }
  });

  it('numbers orders for people', async () => {
    expect((await checkout()).body.number).to.equal('1000000');
    cartId = await fill(shop, { MUG: 1 });
    expect((await checkout()).body.number).to.equal('1000001');
  });

  it('orders at the price that was quoted', async () => {
    await define('SPRING', { kind: 'percentage', basisPoints: 1_000 });
    await define('MANY', { kind: 'amount', ...GBP(100), minimum: GBP(5_000) });
    await keep('tax-rates/gb', { country: 'GB', basisPoints: 2_000 });
    for (const code of ['SPRING', 'MANY']) await shop.call(`post /v1/carts/${cartId}/coupons/${code}`, { caller: ADA });
    const quoted = (await shop.call(`get /v1/carts/${cartId}`, { caller: ADA })).body;
    const { body } = await checkout({ ...VISA, total: quoted.total });
    expect(quoted.total).to.deep.equal(GBP(1080));
    expect(body.total).to.deep.equal(GBP(1080));
    const { state } = await shop.runner.load(cart, streamOf(cartId));
    expect(the(state?.submission).coupons).to.deep.equal([{ code: 'SPRING', amount: 100 }]);
    const { total, tax, discount, coupons } = (await shop.call(`get /v1/carts/${cartId}`, { caller: ADA })).body;
    expect({ total, tax, discount, coupons }).to.deep.equal({
      total: GBP(1080),
      tax: GBP(180),
      discount: GBP(100),
      coupons: [{ code: 'SPRING', amount: GBP(100) }],
    });
  });

  it('reports a total above the one that was seen, and accepts a lower one silently', async () => {
    const { facts } = await problemOf(checkout({ ...VISA, total: GBP(999) }), 'price_changed');
    expect(facts).to.deep.equal({ changes: [], total: { was: GBP(999), now: GBP(1000) } });
    const inEuro = checkout({ ...VISA, total: { amount: 1000, currency: 'EUR' } });
    expect((await problemOf(inEuro, 'invalid_request')).message).to.match(/total.currency: is EUR/);
    expect((await checkout({ ...VISA, total: GBP(1001) })).body.total).to.deep.equal(GBP(1000));
  });

  it('never charges more than the total that was shown, even to customers who accept the prices', async () => {
    await shop.call('put /v1/products/product_MUG/variants/MUG/prices', {
      caller: KEEPER,
      body: { prices: [GBP(550)] },
    });
    const shown = { ...VISA, total: GBP(1000) };
    const total = { was: GBP(1000), now: GBP(1100) };
    const changes = [{ sku: 'MUG', was: GBP(500), now: GBP(550) }];
    expect((await problemOf(checkout(shown), 'price_changed')).facts).to.deep.equal({ changes, total });
    const accepting = { ...shown, acceptPrices: true };
    expect((await problemOf(checkout(accepting), 'price_changed')).facts).to.deep.equal({ changes: [], total });
    expect((await checkout({ ...accepting, total: total.now })).body.total).to.deep.equal(GBP(1100));
  });

  it('taxes and weighs a product by its current data, not by those when it was added', async () => {
    const zones = [
      { countries: ['GB'], currency: 'GBP', by: 'weight', rates: [{ upTo: 1_000, amount: 300 }, { amount: 900 }] },
    ];
    await keep('shipping-methods/standard', { title: 'Standard', zones });
    await keep('tax-rates/gb-books', { country: 'GB', category: 'books', basisPoints: 500 });
    const product = (body: unknown) => shop.call('patch /v1/products/product_MUG', { caller: KEEPER, body });
    await product({ taxCategory: 'books' });
    const variant = { prices: [GBP(500)], weight: 800 };
    await keep('products/product_MUG/variants/MUG', variant);
    const shown = (await shop.call(`get /v1/carts/${cartId}`, { caller: ADA })).body;
    expect(shown).to.deep.include({ shipping: GBP(900), tax: GBP(50), total: GBP(1950) });
    expect((await checkout({ ...VISA, total: shown.total })).body.total).to.deep.equal(shown.total);
  });

  it('refuses coupons that have expired or changed since they were applied', async () => {
    await define('SPRING', { kind: 'percentage', basisPoints: 1_000, limit: 1 });
    await shop.call(`post /v1/carts/${cartId}/coupons/SPRING`, { caller: ADA });
    await define('SPRING', { kind: 'percentage', basisPoints: 500, limit: 1 });
    expect((await problemOf(checkout(), 'rule_violated')).message).to.match(/SPRING has new terms/);
    await shop.call(`post /v1/carts/${cartId}/coupons/SPRING`, { caller: ADA });
    await redeem('SPRING');
    expect((await problemOf(checkout(), 'rule_violated')).message).to.equal(
      'SPRING is used up. Remove it from the cart.',
    );
    await shop.call(`delete /v1/carts/${cartId}/coupons/SPRING`, { caller: ADA });
    expect((await checkout()).body.total).to.deep.equal(GBP(1000));
  });

  it('counts the e-mail address against the limit of a coupon per customer, in any spelling', async () => {
    await define('ONCE', { kind: 'percentage', basisPoints: 1_000, limitPerCustomer: 1 });
    const order = async (caller: Caller, email: string) => {
      const own = await fill(shop, { MUG: 1 }, caller);
      await shop.call(`post /v1/carts/${own}/coupons/ONCE`, { caller });
      return shop.call(`post /v1/carts/${own}/checkout`, { caller, body: { ...VISA, email } });
    };
    expect((await order(ADA, 'ada@example.com')).body.total).to.deep.equal(GBP(450));
    await problemOf(order(BOB, 'Ada@Example.COM'), 'rule_violated');
    expect((await order(BOB, 'bob@example.com')).body.total).to.deep.equal(GBP(450));
  });

  it('does not count a coupon without a limit, but checks it all the same', async () => {
    await define('OPEN', { kind: 'percentage', basisPoints: 1_000 });
    await shop.call(`post /v1/carts/${cartId}/coupons/OPEN`, { caller: ADA });
    expect((await checkout({ ...VISA, email: 'ada@example.com' })).body.total).to.deep.equal(GBP(900));
    await everythingElse();
    expect(await couponEvents('OPEN')).to.deep.equal([['coupon#OPEN', ['CouponDefined']]]);
    const late = await fill(shop, { MUG: 1 }, BOB);
    await shop.call(`post /v1/carts/${late}/coupons/OPEN`, { caller: BOB });
    await define('OPEN', { kind: 'percentage', basisPoints: 1_000, validUntil: '2020-01-01T00:00:00.000Z' });
    const { message } = await problemOf(
      shop.call(`post /v1/carts/${late}/checkout`, { caller: BOB, body: VISA }),
      'rule_violated',
    );
    expect(message).to.equal('OPEN is no longer valid. Remove it from the cart.');
  });

  it('counts an order that goes through, and keeps no id of five that lose the last redemption of a coupon', async () => {
    await define('LAST', { kind: 'percentage', basisPoints: 1_000, limit: 1 });
    await shop.call('post /v1/stock/MUG/receipts', { caller: KEEPER, body: { quantity: 9 } });
    const carts = await Promise.all(Array.from({ length: 6 }, () => fill(shop, { MUG: 1 })));
    for (const id of carts) await shop.call(`post /v1/carts/${id}/coupons/LAST`, { caller: ADA });
    const order = (id: string) => shop.call(`post /v1/carts/${id}/checkout`, { caller: ADA, body: VISA });
    const outcomes = await Promise.allSettled(carts.map(order));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    const orders = [...shop.log.streams.keys()].filter((stream) => stream.startsWith('order#'));
    expect(orders, 'all had seen it as usable').to.have.length(6);
    await everythingElse();
    expect(await couponEvents('LAST')).to.deep.equal([
      ['coupon#LAST', ['CouponDefined', 'CouponRedeemed', 'CouponRedemptionConfirmed']],
    ]);
    const { state } = await shop.runner.load(coupon, couponStream({ code: 'LAST' }));
    expect(state).to.deep.include({ redeemed: 1, inFlight: [], returned: [] });
  });

  it('releases the redemptions of a confirmed order that is cancelled whole, once', async () => {
    await define('ONE', { kind: 'percentage', basisPoints: 1_000, limit: 1, limitPerCustomer: 1 });
    const buy = async () => {
      const id = await fill(shop, { MUG: 1 });
      await shop.call(`post /v1/carts/${id}/coupons/ONE`, { caller: ADA });
      return shop.call(`post /v1/carts/${id}/checkout`, { caller: ADA, body: { ...VISA, email: 'ada@example.com' } });
    };
    const { body } = await buy();
    const cancel = () => shop.call(`post /v1/orders/${body.id}/cancel`, { caller: SUPPORT, body: { reason: 'x' } });
    await Promise.all([cancel(), cancel()]);
    const counts = [...shop.log.streams.keys()].filter((stream) => stream.startsWith('coupon#ONE'));
    expect(counts).to.have.length(3);
    for (const stream of counts) {
      const { state } = await shop.runner.load(coupon, stream);
      expect(state, stream).to.deep.include({ redeemed: 0, inFlight: [] });
    }
    expect((await buy()).status).to.equal(201);
  });

  it('refuses a shipping method that does not ship to the address', async () => {
    const zones = [{ countries: ['FR'], currency: 'GBP', by: 'flat', rates: [{ amount: 100 }] }];
    await keep('shipping-methods/standard', { title: 'Standard', zones });
    expect((await problemOf(checkout(), 'rule_violated')).message).to.match(/does not send/);
  });
});

/** The answer does not wait for the steps after a checkout. In memory they are only promises, so this lets them finish. */
function everythingElse(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
