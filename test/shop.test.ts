// The whole product on each profile, as guests and staff use it over HTTP.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { catalogue } from '../projections/models/catalogue.js';
import { physicalName } from '../projections/runtime/projection.js';
import { describeWith, freshName, type TestEngines } from './engines.js';
import {
  type Answer,
  type Caller,
  callerAt,
  commerce,
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
import { the } from './the.js';

/** Timeout of a test or hook: a start of the program and some tens of requests on a busy machine. */
const TEST_TIMEOUT_MS = 120_000;
const MAX_BODY_BYTES = 256 * 1024;
const CURL_LINES = /^ *curl .*$/gm;

const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };
const VISA = { paymentMethod: 'pm_card_visa' };

for (const profile of PROFILES) {
  describeWith(profile.engines, `The shop on the profile ${profile.name}`, function (engines) {
    this.timeout(TEST_TIMEOUT_MS);
    testShop(profile, engines);
  });
}

function testShop(profile: TestProfile, engines: TestEngines): void {
  let environment: Environment;
  let shop: RunningShop;
  let keeper: Caller;
  let support: Caller;
  /** The answers to the commands that the start prints. */
  let greeting: Answer['body'][];

  before(async () => {
    environment = await profile.freshEnvironment(engines);
    shop = await startShop(environment);
    greeting = await Promise.all(the(shop.program.stdout().match(CURL_LINES)).map(curled));
    [keeper, support] = await Promise.all([shop.staff('catalogue'), shop.staff('support')]);
  });

  after(endPrograms);

  it('prints three curl commands at the start that work unchanged', () => {
    expect(greeting).to.have.length(3);
    const [products, found, session] = greeting;
    expect(products.data).to.have.length(3);
    expect(found.data.map(({ title }: { title: string }) => title)).to.deep.equal(['Stoneware mug']);
    expect(session).to.include.keys('token', 'refreshToken', 'customerId').and.to.include({ guest: true });
  });

  it('sells two products to a guest', async () => {
    const guest = await shop.guest();
    const listed = await guest.get('/v1/products?category=desk');
    expect(listed.body.data.map(({ title }: { title: string }) => title)).to.have.members([
      'Dotted notebook',
      'Reading lamp',
    ]);
    const found = await guest.get('/v1/search?q=notebook');
    expect(found.body.data).to.have.length(1);
    expect(found.body.facets.category).to.deep.include({ value: 'desk', count: 1 });
    const page = await guest.get(`/v1/products/${found.body.data[0].id}`);
    expect(page.body.variants).to.deep.include({
      sku: 'NOTE-A5',
      prices: [
        { amount: 1450, currency: 'GBP' },
        { amount: 1710, currency: 'EUR' },
        { amount: 1860, currency: 'USD' },
      ],
      weight: 380,
      inStock: true,
    });

    const cart = `/v1/carts/${(await guest.post('/v1/carts', { currency: 'GBP' })).body.id}`;
    await guest.post(`${cart}/lines`, { sku: 'NOTE-A5', quantity: 1 });
    const filled = await guest.post(`${cart}/lines`, { sku: 'LAMP-BRASS', quantity: 1 });
    expect(filled.body.subtotal).to.deep.equal({ amount: 10_350, currency: 'GBP' });
    const changed = await guest.patch(`${cart}/lines/${filled.body.lines[0].id}`, { quantity: 3 });
    expect(changed.body.lines.map(({ quantity }: { quantity: number }) => quantity)).to.deep.equal([3, 1]);
    expect((await guest.put(`${cart}/shipping-address`, ADDRESS)).body.shippingAddress).to.deep.equal(ADDRESS);
    const methods = await guest.get(`${cart}/shipping-methods`);
    expect(methods.body.data.map(({ method }: { method: string }) => method)).to.include('standard');
    await guest.put(`${cart}/shipping-method`, { method: 'standard' });
    const { body: current } = await guest.get('/v1/carts/current');
    expect(`/v1/carts/${current.id}`).to.equal(cart);

    const key = { 'Idempotency-Key': 'two products' };
    const placed = await guest.post(`${cart}/checkout`, { ...VISA, email: 'ada@example.com' }, key);
    expect(placed.status).to.equal(201);
    expect(placed.body).to.include({ status: 'confirmed', paymentStatus: 'authorised', customerId: guest.customerId });
    expect(placed.body.shipping).to.deep.include({ amount: 595 });
    expect(placed.body.total).to.deep.equal({ amount: 3 * 1450 + 8900 + 595, currency: 'GBP' });
    expect(placed.body).to.deep.include({ shippingAddress: ADDRESS, email: 'ada@example.com' });
    expect(placed.headers.get('location')).to.equal(`/v1/orders/${placed.body.id}`);

    const replayed = await guest.post(`${cart}/checkout`, { ...VISA, email: 'ada@example.com' }, key);
    expect(replayed.status).to.equal(201);
    expect(replayed.body).to.deep.equal(placed.body);
    expect(replayed.headers.get('idempotency-replayed')).to.equal('true');
    expectProblem(await guest.post(`${cart}/checkout`, VISA, key), 422, 'idempotency_key_reused');

    expect((await guest.get(`/v1/orders/${placed.body.id}`)).body).to.deep.equal(placed.body);
    const own = await guest.get('/v1/orders');
    expect(own.body.data).to.deep.equal([placed.body]);
    expectProblem(await (await shop.guest()).get(`/v1/orders/${placed.body.id}`), 404, 'not_found');
    expectProblem(await (await shop.guest()).get(cart), 404, 'not_found');
    const { allocation, ...shown } = (await support.get(`/v1/orders/${placed.body.id}`)).body;
    expect(shown).to.deep.equal(placed.body);
    expect(allocation).to.deep.equal([
      { sku: 'LAMP-BRASS', location: 'main', quantity: 1 },
      { sku: 'NOTE-A5', location: 'main', quantity: 3 },
    ]);
    const numbered = await support.get(`/v1/orders?number=${placed.body.number}`);
    expect(numbered.body.data.map(({ id }: { id: string }) => id)).to.deep.equal([placed.body.id]);

    const seen = { 'Consistency-Token': the(placed.headers.get('consistency-token')) };
    const stockNow = async () => (await keeper.get('/v1/stock/LAMP-BRASS', seen)).body;
    expect(await stockNow()).to.include({ available: 5 });
    const level = { location: 'main', onHand: 6, reserved: 0, committed: 1, available: 5 };
    await eventually('the units are committed', async () =>
      expect(await stockNow()).to.deep.equal({ sku: 'LAMP-BRASS', locations: [level], available: 5 }),
    );
  });

  it('finds products by SKU, word and stem in any spelling, and answers any query', async () => {
    const brand = freshName('Maison E\u0301toile ');
    const made = new Map<string, string>();
    const titles = { 'To Be or Not': 100, 'ÉCLAIR “rose”': 300, 'Zebra mugs': undefined, 'apple mug': 200, Äpfel: 100 };
    for (const [title, amount] of Object.entries(titles)) {
      const price = amount === undefined ? { amount: 1, currency: 'EUR' } : { amount, currency: 'GBP' };
      const sku = title.startsWith('To') ? 'NO' : freshName('word').toUpperCase();
      const { body } = await keeper.post('/v1/products', { title, brand, variants: [{ sku, prices: [price] }] });
      const published = await keeper.post(`/v1/products/${body.id}/publish`);
      expect(published.status).to.equal(200);
      made.set(title, the(published.headers.get('consistency-token')));
    }
    const guest = await shop.guest();
    const found = async (query: Record<string, string>) => {
      const path = `/v1/search?${new URLSearchParams({ brand: brand.normalize('NFC').toUpperCase(), ...query })}`;
      for (const token of made.values()) await guest.get(path, { 'Consistency-Token': token });
      return (await guest.get(path)).body.data.map(({ title }: { title: string }) => title);
    };
    expect(await found({ q: 'to be or not' })).to.deep.equal(['To Be or Not']);
    expect(await found({ q: 'no' })).to.deep.equal(['To Be or Not']);
    expect(await found({ q: 'eclair' })).to.deep.equal(['ÉCLAIR “rose”']);
    expect(await found({ q: 'mug' })).to.deep.equal(['apple mug', 'Zebra mugs']);
    expect(await found({ q: 'MUGS' })).to.deep.equal(['Zebra mugs', 'apple mug']);
    const sorted = ['Äpfel', 'apple mug', 'ÉCLAIR “rose”', 'To Be or Not', 'Zebra mugs'];
    expect(await found({ sort: 'title' })).to.deep.equal(sorted);
    expect((await found({ sort: 'price' })).slice(2)).to.deep.equal(['apple mug', 'ÉCLAIR “rose”', 'Zebra mugs']);
    expect((await found({ sort: '-price' })).at(-1)).to.equal('Zebra mugs');
    for (const q of [
      "'",
      '\\',
      '%',
      '&|!():*<->',
      '"',
      '((',
      '\u0000',
      '?!',
      'x'.repeat(200),
      'AND OR NOT',
      '🎁',
      '  ',
    ]) {
      for (const name of ['q', 'category', 'brand']) {
        const { status } = await guest.get(`/v1/search?${new URLSearchParams({ [name]: q })}`);
        expect(status, `${name}=${q}`).to.be.oneOf([200, 400]);
      }
    }
  });

  it('tells a customer of the updates of an order, and of none to whom it does not belong', async () => {
    const { sku } = await newProduct({ units: 1 });
    const { token, customerId } = (await shop.anybody().post('/v1/sessions', {})).body;
    const guest = { ...callerAt(shop.url, token), customerId };
    const ordered = await guest.post(`${await readyCart(guest, sku)}/checkout`, VISA, once());
    const placed = ordered.body;
    const path = `/v1/orders/${placed.id}/updates`;
    expectProblem(await (await shop.guest()).get(path), 404, 'not_found');
    const going = new AbortController();
    const seen = the(ordered.headers.get('consistency-token'));
    const headers = { Authorization: `Bearer ${token}`, 'Consistency-Token': seen, Prefer: 'wait=30' };
    const { body: updates } = await fetch(shop.url + path, { headers, signal: going.signal });
    const reader = the(updates).pipeThrough(new TextDecoderStream()).getReader();
    const until = async (text: string) => {
      for (let read = ''; !read.includes(text); ) read += the((await reader.read()).value);
    };
    await until('"fulfilmentStatus":"not_fulfilled"');
    const planned = await support.post(`/v1/orders/${placed.id}/shipments`);
    await support.post(`/v1/shipments/${planned.body.id}/dispatch`);
    await until('"fulfilmentStatus":"fulfilled"');
    going.abort();
  });

  it('lists open work for support, equal to the single resources', async () => {
    const { sku } = await newProduct({ units: 3 });
    const guest = await shop.guest();
    const email = `${freshName('Ada')}@Example.com`;
    const { body: placed } = await guest.post(`${await readyCart(guest, sku)}/checkout`, { ...VISA, email }, once());
    const planned = await support.post(`/v1/orders/${placed.id}/shipments`);
    const seen = (answer: Answer) => ({ 'Consistency-Token': the(answer.headers.get('consistency-token')) });
    const listed = async (path: string, answer: Answer) => (await support.get(path, seen(answer))).body.data;
    expect(await listed('/v1/shipments?status=planned&limit=100', planned)).to.deep.include(planned.body);
    const sent = await support.post(`/v1/shipments/${planned.body.id}/dispatch`);
    expect(await listed('/v1/shipments?status=dispatched&limit=100', sent)).to.deep.include(sent.body);
    const units = { lines: [{ lineId: '1', quantity: 1, reason: 'torn' }] };
    const asked = await guest.post(`/v1/orders/${placed.id}/returns`, units);
    expect(await listed('/v1/returns?status=requested&limit=100', asked)).to.deep.include(asked.body);
    const refund = { amount: 100, reason: 'late' };
    const given = await support.post(`/v1/payments/${placed.paymentId}/refunds`, refund, once());
    const whose = { orderId: placed.id, paymentId: placed.paymentId };
    expect(await listed('/v1/refunds?status=refunded&limit=100', given)).to.deep.include({ ...given.body, ...whose });

    const ids = async (query: string) =>
      (await listed(`/v1/orders?${query}`, given)).map(({ id }: { id: string }) => id);
    expect(await ids(`email=${encodeURIComponent(email.toUpperCase())}`)).to.deep.equal([placed.id]);
    const statuses = 'status=completed&paymentStatus=partially_refunded&fulfilmentStatus=fulfilled';
    expect(await ids(statuses)).to.include(placed.id);
    expect(await ids('email=nobody@example.com')).to.deep.equal([]);
    for (const list of ['shipments', 'returns', 'refunds', 'orders?email=ada@example.com']) {
      expectProblem(await guest.get(`/v1/${list}`), 403, 'forbidden');
    }
  });

  it('reopens the cart when the card is declined', async () => {
    const { sku } = await newProduct({ units: 1 });
    const guest = await shop.guest();
    const cart = await readyCart(guest, sku);
    const declined = await guest.post(`${cart}/checkout`, { paymentMethod: 'pm_card_visa_chargeDeclined' }, once());
    expectProblem(declined, 402, 'payment_declined');
    expect(declined.body.declineCode).to.equal('generic_decline');
    const [rejected] = (await guest.get('/v1/orders')).body.data;
    expect(rejected).to.include({ status: 'rejected', paymentStatus: 'declined' });
    expect((await guest.get(cart)).body.status).to.equal('open');
    expect((await guest.post(`${cart}/checkout`, VISA, once())).status).to.equal(201);
  });

  it('rejects more units than are available, and reports how many are', async () => {
    const { sku } = await newProduct({ units: 2 });
    const guest = await shop.guest();
    const cart = await readyCart(guest, sku, 3);
    const short = await guest.post(`${cart}/checkout`, VISA, once());
    expectProblem(short, 409, 'out_of_stock');
    expect(short.body.available).to.deep.equal({ [sku]: 2 });
    const line = (await guest.get(cart)).body.lines[0];
    await guest.patch(`${cart}/lines/${line.id}`, { quantity: 2 });
    expect((await guest.post(`${cart}/checkout`, VISA, once())).status).to.equal(201);
  });

  it('sells the last unit once, to one of eight guests at the same moment', async () => {
    const { sku } = await newProduct({ units: 1 });
    const guests = await Promise.all(Array.from({ length: 8 }, () => shop.guest()));
    const carts = await Promise.all(guests.map((guest) => readyCart(guest, sku)));
    const answers = await Promise.all(guests.map((guest, n) => guest.post(`${carts[n]}/checkout`, VISA, once())));
    const sold = answers.filter(({ status }) => status === 201);
    expect(sold, JSON.stringify(answers.map(({ body }) => body.code))).to.have.length(1);
    for (const answer of answers) if (answer !== sold[0]) expectProblem(answer, 409, 'out_of_stock');

    const lists = await Promise.all(guests.map((guest) => guest.get('/v1/orders')));
    const confirmed = lists.flatMap(({ body }) => body.data).filter(({ status }) => status === 'confirmed');
    expect(confirmed.map(({ id }) => id)).to.deep.equal([the(sold[0]).body.id]);
    const seen = { 'Consistency-Token': the(sold[0]?.headers.get('consistency-token')) };
    const level = { location: 'main', onHand: 1, reserved: 0, committed: 1, available: 0 };
    await eventually('the unit is committed', async () =>
      expect((await keeper.get(`/v1/stock/${sku}`, seen)).body.locations).to.deep.equal([level]),
    );
  });

  it('requires consent to a price that has changed since the cart was filled', async () => {
    const { sku, path } = await newProduct({ units: 1, amount: 500 });
    const guest = await shop.guest();
    const cart = await readyCart(guest, sku);
    await keeper.put(`${path}/variants/${sku}/prices`, { prices: [{ amount: 700, currency: 'GBP' }] });
    const changed = await guest.post(`${cart}/checkout`, VISA, once());
    expectProblem(changed, 409, 'price_changed');
    const [was, now] = [500, 700].map((amount) => ({ amount, currency: 'GBP' }));
    expect(changed.body.changes).to.deep.equal([{ sku, was, now }]);
    const accepted = await guest.post(`${cart}/checkout`, { ...VISA, acceptPrices: true }, once());
    expect(accepted.status).to.equal(201);
    expect(accepted.body.subtotal).to.deep.equal(now);
    expect(accepted.body.total.amount).to.equal(the(now).amount + accepted.body.shipping.amount);
  });

  for (const [currency, price, shipping] of [
    ['JPY', 1_980, 550],
    ['BHD', 12_345, 1_500],
  ] as const) {
    it(`sells in ${currency}, from the price to the refund`, async () => {
      const money = (amount: number) => ({ amount, currency });
      const run = currency.toLowerCase();
      const sku = `YUNOMI-${currency}`;
      const japan = { ...ADDRESS, city: 'Shibuya', region: 'Tokyo', postcode: '150-0002', country: 'JP' };
      const { body: settings } = await keeper.get('/v1/shop');
      const variants = [{ sku, prices: [money(price)] }];
      const product = { id: `product_yunomi-${run}`, title: 'Yunomi', taxCategory: 'teaware', variants };
      expectProblem(await keeper.post('/v1/products', product), 400, 'invalid_request');
      const [currencies, countries] = [
        [currency, ...settings.currencies],
        [...settings.countries, 'JP'],
      ];
      expect((await keeper.put('/v1/shop', { ...settings, currencies, countries })).status).to.equal(200);
      const guest = await shop.guest();
      expect((await guest.get('/v1/config')).body).to.deep.include({ currencies, countries });

      await keeper.post('/v1/products', product);
      const published = await keeper.post(`/v1/products/${product.id}/publish`);
      const seen = { 'Consistency-Token': the(published.headers.get('consistency-token')) };
      const priced = `/v1/search?q=${sku}&price=${price}..${price}`;
      for (const search of [priced, `${priced}&currency=${currency}`]) {
        const found = await guest.get(search, seen);
        expect(found.body.data.map(({ id }: { id: string }) => id)).to.deep.equal([product.id]);
      }
      expect((await guest.get(`${priced}&currency=GBP`, seen)).body.data).to.deep.equal([]);
      await keeper.post(`/v1/stock/${sku}/receipts`, { quantity: 5 }, once());
      await keeper.put(`/v1/tax-rates/jp-${run}`, { country: 'JP', basisPoints: 1_000 });
      const zones = [{ countries: ['JP'], currency, by: 'flat', rates: [{ amount: shipping }] }];
      await keeper.put(`/v1/shipping-methods/air-${run}`, { title: 'Air', zones });

      const cart = `/v1/carts/${(await guest.post('/v1/carts', { currency })).body.id}`;
      await guest.post(`${cart}/lines`, { sku, quantity: 2 });
      expect((await guest.put(`${cart}/shipping-address`, japan)).body.shippingAddress.region).to.equal('13');
      const { body: filled } = await guest.put(`${cart}/shipping-method`, { method: `air-${run}` });
      const roundedTenth = (amount: number) => Math.round(amount / 10);
      const tax = roundedTenth(2 * price) + roundedTenth(shipping);
      const total = money(2 * price + shipping + tax);
      expect(filled).to.deep.include({ subtotal: money(2 * price), shipping: money(shipping), tax: money(tax), total });

      const placed = await guest.post(`${cart}/checkout`, { ...VISA, total }, once());
      expect(placed.status).to.equal(201);
      expect(placed.body.total).to.deep.equal(total);
      const order = `/v1/orders/${placed.body.id}`;
      const planned = await support.post(`${order}/shipments`, {});
      await support.post(`/v1/shipments/${planned.body.id}/dispatch`);
      const lines = [{ lineId: placed.body.lines[0].id, quantity: 1, reason: 'It is too small' }];
      const returned = await guest.post(`${order}/returns`, { lines });
      await support.post(`/v1/returns/${returned.body.id}/approve`);
      const received = await support.post(`/v1/returns/${returned.body.id}/receive`, {
        lines: [{ lineId: the(lines[0]).lineId, quantity: 1 }],
      });
      // The share of the first of two units is rounded down.
      const refund = money(price + Math.floor(roundedTenth(2 * price) / 2));
      expect(received.body.refund).to.deep.equal(refund);
      const payment = (await support.get(`/v1/payments/payment_${placed.body.id.slice('order_'.length)}`)).body;
      expect(payment).to.deep.include({ captured: total, refunded: refund });

      expect((await keeper.delete(`/v1/tax-rates/jp-${run}`)).status).to.equal(204);
      expect((await keeper.put('/v1/shop', settings)).body).to.deep.equal(settings);
      expectProblem(await guest.post('/v1/carts', { currency }), 400, 'invalid_request');
      const left = await guest.get(`${priced}&currency=${currency}`);
      expectProblem(left, 400, 'invalid_request');
      expect(left.body.errors[0].pointer).to.equal('?currency');
      expect(left.body.detail).to.include(`sells only in ${settings.currencies.join(', ')}`);
    });
  }

  it('names every wrong or unknown field', async () => {
    const guest = await shop.guest();
    const wrong = await guest.post('/v1/carts', { currency: 'XXX', colour: 'red' });
    expectProblem(wrong, 400, 'invalid_request');
    expect(wrong.body.errors.map(({ pointer }: { pointer: string }) => pointer)).to.have.members([
      '/currency',
      '/colour',
    ]);
    const nested = { title: 'Odd', variants: [{ sku: 'ODD-1', prices: [{ amount: 1.5, currency: 'GBP', vat: 1 }] }] };
    const pointers = (await keeper.post('/v1/products', nested)).body.errors.map(
      ({ pointer }: { pointer: string }) => pointer,
    );
    expect(pointers).to.have.members(['/variants/0/prices/0/amount', '/variants/0/prices/0/vat']);
    expectProblem(await guest.get('/v1/products?limit=0'), 400, 'invalid_request');
    expectProblem(await guest.get('/v1/products?after=nonsense'), 400, 'invalid_request');
    expectProblem(await guest.get('/v1/config', { 'Consistency-Token': 'nonsense' }), 400, 'invalid_request');
    expectProblem(await guest.post('/v1/carts', '{"currency":'), 400, 'invalid_request');
    expectProblem(await keeper.post('/v1/stock/MUG-BLUE/receipts', { quantity: 1 }), 400, 'invalid_request');
    expectProblem(await guest.get('/v1/nowhere'), 404, 'not_found');
  });

  it('rejects cursors of other lists, and invalid ones', async () => {
    const { paths } = (await keeper.get('/openapi.json')).body as { paths: Paths };
    const [ops, auditor] = await Promise.all([shop.staff('ops'), shop.staff('auditor')]);
    const lists: { caller: Caller; path: string; next?: string }[] = [];
    for (const [pattern, { get }] of Object.entries(paths)) {
      if (!get?.parameters?.some(({ name }) => name === 'after')) continue;
      const path = pattern.replaceAll(/{(\w+)}/g, (_, param) =>
        encodeURIComponent(exampleOf(the(get.parameters), param)),
      );
      for (const caller of [support, keeper, ops, auditor]) {
        const { status, body } = await caller.get(`${path}?limit=1`);
        if (status === 200) lists.push({ caller, path, ...(body.page.next && { next: body.page.next }) });
        if (status !== 403) break;
      }
    }
    const given = lists.flatMap(({ path, next }) => (next ? [{ path, next }] : []));
    expect(given.map(({ path }) => path)).to.include.members(['/v1/products', '/v1/search', '/v1/categories']);

    const inClear = ['["id","\\u0000"]', '["relevance",1e308,"x"]', '["movement",3000000000,1]', '[]', 'null', '{'];
    const odd = [...inClear.map((text) => Buffer.from(text).toString('base64url')), '', 'x', '%00', '%FF', 'a%20b'];
    for (const { caller, path, next } of lists) {
      const foreign = given.filter((other) => other.path !== path).map((other) => other.next);
      const changed = next ? [next.slice(0, -1), next.slice(1), `${next}A`, `${next}=`, next.toUpperCase()] : [];
      for (const after of [...odd, ...foreign, ...changed]) {
        const { status, body } = await caller.get(`${path}?after=${after}`);
        const told = { status, code: body.code, pointer: body.errors?.[0]?.pointer };
        const wanted = { status: 400, code: 'invalid_request', pointer: after === '%FF' ? told.pointer : '?after' };
        expect(told, `${path} ${after}`).to.deep.equal(wanted);
      }
      if (next) expect((await caller.get(`${path}?limit=2&after=${next}`)).status, path).to.equal(200);
    }
    const { next } = the(given.find(({ path }) => path === '/v1/search'));
    for (const asked of ['q=mug', 'sort=title', 'category=desk', 'inStock=true', 'currency=EUR'])
      expectProblem(await support.get(`/v1/search?${asked}&after=${next}`), 400, 'invalid_request');
  });

  it('accepts bodies of up to 256 KB', async () => {
    const session = (bytes: number) => {
      const empty = JSON.stringify({ refreshToken: '' });
      return JSON.stringify({ refreshToken: 'x'.repeat(bytes - empty.length) });
    };
    const anybody = shop.anybody();
    expectProblem(await anybody.post('/v1/sessions/refresh', session(MAX_BODY_BYTES)), 400, 'invalid_request');
    expectProblem(await anybody.post('/v1/sessions/refresh', session(MAX_BODY_BYTES + 1)), 413, 'too_large');
  });

  it('rejects a change of a product that has changed since it was read', async () => {
    const { path } = await newProduct({});
    const read = await keeper.get(path);
    const tag = { 'If-Match': the(read.headers.get('etag')) };
    const changed = await keeper.patch(path, { brand: 'Folio' }, tag);
    expect(changed.status).to.equal(200);
    expect(changed.headers.get('etag')).not.to.equal(tag['If-Match']);
    expectProblem(await keeper.patch(path, { brand: 'Moorland' }, tag), 412, 'version_mismatch');
    const after = await keeper.get(path);
    expect(after.body).to.include({ brand: 'Folio', version: read.body.version + 1 });
    const seen = (answer: Answer) => the(/^"v(\d+)-/.exec(the(answer.headers.get('etag'))))[1];
    expect(seen(after)).to.equal(seen(changed));
    const known = { 'If-None-Match': the(after.headers.get('etag')) };
    const again = await keeper.get(path, known);
    expect([again.status, again.headers.get('etag')]).to.deep.equal([304, known['If-None-Match']]);
    const weak = { 'If-Match': `W/${known['If-None-Match']}` };
    expectProblem(await keeper.patch(path, { brand: 'Moorland' }, weak), 412, 'version_mismatch');
    const either = { 'If-Match': `${tag['If-Match']}, ${known['If-None-Match']}` };
    expect((await keeper.patch(path, { brand: 'Moorland' }, either)).status).to.equal(200);
    expect((await keeper.get(path, known)).status).to.equal(200);
  });

  it('tells each reader of an order whether their view has changed', async () => {
    const { sku } = await newProduct({});
    const guest = await shop.guest();
    const { body: placed } = await guest.post(`${await readyCart(guest, sku)}/checkout`, VISA, once());
    const path = `/v1/orders/${placed.id}`;
    const known = async (caller: Caller) => ({ 'If-None-Match': the((await caller.get(path)).headers.get('etag')) });
    const before = await known(guest);
    expect((await guest.get(path, before)).status).to.equal(304);
    await support.post(`${path}/hold`, { reason: 'address' });
    const theirs = await known(support); // shows at least support's own changes
    const after = await guest.get(path, before);
    expect([after.status, after.body.held]).to.deep.equal([200, true]);
    const ours = await known(guest);
    expect((await support.get(path, theirs)).status).to.equal(304);
    const seen = await support.get(path, ours);
    expect([seen.status, seen.body.heldReason, seen.body.version]).to.deep.equal([200, 'address', after.body.version]);
  });

  it('replaces a coupon only if it exists, with `If-Match: *`', async () => {
    const path = `/v1/coupons/${freshName('C')
      .toUpperCase()
      .replaceAll(/[^A-Z0-9]/g, '')}`;
    const terms = { kind: 'percentage', basisPoints: 1000 };
    expectProblem(await keeper.put(path, terms, { 'If-Match': '*' }), 412, 'version_mismatch');
    expect((await keeper.put(path, terms)).status).to.equal(200);
    expect((await keeper.put(path, terms, { 'If-Match': '*' })).status).to.equal(200);
  });

  it('rejects the cancellation of an order that has changed since it was read', async () => {
    const { sku } = await newProduct({});
    const guest = await shop.guest();
    const { body: placed } = await guest.post(`${await readyCart(guest, sku)}/checkout`, VISA, once());
    const path = `/v1/orders/${placed.id}`;
    const read = await guest.get(path);
    const tag = { 'If-Match': the(read.headers.get('etag')) };
    expect(tag['If-Match'].startsWith(`"v${placed.version}-`)).to.equal(true);
    await support.post(`${path}/hold`, { reason: 'address' });
    expectProblem(await guest.post(`${path}/cancel`, {}, tag), 412, 'version_mismatch');
    const now = { 'If-Match': the((await support.get(path)).headers.get('etag')) };
    expect((await support.post(`${path}/cancel`, {}, now)).status).to.equal(200);
  });

  it('allows each caller only what their role allows', async () => {
    const anybody = shop.anybody();
    const guest = await shop.guest();
    expectProblem(await anybody.post('/v1/carts', { currency: 'GBP' }), 401, 'unauthenticated');
    expectProblem(await anybody.get('/v1/orders'), 401, 'unauthenticated');
    expectProblem(await anybody.get('/v1/stock/MUG-BLUE'), 401, 'unauthenticated');
    expectProblem(
      await anybody.get('/v1/products/product_mug', { Authorization: 'Bearer x.y.z' }),
      401,
      'unauthenticated',
    );
    const receipt = { quantity: 1 };
    expectProblem(await guest.post('/v1/stock/MUG-BLUE/receipts', receipt, once()), 403, 'forbidden');
    expectProblem(await guest.get('/v1/stock/MUG-BLUE'), 403, 'forbidden');
    expectProblem(await guest.post('/v1/products', {}), 403, 'forbidden');
    expectProblem(await support.post('/v1/stock/MUG-BLUE/receipts', receipt, once()), 403, 'forbidden');
    expectProblem(await keeper.get('/v1/orders'), 403, 'forbidden');
    expect((await support.get('/v1/stock/MUG-BLUE')).status).to.equal(200);
  });

  it('lists everything exactly once, page by page', async () => {
    const category = freshName('shelf');
    const made: Awaited<ReturnType<typeof newProduct>>[] = [];
    for (let n = 0; n < 7; n++) made.push(await newProduct({ category })); // at once, the last answer's token would not name them all
    const ids = made.map(({ id }) => id);
    for (const list of ['/v1/products?', '/v1/search?', '/v1/search?sort=title&', '/v1/search?sort=-price&']) {
      expect(await pagesOf(keeper, `${list}category=${category}&limit=3`), list).to.have.members(ids);
    }
    expect(await pagesOf(keeper, '/v1/categories?limit=2')).to.include.members(['desk', category, 'kitchen']);
    const guest = await shop.guest();
    const placed: string[] = [];
    for (const { sku } of made.slice(0, 3)) {
      const cart = await readyCart(guest, sku);
      placed.unshift((await guest.post(`${cart}/checkout`, VISA, once())).body.id);
    }
    expect(await pagesOf(guest, '/v1/orders?limit=2')).to.deep.equal(placed);
  });

  it("keeps the caller's request id", async () => {
    const { headers } = await shop.anybody().get('/v1/products', { 'X-Request-Id': 'mine-1' });
    expect(headers.get('x-request-id')).to.equal('mine-1');
  });

  it('answers the requests of browsers and operators', async () => {
    const anybody = shop.anybody();
    const openapi = await anybody.get('/openapi.json');
    expect(openapi.body.openapi).to.match(/^3\.1/);
    expect(Object.keys(openapi.body.paths)).to.include.members(['/v1/carts/{id}/checkout', '/v1/search']);
    const docs = await anybody.get('/docs');
    expect(docs.headers.get('content-type')).to.match(/^text\/html/);
    expect(docs.body).to.include('id="reference"');
    expect((await anybody.get('/healthz')).body).to.deep.equal({ status: 'up' });
    expect((await anybody.get('/readyz')).body).to.deep.equal({ status: 'ready' });
    expectProblem(await anybody.get('/metrics'), 401, 'unauthenticated');
    expectProblem(await support.get('/metrics'), 403, 'forbidden');
    const metrics = await (await shop.staff('ops')).get('/metrics');
    const counter = `commerce_projection_applied_commits_total{projection="${physicalName(catalogue)}"} `;
    expect(Number(metrics.body.split(counter)[1]?.split('\n')[0])).to.be.greaterThan(0);
  });

  it('prints tokens for people at this machine: one line, and nothing else', async () => {
    const { code, stdout, stderr } = await commerce(['token', '--role', 'ops'], environment);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    expect(stdout).to.match(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect((await commerce(['token', '--role', 'king'], environment)).code).to.equal(2);
    expect((await commerce(['token'], environment)).code).to.equal(2);
  });

  it('stops in order, and still has its orders after a restart', async () => {
    const before = await pagesOf(support, '/v1/orders?limit=100');
    await shop.stop();
    expect(shop.program.stdout()).to.match(/Stopped\.\n$/);
    // An engine may be slow on a busy machine; that is a warning.
    const trouble = shop.program
      .stderr()
      .split('\n')
      .filter((line) => !line.startsWith('{"level":40,'));
    expect(trouble).to.deep.equal(['']);
    shop = await startShop(environment);
    expect(shop.program.stdout()).not.to.include('sample shop');
    support = await shop.staff('support');
    expect(await pagesOf(support, '/v1/orders?limit=100')).to.deep.equal(before);
    await shop.stop();
  });

  // ── Helpers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  async function newProduct({ units = 1, amount = 1000, category = 'tests' }) {
    const sku = freshName('SKU').toUpperCase();
    const variants = [{ sku, prices: [{ amount, currency: 'GBP' }] }];
    const { body } = await keeper.post('/v1/products', { title: `Thing ${sku}`, categories: [category], variants });
    await keeper.post(`/v1/products/${body.id}/publish`);
    const received = await keeper.post(`/v1/stock/${sku}/receipts`, { quantity: units }, once());
    expect(received.body).to.include({ onHand: units, available: units });
    return { sku, id: body.id as string, path: `/v1/products/${body.id}` };
  }

  /** Returns its path. */
  async function readyCart(guest: Guest, sku: string, quantity = 1): Promise<string> {
    const cart = `/v1/carts/${(await guest.post('/v1/carts', { currency: 'GBP' })).body.id}`;
    await guest.post(`${cart}/lines`, { sku, quantity });
    await guest.put(`${cart}/shipping-address`, ADDRESS);
    const { body } = await guest.put(`${cart}/shipping-method`, { method: 'standard' });
    expect(body).to.include({ status: 'open', shippingMethod: 'standard' });
    return cart;
  }
}

interface Parameter {
  name: string;
  example?: string;
  schema?: { example?: string; examples?: string[] };
}

type Paths = Record<string, { get?: { parameters?: Parameter[] } }>;

function exampleOf(parameters: readonly Parameter[], wanted: string): string {
  const found = parameters.find(({ name }) => name === wanted);
  return found?.example ?? found?.schema?.example ?? found?.schema?.examples?.[0] ?? 'unknown';
}

/** The ids on all pages. */
async function pagesOf(caller: Caller, path: string): Promise<string[]> {
  const ids: string[] = [];
  for (let after = ''; ; ) {
    const { body } = await caller.get(path + after);
    ids.push(...body.data.map(({ id }: { id: string }) => id));
    if (!body.page.hasMore) return ids;
    after = `&after=${body.page.next}`;
  }
}

async function curled(line: string): Promise<Answer['body']> {
  const { stdout } = await promisify(execFile)('sh', ['-c', line.trim().replace('curl', 'curl -sS --fail')]);
  return JSON.parse(stdout);
}
