// Recommendations on each profile, over HTTP: from orders, from views, without what cannot be bought, and forgotten with the person.
import { expect } from 'chai';
import { describeWith, freshName, type TestEngines } from './engines.js';
import {
  type Answer,
  type Caller,
  type Environment,
  endPrograms,
  eventually,
  expectProblem,
  type Guest,
  once,
  PROFILES,
  type RunningShop,
  startShop,
  type TestProfile,
} from './running-shop.js';

const TEST_TIMEOUT_MS = 120_000;
const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };

for (const profile of PROFILES) {
  describeWith(profile.engines, `Recommendations on the profile ${profile.name}`, function (engines) {
    this.timeout(TEST_TIMEOUT_MS);
    testRecommendations(profile, engines);
  });
}

interface Product {
  sku: string;
  id: string;
  path: string;
}

function testRecommendations(profile: TestProfile, engines: TestEngines): void {
  let environment: Environment;
  let shop: RunningShop;
  let keeper: Caller;

  before(async () => {
    environment = await profile.freshEnvironment(engines);
    shop = await startShop(environment, ['--empty']);
    keeper = await shop.staff('catalogue');
  });
  after(endPrograms);

  async function newProduct(category: string, units = 50): Promise<Product> {
    const sku = freshName('SKU').toUpperCase();
    const variants = [{ sku, prices: [{ amount: 1000, currency: 'GBP' }] }];
    const { body } = await keeper.post('/v1/products', { title: `Thing ${sku}`, categories: [category], variants });
    await keeper.post(`/v1/products/${body.id}/publish`);
    await keeper.post(`/v1/stock/${sku}/receipts`, { quantity: units }, once());
    return { sku, id: body.id, path: `/v1/products/${body.id}` };
  }

  async function buy(guest: Guest, lines: readonly { sku: string; quantity?: number }[]): Promise<void> {
    const path = `/v1/carts/${(await guest.post('/v1/carts', { currency: 'GBP' })).body.id}`;
    for (const { sku, quantity = 1 } of lines) await guest.post(`${path}/lines`, { sku, quantity });
    await guest.put(`${path}/shipping-address`, ADDRESS);
    await guest.put(`${path}/shipping-method`, { method: 'standard' });
    const { status, body } = await guest.post(`${path}/checkout`, { paymentMethod: 'pm_card_visa' }, once());
    expect(status, JSON.stringify(body)).to.equal(201);
  }

  const idsIn = ({ status, body }: Answer): string[] => {
    expect(status, JSON.stringify(body)).to.equal(200);
    return body.data.map(({ id }: { id: string }) => id);
  };

  it('shows what was bought together, until it is sold out or discontinued', async () => {
    const [mug, tea, pot, lamp] = [
      await newProduct('kitchen'),
      await newProduct('kitchen', 3),
      await newProduct('kitchen'),
      await newProduct('desk'),
    ];
    const guest = await shop.guest();
    await buy(guest, [mug, tea]);
    await buy(guest, [mug, tea, pot]);
    expect(idsIn(await guest.get(`${mug.path}/also-bought`))).to.deep.equal([tea.id, pot.id]);
    expect(idsIn(await guest.get(`${mug.path}/also-bought?limit=1`))).to.deep.equal([tea.id]);
    expect(idsIn(await guest.get(`${lamp.path}/also-bought`))).to.deep.equal([]);
    const trending = idsIn(await guest.get('/v1/recommendations/trending'));
    expect(trending).to.have.members([mug.id, tea.id, pot.id, lamp.id]);
    expect(trending[2], 'sold once').to.equal(pot.id);
    expect(idsIn(await guest.get('/v1/recommendations/trending?category=Desk'))).to.deep.equal([lamp.id]);

    await buy(guest, [{ sku: tea.sku }]);
    await eventually('the last tea is sold', async () => {
      expect(idsIn(await guest.get(`${mug.path}/also-bought`))).to.deep.equal([pot.id]);
      expect(idsIn(await guest.get('/v1/recommendations/trending'))).not.to.include(tea.id);
    });
    await keeper.post(`${pot.path}/discontinue`);
    expect(idsIn(await guest.get(`${mug.path}/also-bought`))).to.deep.equal([]);
    expectProblem(await guest.get(`${pot.path}/also-bought`), 404, 'not_found');
  });

  it('follows the views of a customer and of those who viewed the same, and forgets them with the person', async () => {
    const [hat, scarf, gloves, boots] = [
      await newProduct('winter'),
      await newProduct('winter'),
      await newProduct('winter'),
      await newProduct('winter'),
    ];
    const [ada, bob] = [await shop.guest(), await shop.guest()];
    const newcomer = idsIn(await bob.get('/v1/me/recommendations'));
    expect(newcomer, 'the best sellers').to.deep.equal(idsIn(await bob.get('/v1/recommendations/trending')));

    for (const { id } of [hat, boots, gloves])
      expect((await ada.post('/v1/me/views', { productId: id })).status).to.equal(202);
    await bob.post('/v1/me/views', { productId: hat.id });
    await eventually('it is recommended what Ada looked at next', async () => {
      const recommended = idsIn(await bob.get('/v1/me/recommendations?limit=2'));
      expect(recommended[0]).to.equal(boots.id);
      expect(recommended[1]).to.equal(gloves.id);
    });
    expect(idsIn(await bob.get('/v1/me/recommendations')), 'then other things').to.include(scarf.id);
    expect(idsIn(await shop.anybody().get(`${hat.path}/also-viewed`))).to.include.members([boots.id, gloves.id]);
    expect(
      (await ada.get('/v1/me/export')).body.views.map(({ productId }: { productId: string }) => productId),
    ).to.deep.equal([hat.id, boots.id, gloves.id]);

    expect((await ada.delete('/v1/customers/me')).status).to.equal(204);
    await eventually('her views are gone', async () => {
      const { body } = await ada.get('/v1/me/export');
      expect(body.views ?? body).to.deep.equal([]);
    });
  });

  it('refuses views of what is not there, and of nobody', async () => {
    const guest = await shop.guest();
    expectProblem(await guest.post('/v1/me/views', { productId: 'product_none' }), 404, 'not_found');
    expectProblem(await guest.post('/v1/me/views', {}), 400, 'invalid_request');
    expectProblem(await shop.anybody().post('/v1/me/views', { productId: 'product_none' }), 401, 'unauthenticated');
    expectProblem(await guest.get('/v1/recommendations/trending?limit=51'), 400, 'invalid_request');
    expectProblem(await guest.get('/v1/recommendations/trending?limit=x'), 400, 'invalid_request');
  });

  it('still recommends after a restart', async () => {
    const before = idsIn(await shop.anybody().get('/v1/recommendations/trending'));
    await shop.stop();
    shop = await startShop(environment, ['--empty']);
    expect(idsIn(await shop.anybody().get('/v1/recommendations/trending'))).to.deep.equal(before);
    await shop.stop();
  });
}
