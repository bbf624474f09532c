import { expect } from 'chai';
import { createMemoryLog } from '../../infra/event-store/memory.js';
import { problemOf } from '../../test/call-endpoint.js';
import { ADA, ADDRESS, createShop, fill, KEEPER, type Shop, sell } from '../../test/shop.js';

const JAPAN = { currencies: ['JPY'], countries: ['JP'] };
const JPY = (amount: number) => ({ amount, currency: 'JPY' });
const variant = { sku: 'MUG', prices: [{ amount: 500, currency: 'GBP' }, JPY(900)] };

describe('The endpoints of the shop’s settings', () => {
  let shop: Shop;
  let now: number;
  const keep = (target: string, body?: unknown, of = shop) => of.call(target, { caller: KEEPER, body });
  const call = (target: string, body?: unknown) => shop.call(target, { caller: ADA, body });
  const configure = (changed: Partial<typeof JAPAN> = {}) => keep('put /v1/shop', { ...JAPAN, ...changed });
  const pointers = (problem: { facts: Record<string, unknown> }) =>
    (problem.facts.errors as { pointer: string }[]).map(({ pointer }) => pointer);

  beforeEach(() => {
    now = Date.now();
    shop = createShop({ clock: () => now });
  });

  it('store what they are given, and answer it', async () => {
    const { body, version } = await keep('get /v1/shop');
    expect((await keep('put /v1/shop', body)).version).to.equal(version);
    expect((await configure()).body).to.deep.equal(JAPAN);
    const shown = await keep('get /v1/shop');
    expect(shown.body).to.deep.equal(JAPAN);
    expect((await keep('put /v1/shop', shown.body)).version).to.equal(shown.version);
  });

  it('limit the currencies of prices', async () => {
    const rate = { currency: 'JPY', by: 'flat', rates: [{ amount: 1 }] };
    const refused: [target: string, body: unknown, pointers: string[]][] = [
      ['post /v1/products', { title: 'A mug', variants: [variant] }, ['/variants/0/prices/1/currency']],
      ['put /v1/products/product_CUP/variants/CUP', { prices: [JPY(1)] }, ['/prices/0/currency']],
      ['put /v1/products/product_CUP/variants/CUP/prices', { prices: [JPY(1)] }, ['/prices/0/currency']],
      ['put /v1/coupons/FEW', { kind: 'amount', amount: 1, currency: 'JPY' }, ['/currency']],
      ['put /v1/coupons/MIN', { kind: 'free_shipping', minimum: JPY(1) }, ['/minimum/currency']],
      ['put /v1/shipping-methods/air', { title: 'Air', zones: [rate] }, ['/zones/0/currency']],
    ];
    await sell(shop, 'CUP', 500);
    for (const [target, body, at] of refused) {
      const problem = await problemOf(keep(target, body), 'invalid_request');
      expect(pointers(problem), target).to.deep.equal(at);
      expect(problem.message).to.include('is JPY, but the shop sells only in GBP, EUR, USD');
    }
    await problemOf(call('post /v1/carts', { currency: 'JPY' }), 'invalid_request');
    await configure({ currencies: ['JPY', 'GBP'] });
    for (const [target, body] of refused) expect((await keep(target, body)).status, target).to.be.oneOf([200, 201]);
    expect((await call('post /v1/carts', { currency: 'JPY' })).status).to.equal(201);
  });

  it('limit the destinations of carts', async () => {
    const id = await fill(shop, {});
    const refused = call(`put /v1/carts/${id}/shipping-address`, { ...ADDRESS, country: 'NZ' });
    const problem = await problemOf(refused, 'invalid_request');
    expect(pointers(problem)).to.deep.equal(['/country']);
    expect(problem.message).to.include('NZ, but the shop sends only to GB, IE, FR, DE, US');
  });

  it('leave carts and prices in a removed currency as they are, and reject their orders', async () => {
    await sell(shop, 'MUG', 500);
    const id = await fill(shop, { MUG: 1 });
    await configure({ countries: ['GB'] });
    expect((await call(`get /v1/carts/${id}`)).body.total).to.deep.equal({ amount: 500, currency: 'GBP' });
    for (const refused of [
      call(`post /v1/carts/${id}/lines`, { sku: 'MUG', quantity: 1 }),
      call(`post /v1/carts/${id}/checkout`, { paymentMethod: 'pm_card_visa' }),
    ]) {
      const { message } = await problemOf(refused, 'rule_violated');
      expect(message).to.equal('The shop no longer sells in GBP; create a new cart in JPY.');
    }
  });

  it('reject orders to a removed country', async () => {
    await sell(shop, 'MUG', 500);
    const id = await fill(shop, { MUG: 1 });
    await configure({ currencies: ['GBP'] });
    const checkout = () => call(`post /v1/carts/${id}/checkout`, { paymentMethod: 'pm_card_visa' });
    expect((await call(`get /v1/carts/${id}`)).body.shippingAddress.country).to.equal('GB');
    const { message } = await problemOf(checkout(), 'rule_violated');
    expect(message).to.equal('The shop no longer sends to GB; use an address in JP.');
    await configure({ currencies: ['GBP'], countries: ['JP', 'GB'] });
    expect((await checkout()).status).to.equal(201);
  });

  it('reject nothing that another process has just allowed', async () => {
    const log = createMemoryLog();
    const [here, there] = [createShop({ log, clock: () => now }), createShop({ log, clock: () => now })];
    await problemOf(here.call('post /v1/carts', { caller: ADA, body: { currency: 'JPY' } }), 'invalid_request');
    await keep('put /v1/shop', JAPAN, there);
    expect((await here.call('post /v1/carts', { caller: ADA, body: { currency: 'JPY' } })).status).to.equal(201);
  });

  it('cost a busy shop one read in five seconds', async () => {
    let reads = 0;
    const counted = createShop({
      clock: () => now,
      through: (runner) => ({
        ...runner,
        load(decider, stream, options) {
          if (stream.startsWith('shop#')) reads++;
          return runner.load(decider, stream, options);
        },
      }),
    });
    const make = () => counted.call('post /v1/carts', { caller: ADA, body: { currency: 'GBP' } });
    for (let made = 0; made < 5; made++) await make();
    expect(reads).to.equal(1);
    now += 5_000;
    await make();
    expect(reads).to.equal(2);
  });
});
