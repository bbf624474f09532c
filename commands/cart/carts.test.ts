import { expect } from 'chai';
import fc from 'fast-check';
import { coupon, couponStream } from '../../domain/coupon/coupon.js';
import type { CouponTerms } from '../../domain/coupon/events.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, ADDRESS, BOB, createShop, fill, KEEPER, type Shop, sell } from '../../test/shop.js';
import { the } from '../../test/the.js';

const GBP = (amount: number) => ({ amount, currency: 'GBP' });

describe('The endpoints of carts', () => {
  let shop: Shop;
  const call = (target: string, body?: unknown, caller = ADA) => shop.call(target, { caller, body });

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

  beforeEach(async () => {
    shop = createShop();
    await sell(shop, 'MUG', 500);
    await sell(shop, 'CUP', 350);
  });

  it('add to the line that has the SKU, change and remove lines', async () => {
    const id = await fill(shop, { MUG: 2 });
    const more = await call(`post /v1/carts/${id}/lines`, { sku: 'MUG', quantity: 3 });
    expect(more.body.lines).to.have.length(1);
    expect(more.body.lines[0].quantity).to.equal(5);
    const line = `/v1/carts/${id}/lines/${more.body.lines[0].id}`;
    expect((await call(`patch ${line}`, { quantity: 1 })).body.total).to.deep.equal(GBP(500));
    expect((await call(`delete ${line}`)).body.lines).to.deep.equal([]);
  });

  describe('with changing prices', () => {
    const price = (sku: string, amount: number) =>
      shop.call(`put /v1/products/product_${sku}/variants/${sku}/prices`, {
        caller: KEEPER,
        body: { prices: [GBP(amount)] },
      });
    const checkout = (id: string, body: object = {}) =>
      call(`post /v1/carts/${id}/checkout`, { paymentMethod: 'pm_card_visa', ...body });
    const shown = async (id: string) => (await call(`get /v1/carts/${id}`)).body;

    it('show current prices, and the accepted prices until the new ones are accepted', async () => {
      const id = await fill(shop, { MUG: 2, CUP: 1 });
      await price('MUG', 700);
      const changed = await shown(id);
      expect(changed.lines[0]).to.deep.include({ unitPrice: GBP(700), was: GBP(500), total: GBP(1400) });
      expect(changed.lines[1]).to.not.have.property('was');
      expect(changed).to.deep.include({ subtotal: GBP(1750), total: GBP(1750) });
      const { facts } = await problemOf(checkout(id), 'price_changed');
      expect(facts.changes).to.deep.equal([{ sku: 'MUG', was: GBP(500), now: GBP(700) }]);
      expect(await shown(id)).to.deep.equal(changed);
      const cup = changed.lines[1].id;
      expect((await call(`patch /v1/carts/${id}/lines/${cup}`, { quantity: 2 })).body.lines[0].was).to.deep.equal(
        GBP(500),
      );
      expect((await checkout(id, { acceptPrices: true })).body.total).to.deep.equal(GBP(2100));
    });

    it('accept the new price when the customer changes the line, even to the same quantity', async () => {
      for (const take of [
        (id: string, line: string) => call(`patch /v1/carts/${id}/lines/${line}`, { quantity: 3 }),
        (id: string, line: string) => call(`patch /v1/carts/${id}/lines/${line}`, { quantity: 2 }),
        (id: string) => call(`post /v1/carts/${id}/lines`, { sku: 'MUG', quantity: 1 }),
      ]) {
        await price('MUG', 500);
        const id = await fill(shop, { MUG: 2 });
        await price('MUG', 450);
        const before = (await shown(id)).lines[0];
        expect(before).to.deep.include({ unitPrice: GBP(450), was: GBP(500) });
        const { lines, total } = (await take(id, before.id)).body;
        expect(lines[0]).to.deep.include({ unitPrice: GBP(450) });
        expect(lines[0]).to.not.have.property('was');
        expect((await checkout(id)).body.total).to.deep.equal(total);
      }
    });

    it('accept the new prices in a checkout that goes through, even if its payment is declined', async () => {
      const id = await fill(shop, { MUG: 2 });
      await price('MUG', 450);
      const declined = { acceptPrices: true, paymentMethod: 'pm_card_visa_chargeDeclined' };
      await problemOf(checkout(id, declined), 'payment_declined');
      expect((await shown(id)).lines[0]).to.not.have.property('was');
      expect((await checkout(id)).status).to.equal(201);
    });

    it('show products that are no longer sold as unavailable, and leave them out of the price', async () => {
      const id = await fill(shop, { MUG: 2, CUP: 1 });
      await shop.call('post /v1/products/product_MUG/discontinue', { caller: KEEPER });
      const { lines, subtotal, total } = await shown(id);
      expect(lines[0]).to.deep.include({ sku: 'MUG', unavailable: true, unitPrice: GBP(500), total: GBP(0) });
      expect(lines[1]).to.not.have.property('unavailable');
      expect({ subtotal, total }).to.deep.equal({ subtotal: GBP(350), total: GBP(350) });
      expect((await problemOf(checkout(id), 'rule_violated')).message).to.include(`remove line ${lines[0].id}`);
      expect((await call(`patch /v1/carts/${id}/lines/${lines[0].id}`, { quantity: 1 })).status).to.equal(200);
      await call(`delete /v1/carts/${id}/lines/${lines[0].id}`);
      expect((await checkout(id)).body.total).to.deep.equal(GBP(350));
    });

    it('always cost what is shown, and show the last accepted price, whatever happens to them', async () => {
      const skus = ['MUG', 'CUP'] as const;
      const step = fc.oneof(
        fc.record({ what: fc.constant('price' as const), sku: fc.constantFrom(...skus), amount: fc.nat({ max: 3 }) }),
        fc.record({ what: fc.constant('change' as const), sku: fc.constantFrom(...skus), amount: fc.nat({ max: 3 }) }),
        fc.record({ what: fc.constantFrom('publish', 'unpublish'), sku: fc.constantFrom(...skus) }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
          shop = createShop();
          const now: Record<string, number> = { MUG: 500, CUP: 350 };
          const taken = { ...now };
          const sold: Record<string, boolean> = { MUG: true, CUP: true };
          for (const sku of skus) await sell(shop, sku, the(now[sku]));
          const id = await fill(shop, { MUG: 1, CUP: 1 });
          for (const { sku, ...one } of steps) {
            if (!('amount' in one)) {
              await shop.call(`post /v1/products/product_${sku}/${one.what}`, { caller: KEEPER });
              sold[sku] = one.what === 'publish';
            } else if (one.what === 'price') {
              now[sku] = 300 + one.amount;
              await price(sku, now[sku]);
            } else {
              const line = (await shown(id)).lines.find((each: { sku: string }) => each.sku === sku);
              await call(`patch /v1/carts/${id}/lines/${line.id}`, { quantity: one.amount + 1 });
              if (sold[sku]) taken[sku] = the(now[sku]);
            }
          }
          const { lines, total } = await shown(id);
          for (const { sku, quantity, unitPrice, was, unavailable, total } of lines) {
            expect(unavailable ?? false).to.equal(!sold[sku]);
            expect(unitPrice).to.deep.equal(GBP(sold[sku] ? the(now[sku]) : the(taken[sku])));
            expect(was).to.deep.equal(sold[sku] && now[sku] !== taken[sku] ? GBP(the(taken[sku])) : undefined);
            expect(total).to.deep.equal(GBP(sold[sku] ? quantity * the(now[sku]) : 0));
          }
          const sum = lines.reduce((all: number, line: { total: { amount: number } }) => all + line.total.amount, 0);
          expect(total).to.deep.equal(GBP(sum));
        }),
        { numRuns: 50 },
      );
    });
  });

  it('cannot be changed by other customers', async () => {
    const id = await fill(shop, { MUG: 1 });
    await problemOf(call(`post /v1/carts/${id}/lines`, { sku: 'MUG', quantity: 1 }, BOB), 'not_found');
    await problemOf(call(`put /v1/carts/${id}/shipping-method`, { method: 'standard' }, BOB), 'not_found');
  });

  it('accept only published products with a price in the currency of the cart', async () => {
    const id = await fill(shop, {});
    await problemOf(call(`post /v1/carts/${id}/lines`, { sku: 'JUG', quantity: 1 }), 'not_found');
    await shop.call('post /v1/products/product_MUG/unpublish', { caller: KEEPER });
    await problemOf(call(`post /v1/carts/${id}/lines`, { sku: 'MUG', quantity: 1 }), 'not_found');
    const euros = (await call('post /v1/carts', { currency: 'EUR' })).body.id;
    await problemOf(call(`post /v1/carts/${euros}/lines`, { sku: 'CUP', quantity: 1 }), 'not_found');
  });

  it('refuse a method that does not ship to the address; an address change is refused only at the checkout', async () => {
    const zones = [{ countries: ['GB'], currency: 'GBP', by: 'flat', rates: [{ amount: 500 }] }];
    await keep('shipping-methods/express', { title: 'Express', zones });
    const id = await fill(shop, { MUG: 1 });
    const choose = () => call(`put /v1/carts/${id}/shipping-method`, { method: 'express' });
    const moveTo = (country: string) =>
      call(`put /v1/carts/${id}/shipping-address`, { ...ADDRESS, postcode: '75001', country });

    await moveTo('FR');
    const refused = await problemOf(choose(), 'rule_violated');
    expect(refused.message).to.equal('express does not send to this address; choose standard.');
    expect(refused.facts).to.deep.equal({ shippingMethods: ['standard'] });
    const body = { ...ADDRESS, country: 'GB' };
    await createShop({ log: shop.log }).call(`put /v1/carts/${id}/shipping-address`, { caller: ADA, body });
    expect((await choose()).body).to.deep.include({ shippingMethod: 'express', shipping: GBP(500) });
    expect((await moveTo('FR')).body).to.deep.include({
      shippingMethod: 'express',
      shippingProblem: { reason: 'wrong_place', detail: refused.message, methods: ['standard'] },
      shipping: GBP(0),
    });
    const bought = await problemOf(
      call(`post /v1/carts/${id}/checkout`, { paymentMethod: 'pm_card_visa' }),
      'rule_violated',
    );
    expect(bought).to.include({ message: refused.message });
    expect(bought.facts).to.deep.equal({ shippingMethods: ['standard'] });

    await keep('shipping-methods/standard', { title: 'Standard', zones });
    expect((await problemOf(choose(), 'rule_violated')).message).to.include(
      'no shipping method can send this cart there',
    );
  });

  it('say why their method no longer ships them: too heavy, or removed', async () => {
    const rates = [{ upTo: 2_000, amount: 300 }];
    await keep('shipping-methods/small', { title: 'Small', zones: [{ currency: 'GBP', by: 'weight', rates }] });
    await keep('products/product_MUG/variants/MUG', { prices: [GBP(500)], weight: 900 });
    const id = await fill(shop, { MUG: 2 });
    const choose = (method: string) => call(`put /v1/carts/${id}/shipping-method`, { method });
    const buy = () => call(`post /v1/carts/${id}/checkout`, { paymentMethod: 'pm_card_visa' });
    const chosen = (await choose('small')).body;
    expect(chosen)
      .to.deep.include({ shipping: GBP(300), total: GBP(1300) })
      .and.not.have.property('shippingProblem');

    const line = `/v1/carts/${id}/lines/${chosen.lines[0].id}`;
    const { shippingProblem } = (await call(`patch ${line}`, { quantity: 3 })).body;
    expect(shippingProblem).to.deep.equal({
      reason: 'too_heavy',
      detail: 'small does not send 2700 g to this address; choose standard.',
      methods: ['standard'],
    });
    expect((await problemOf(buy(), 'rule_violated')).message).to.equal(shippingProblem.detail);
    expect((await call(`patch ${line}`, { quantity: 2 })).body).not.to.have.property('shippingProblem');

    await shop.call('delete /v1/shipping-methods/small', { caller: KEEPER });
    const gone = (await call(`get /v1/carts/${id}`)).body.shippingProblem;
    expect(gone).to.deep.include({ reason: 'unknown_method', methods: ['standard'] });
    const { facts, message } = await problemOf(buy(), 'rule_violated');
    expect(message).to.equal('There is no shipping method small; choose standard.');
    expect(facts).to.deep.equal({ shippingMethods: ['standard'] });

    expect((await choose('standard')).body).not.to.have.property('shippingProblem');
    await buy();
    expect((await call(`get /v1/carts/${id}`)).body).to.deep.include({ status: 'submitted', total: GBP(1000) });
    await keep('shipping-methods/standard', {
      title: 'S',
      zones: [{ currency: 'EUR', by: 'flat', rates: [{ amount: 0 }] }],
    });
    expect((await call(`get /v1/carts/${id}`)).body).not.to.have.property('shippingProblem');
  });

  it('accept any method while they have no address', async () => {
    const zones = [{ countries: ['GB'], currency: 'GBP', by: 'flat', rates: [{ amount: 500 }] }];
    await keep('shipping-methods/express', { title: 'Express', zones });
    const { id } = (await call('post /v1/carts', { currency: 'GBP' })).body;
    const { body } = await call(`put /v1/carts/${id}/shipping-method`, { method: 'express' });
    expect(body).to.deep.include({ shippingMethod: 'express', shipping: GBP(0) });
  });

  it('lose no line and no address when several devices edit at once (vendure#2187, #2041, #3398)', async () => {
    const operation = fc.record({
      sku: fc.constantFrom('MUG', 'CUP', 'JUG'),
      quantity: fc.integer({ min: 1, max: 9 }),
      device: fc.nat({ max: 2 }),
    });
    await sell(shop, 'JUG', 700);
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 2, maxLength: 12 }), async (operations) => {
        const { id } = (await call('post /v1/carts', { currency: 'GBP' })).body;
        const devices = [shop, createShop({ log: shop.log }), createShop({ log: shop.log })];
        const edits = operations.map(({ device, ...body }) =>
          the(devices[device]).call(`post /v1/carts/${id}/lines`, { caller: ADA, body }),
        );
        const address = the(devices[1]).call(`put /v1/carts/${id}/shipping-address`, { caller: ADA, body: ADDRESS });
        await Promise.all([...edits, address]);
        const { body } = await call(`get /v1/carts/${id}`);
        const expected: Record<string, number> = {};
        for (const { sku, quantity } of operations) expected[sku] = (expected[sku] ?? 0) + quantity;
        const lines: { sku: string; quantity: number }[] = body.lines;
        expect(Object.fromEntries(lines.map(({ sku, quantity }) => [sku, quantity]))).to.deep.equal(expected);
        expect(lines).to.have.length(Object.keys(expected).length);
        expect(body.shippingAddress).to.deep.equal(ADDRESS);
      }),
      { numRuns: 20 },
    );
  });

  it('show the price with coupons, tax and shipping', async () => {
    await define('SPRING', { kind: 'percentage', basisPoints: 1_000 });
    await keep('tax-rates/gb', { country: 'GB', basisPoints: 2_000 });
    const zones = [{ currency: 'GBP', by: 'flat', rates: [{ amount: 500 }] }];
    await keep('shipping-methods/express', { title: 'Express', zones });
    const id = await fill(shop, { MUG: 2 });
    expect((await call(`put /v1/carts/${id}/shipping-method`, { method: 'express' })).body).to.deep.include({
      shipping: GBP(500),
      tax: GBP(300),
      total: GBP(1800),
    });
    const { body } = await call(`post /v1/carts/${id}/coupons/spring`);
    expect(body).to.deep.include({
      coupons: [{ code: 'SPRING', amount: GBP(100) }],
      subtotal: GBP(1000),
      discount: GBP(100),
      tax: GBP(280),
      includedTax: GBP(0),
      total: GBP(1680),
    });
    expect(body.lines[0]).to.deep.include({ total: GBP(1000), discount: GBP(100), tax: GBP(180) });
    expect((await call(`delete /v1/carts/${id}/coupons/SPRING`)).body).to.deep.include({
      coupons: [],
      total: GBP(1800),
    });
    await problemOf(call(`put /v1/carts/${id}/shipping-method`, { method: 'pigeon' }), 'rule_violated');
  });

  describe('with regional taxes', () => {
    const US = { ...ADDRESS, city: 'New York', postcode: '10001', country: 'US' };
    const send = (id: string, address: object) => call(`put /v1/carts/${id}/shipping-address`, address);
    const checkout = (id: string) => call(`post /v1/carts/${id}/checkout`, { paymentMethod: 'pm_card_visa' });

    it('are taxed by the region, given its code or its name', async () => {
      const { body } = await keep('tax-rates/us-ny', { country: 'US', region: 'New York', basisPoints: 1_000 });
      expect(body.region).to.equal('NY');
      const id = await fill(shop, { MUG: 2 });
      for (const region of ['NY', 'New York', 'us-ny', 'NEW YORK']) {
        const sent = (await send(id, { ...US, region })).body;
        expect(sent, region).to.deep.include({ tax: GBP(100), taxed: true });
        expect(sent.shippingAddress.region).to.equal('NY');
      }
      const elsewhere = (await send(id, { ...US, region: 'Ohio' })).body;
      expect(elsewhere).to.deep.include({ tax: GBP(0), taxed: false });
      expect((await checkout(id)).body).to.deep.include({ tax: GBP(0), taxed: false });
    });

    it('require a region if the tax depends on it, even if the rates are newer than the address', async () => {
      const german = { ...ADDRESS, city: 'Ulm', postcode: '89073', country: 'DE' };
      const id = await fill(shop, { MUG: 2 });
      await send(id, german);
      await problemOf(
        keep('tax-rates/de-by', { country: 'DE', region: 'Swabia', basisPoints: 1_000 }),
        'invalid_request',
      );
      await keep('tax-rates/de-by', { country: 'DE', region: 'Bayern', basisPoints: 1_000 });
      expect((await problemOf(checkout(id), 'rule_violated')).message).to.include('Tax in DE depends on the region');
      const { facts } = await problemOf(send(id, german), 'invalid_request');
      expect(facts.errors).to.have.nested.property('[0].pointer', '/region');
      await send(id, { ...german, region: 'by' });
      expect((await checkout(id)).body).to.deep.include({ tax: GBP(100), total: GBP(1100) });
    });

    it('say that an address is untaxed, and say nothing before there is an address', async () => {
      const { id } = (await call('post /v1/carts', { currency: 'GBP' })).body;
      expect((await call(`get /v1/carts/${id}`)).body).to.not.have.property('taxed');
      expect((await send(id, ADDRESS)).body.taxed).to.equal(false);
      await keep('tax-rates/gb', { country: 'GB', basisPoints: 0 });
      const { taxed, tax } = (await call(`get /v1/carts/${id}`)).body;
      expect({ taxed, tax }).to.deep.equal({ taxed: true, tax: GBP(0) });
    });
  });

  it('say why a coupon gives no discount, until it does', async () => {
    await define('MANY', { kind: 'amount', ...GBP(100), minimum: GBP(1_500) });
    const id = await fill(shop, { MUG: 2 });
    const { body } = await call(`post /v1/carts/${id}/coupons/MANY`);
    expect(body.coupons).to.deep.equal([{ code: 'MANY', amount: GBP(0), reason: 'below_minimum' }]);
    const more = await call(`post /v1/carts/${id}/lines`, { sku: 'MUG', quantity: 1 });
    expect(more.body.coupons).to.deep.equal([{ code: 'MANY', amount: GBP(100) }]);
  });

  it('say why a coupon cannot be used', async () => {
    const id = await fill(shop, { MUG: 2 });
    const refusalOf = async (code: string) =>
      (await problemOf(call(`post /v1/carts/${id}/coupons/${code}`), 'rule_violated')).message;
    await define('OVER', { kind: 'free_shipping', validUntil: '2020-01-01T00:00:00.000Z' });
    await define('GONE', { kind: 'free_shipping', limit: 1 });
    await redeem('GONE');
    expect(await refusalOf('NONE')).to.match(/no coupon NONE/);
    expect(await refusalOf('a%20b')).to.match(/no coupon/);
    await define('STRASSE', { kind: 'free_shipping' });
    expect(await refusalOf('stra%C3%9Fe')).to.match(/no coupon/);
    await problemOf(call(`delete /v1/carts/${id}/coupons/%C2%84`), 'not_found');
    expect(await refusalOf('OVER')).to.match(/no longer valid/);
    expect(await refusalOf('GONE')).to.match(/used up/);
    await problemOf(call(`post /v1/carts/${id}/coupons/OVER`, undefined, BOB), 'not_found');
  });
});
