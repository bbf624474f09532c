// A shop whose EventStoreDB is killed and comes back, while customers buy the last units.
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { describeWith, freshName } from '../engines.js';
import {
  type Answer,
  type Caller,
  commerce,
  type Environment,
  endPrograms,
  eventually,
  freshFolder,
  once,
  type RunningShop,
  startProgram,
  whenReady,
} from '../running-shop.js';
import { type EventStoreDbServer, startEventStoreDbServer } from './server.js';

const TIMEOUT_MS = 300_000;
const UNITS = 10;
const GUESTS = 14;
const ADDRESS = {
  name: 'Ada Lovelace',
  line1: '12 St James Square',
  city: 'London',
  postcode: 'SW1Y 4JH',
  country: 'GB',
};

/** Part of `npm run test:eventstoredb` alone. */
const describeOutages: typeof describeWith = process.env.TEST_EVENT_STORE ? describeWith : () => {};

describeOutages(['postgres'], 'A shop whose EventStoreDB is killed', function (engines) {
  this.timeout(TIMEOUT_MS);
  let server: EventStoreDbServer;
  let environment: Environment;
  let shop: RunningShop;
  let keeper: Caller;

  before(async () => {
    server = await startEventStoreDbServer();
    environment = {
      COMMERCE_DATA: await freshFolder(),
      DATABASE_URL: await engines.freshDatabase(),
      COMMERCE_EVENT_STORE: 'eventstoredb',
      EVENTSTORE_URL: server.url,
      COMMERCE_LOG: 'silent',
    };
  });
  after(async () => {
    await endPrograms();
    server.kill();
  });

  it('says at the start what does not answer, and starts when it does', async () => {
    server.kill();
    const program = await startProgram(['start', '--port', '0', '--empty'], environment);
    const complaint = /EventStoreDB at 127\.0\.0\.1:\d+ does not answer/;
    await eventually('it complains', () => expect(program.stdout()).to.match(complaint));
    await server.start();
    shop = await whenReady(program, environment);
    keeper = await shop.staff('catalogue');
  });

  it('is not ready meanwhile, answers 503, and is ready again afterwards', async () => {
    server.kill();
    const away = await eventually('it is not ready', async () => {
      const answer = await shop.anybody().get('/readyz');
      expect(answer.status).to.equal(503);
      return answer;
    });
    expect(away.body.away).to.deep.equal(['EventStoreDB']);
    const guest = await keeper.post('/v1/products', { id: 'product_x', title: 'X', variants: [] }, once());
    expect(guest.status).to.be.oneOf([503, 422]);
    await server.start();
    await eventually('it is ready', async () => expect((await shop.anybody().get('/readyz')).status).to.equal(200));
  });

  it('loses no order, makes none twice, and sells no unit twice', async () => {
    const sku = await newProduct();
    let requests = 0;
    server.inject((method) => {
      if (method !== 'append') return undefined;
      requests++;
      return requests % 11 === 0 ? 'unavailable' : requests % 13 === 0 ? 'reply lost' : undefined;
    });
    let isOver = false;
    const killing = (async () => {
      for (let kill = 0; kill < 4 || !isOver; kill++) {
        await delay(700);
        server.kill();
        await delay(150);
        await server.start();
        if (isOver) break;
      }
    })();
    const guests = await Promise.all(Array.from({ length: GUESTS }, () => untilAnswered(() => shop.guest())));
    const outcomes = await Promise.all(guests.map((guest) => buyOne(guest, sku)));
    isOver = true;
    await killing;
    server.inject(() => undefined);

    const sold = outcomes.filter(({ status }) => status < 300);
    const refusals = outcomes.filter(({ status }) => status >= 300);
    expect(sold).to.have.length(UNITS);
    expect(refusals.map(({ body }) => body.code)).to.deep.equal(refusals.map(() => 'out_of_stock'));
    expect(new Set(sold.map(({ body }) => body.id)).size).to.equal(UNITS);
    const support = await shop.staff('support');
    await eventually('the read models show every order, once', async () => {
      const { body } = await support.get('/v1/orders?limit=100');
      const listed = body.data.filter(({ status }: { status: string }) => status === 'confirmed');
      expect(listed.map(({ id }: { id: string }) => id)).to.have.members(sold.map(({ body: order }) => order.id));
      const stock = (await keeper.get(`/v1/stock/${sku}`)).body.locations[0];
      expect(stock).to.include({ onHand: UNITS, available: 0 });
    });
    await shop.stop();
  });

  it('is examined by doctor, which names the variable if it has no value', async () => {
    const examined = await commerce(['doctor', '--json'], environment);
    expect(examined, examined.stderr).to.include({ code: 0 });
    const { EVENTSTORE_URL: _, ...without } = environment;
    const { code, stdout } = await commerce(['doctor', '--json'], without);
    expect(code).to.equal(1);
    expect(stdout).to.include('no address of eventstoredb (EVENTSTORE_URL); set the variable');
    const refused = await commerce(['start', '--port', '0'], { ...environment, EVENTSTORE_URL: 'http://127.0.0.1:1' });
    expect(refused.stderr).to.match(/^commerce: EVENTSTORE_URL: must be an address that starts with esdb:/);
  });

  async function newProduct(): Promise<string> {
    const sku = freshName('SKU').toUpperCase();
    const id = `product_${sku}`;
    const variants = [{ sku, prices: [{ amount: 1_000, currency: 'GBP' }] }];
    await keeper.post('/v1/products', { id, title: 'The last units', variants }, once());
    await keeper.post(`/v1/products/${id}/publish`, undefined, once());
    await keeper.post(`/v1/stock/${sku}/receipts`, { quantity: UNITS }, once());
    return sku;
  }

  /** Each request is repeated with its key until it is answered. */
  async function buyOne(guest: Caller, sku: string): Promise<Answer> {
    const send = (method: 'post' | 'put', path: string, body: unknown) => {
      const key = once();
      return untilAnswered(() => guest[method](path, body, key));
    };
    const { body: cart } = await send('post', '/v1/carts', { currency: 'GBP' });
    const path = `/v1/carts/${cart.id}`;
    await send('post', `${path}/lines`, { sku, quantity: 1 });
    await send('put', `${path}/shipping-address`, ADDRESS);
    await send('put', `${path}/shipping-method`, { method: 'standard' });
    return send('post', `${path}/checkout`, { paymentMethod: 'pm_card_visa', email: 'ada@example.com' });
  }
});

/** Sends again while the answer is 503, as the shop asks for. */
async function untilAnswered<T>(send: () => Promise<T>): Promise<T> {
  for (;;) {
    const answer = await send();
    if ((answer as Partial<Answer>).status !== 503) return answer;
    await delay(200);
  }
}
