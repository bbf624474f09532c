import { expect } from 'chai';
import { Unavailable } from '../../domain/kernel/errors.js';
import { plainViews } from '../../read-api/views.js';
import { callerOf, problemOf } from '../../test/call-endpoint.js';
import { createShop, KEEPER, type Shop, SUPPORT } from '../../test/shop.js';
import { the } from '../../test/the.js';
import { createTariffs } from './current-tariffs.js';
import { tariffEndpoints } from './tariffs.js';

const STANDARD = { id: 'standard', title: 'Standard delivery', zones: [] };
const UK = { country: 'GB', basisPoints: 2_000, included: true };
const EXPRESS = { title: 'Express', zones: [{ currency: 'GBP', by: 'flat', rates: [{ amount: 900 }] }] };

describe('The endpoints of tariffs', () => {
  let shop: Shop;
  const call = (target: string, body?: unknown) => shop.call(target, { caller: KEEPER, body });
  const list = async (table: string) => (await shop.call(`get /v1/${table}`, { caller: SUPPORT })).body.data;

  beforeEach(() => {
    shop = createShop();
  });

  it('set, show and remove tax rates', async () => {
    const { status, body, seen, version } = await call('put /v1/tax-rates/gb', UK);
    expect(status).to.equal(200);
    expect(body).to.deep.equal({ id: 'gb', ...UK });
    expect([...the(seen)]).to.deep.equal([['tax-table#shop', 1]]);
    expect((await call('put /v1/tax-rates/gb', UK)).version).to.equal(version);
    expect((await shop.call('get /v1/tax-rates', { caller: SUPPORT })).body).to.deep.equal({
      data: [{ id: 'gb', ...UK }],
      page: { next: null, hasMore: false },
    });
    expect(await call('delete /v1/tax-rates/gb')).to.include({ status: 204, body: undefined });
    expect((await call('delete /v1/tax-rates/gb')).status).to.equal(204);
    expect(await list('tax-rates')).to.deep.equal([]);
  });

  it('assume by default that prices exclude tax', async () => {
    const excluded = { country: 'US', basisPoints: 887.5 };
    const { body, version } = await call('put /v1/tax-rates/us', { ...excluded, included: false });
    expect(body).to.deep.equal({ id: 'us', ...excluded });
    expect((await call('put /v1/tax-rates/us', excluded)).version).to.equal(version);
  });

  it('refuse a second rate for the same place and category', async () => {
    await call('put /v1/tax-rates/gb', UK);
    await problemOf(call('put /v1/tax-rates/uk', UK), 'conflict');
  });

  it('set, show and remove shipping methods, but not `standard`', async () => {
    expect(await list('shipping-methods')).to.deep.equal([STANDARD]);
    expect((await call('put /v1/shipping-methods/express', EXPRESS)).body).to.deep.equal({ id: 'express', ...EXPRESS });
    expect(await list('shipping-methods')).to.deep.equal([STANDARD, { id: 'express', ...EXPRESS }]);
    expect((await call('delete /v1/shipping-methods/express')).status).to.equal(204);
    await problemOf(call('delete /v1/shipping-methods/standard'), 'rule_violated');
    await problemOf(call('delete /v1/shipping-methods/a%20b'), 'not_found');
    expect(await list('shipping-methods')).to.deep.equal([STANDARD]);
  });

  it('report every change, even one with an unknown outcome', async () => {
    let changes = 0;
    const tariffs = { changed: () => void changes++ };
    const settings = { refuseForeignMoney: async () => {} };
    const { runner } = shop;
    const kept = callerOf(tariffEndpoints({ runner, tariffs, settings, views: plainViews }));
    await kept('put /v1/tax-rates/gb', { caller: KEEPER, body: UK });
    await kept('delete /v1/tax-rates/gb', { caller: KEEPER });
    expect(changes).to.equal(2);
    const away = { ...runner, execute: () => Promise.reject(new Unavailable('The log', 'is away')) };
    const lost = callerOf(tariffEndpoints({ runner: away, tariffs, settings, views: plainViews }));
    await problemOf(lost('put /v1/tax-rates/gb', { caller: KEEPER, body: UK }), 'unavailable');
    expect(changes).to.equal(3);
  });
});

describe('The current tariffs', () => {
  let shop: Shop;
  let now: number;
  let loads: number;
  const open = () =>
    createTariffs({
      runner: {
        load(decider, stream) {
          loads++;
          return shop.runner.load(decider, stream);
        },
      },
      clock: () => now,
    });
  const setRate = () => shop.call('put /v1/tax-rates/gb', { caller: KEEPER, body: UK });

  beforeEach(() => {
    shop = createShop();
    now = 0;
    loads = 0;
  });

  it('are read once for all callers within five seconds', async () => {
    const tariffs = open();
    await Promise.all([tariffs.current(), tariffs.current()]);
    now = 4_999;
    await setRate();
    expect((await tariffs.current()).taxTable).to.deep.equal([]);
    expect(loads).to.equal(2);
    now = 5_000;
    expect((await tariffs.current()).taxTable).to.deep.equal([{ id: 'gb', ...UK }]);
    expect((await tariffs.current()).shippingTable).to.deep.equal([STANDARD]);
    expect(loads).to.equal(4);
  });

  it('are read again after a change made here, even during an older read', async () => {
    const tariffs = open();
    const before = tariffs.current();
    await setRate();
    tariffs.changed();
    const after = tariffs.current();
    await before;
    expect((await after).taxTable).to.have.length(1);
    expect((await tariffs.current()).taxTable).to.have.length(1);
  });

  it('are read again after a failed read', async () => {
    let away = true;
    const tariffs = createTariffs({
      runner: {
        load: (decider, stream) => (away ? Promise.reject(new Error('away')) : shop.runner.load(decider, stream)),
      },
      clock: () => now,
    });
    await tariffs.current().then(
      () => expect.fail('answered'),
      (error) => expect(error).to.have.property('message', 'away'),
    );
    away = false;
    expect((await tariffs.current()).taxTable).to.deep.equal([]);
  });
});
