// Engines that do not answer at the start, or stop answering later. No acknowledged change is lost, requests without the engine
// continue, and everything recovers by itself.
import { join } from 'node:path';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { openPostgres, type RunningPostgres } from '../infra/engines/embedded-postgres.js';
import { STORE_GENERATION } from '../infra/stores/store.js';
import { catalogue } from '../projections/models/catalogue.js';
import { productPage } from '../projections/models/product-page.js';
import { productSearch } from '../projections/models/product-search.js';
import { physicalName } from '../projections/runtime/projection.js';
import { describeWith, freshName } from './engines.js';
import { everyOr } from './every-case.js';
import { processesOfPostgres } from './processes-of-postgres.js';
import {
  type Answer,
  type Caller,
  type Environment,
  endPrograms,
  eventually,
  freshFolder,
  freshPort,
  type Guest,
  PROFILES,
  type RunningShop,
  startProgram,
  startShop,
  stopInOrder,
  whenReady,
} from './running-shop.js';
import { createTcpProxy, type TcpProxy } from './tcp-proxy.js';
import { the } from './the.js';

/** Timeout of a test or hook on a busy machine. An idle one needs some seconds. */
const TEST_TIMEOUT_MS = 180_000;

/** Guests who place orders one after the other, while the engine stops and recovers. */
const BUYERS = 4;
const ORDERS_BEFORE = 8;
const ORDERS_AFTER = 8;

/** Within this time a purchase shows in the read models, on a busy machine. An idle one needs some tenths of a second. */
const NORMAL_MS = 15_000;

/**
 * Changes whose longest lag is compared, and by how much it may differ on a busy machine beyond twice the usual one. A request to a
 * store that hangs is abandoned after 5 or 10 s.
 */
const CHANGES = 4;
const NOISE_MS = 1_500;

/** For requests that need not wait. */
const AT_ONCE = { Prefer: 'wait=0' };
const VISA = { paymentMethod: 'pm_card_visa' };
const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };

const SECRET = /:[^:@/]+@/;

describeWith([], 'A shop whose Postgres stops answering', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let postgres: RunningPostgres;
  let dataDir: string;
  let port: number;
  let environment: Environment;

  const bringUp = async () => {
    postgres = await openPostgres({ dataDir, port });
  };

  before(async () => {
    const folder = await freshFolder();
    dataDir = join(folder, 'postgres');
    port = await freshPort();
    await bringUp();
    environment = {
      COMMERCE_PROFILE: 'embedded',
      COMMERCE_DATA: folder,
      DATABASE_URL: postgres.url,
      COMMERCE_LOG: 'silent',
    };
  });

  after(async () => {
    await postgres.stop();
    await endPrograms();
  });

  it('names it without its password while it does not answer at the start, retries, and starts when it answers', async () => {
    await postgres.stop();
    const program = await startProgram(['start', '--port', '0'], environment);
    const complaint = `Postgres at 127.0.0.1:${port}/commerce does not answer`;
    await eventually('it has tried twice', () => expect(program.stdout().split(complaint)).to.have.length.above(2));
    expect(program.stdout())
      .to.include('ECONNREFUSED')
      .and.to.match(/trying again every \d+ s/);
    expect(program.output()).not.to.match(SECRET);
    await bringUp();
    const shop = await whenReady(program, environment);
    expect((await shop.anybody().get('/readyz')).status).to.equal(200);
    await shop.stop();
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`ends at once on ${signal} while it waits for it`, async () => {
      await postgres.stop();
      const program = await startProgram(['start', '--port', '0'], environment);
      await eventually('it waits', () => expect(program.stdout()).to.include('does not answer'));
      await stopInOrder(program, signal);
      expect(program.stdout()).to.match(/\nStopped\.\n$/);
      expect(program.stderr()).to.equal('');
      await bringUp();
    });
  }

  it('loses no acknowledged change, answers 503 for the rest, and recovers by itself', async () => {
    const shop = await startShop(environment);
    const keeper = await shop.staff('catalogue');
    const support = await shop.staff('support');
    const sku = await newProduct(keeper);
    const buyers = await Promise.all(Array.from({ length: BUYERS }, () => shop.guest()));

    const bought: Purchase[] = [];
    let refusals = 0;
    let enough = false;
    const buying = Promise.all(
      buyers.map(async (buyer) => {
        while (!enough) bought.push(await buy(buyer, sku, () => refusals++));
      }),
    );
    await eventually('orders are placed', () => expect(bought).to.have.length.at.least(ORDERS_BEFORE));

    await postgres.stop();
    const away = await eventually('it is not ready', async () => {
      const answer = await shop.anybody().get('/readyz');
      expect(answer.status).to.equal(503);
      return answer;
    });
    expect(away.body).to.deep.include({ code: 'unavailable', away: ['Postgres'] });
    expect((await shop.anybody().get('/healthz')).status).to.equal(200);
    expectUnavailable(await the(buyers[0]).post('/v1/carts', { currency: 'GBP' }));
    expectUnavailable(await the(buyers[0]).get('/v1/orders', AT_ONCE));
    await eventually('a buyer gets 503', () => expect(refusals).to.be.above(0));

    await bringUp();
    const boughtBefore = bought.length;
    await eventually('it is ready again', async () =>
      expect((await shop.anybody().get('/readyz')).status).to.equal(200),
    );
    await eventually('orders are placed again', () =>
      expect(bought).to.have.length.at.least(boughtBefore + ORDERS_AFTER),
    );
    enough = true;
    await buying;

    for (const buyer of buyers) {
      const own = bought.filter(({ customerId }) => customerId === buyer.customerId).map(({ orderId }) => orderId);
      expect((await idsOf(buyer)).sort()).to.deep.equal(own.sort());
    }
    await eventually('all units are committed', async () => {
      const { body } = await support.get(`/v1/stock/${sku}`, { 'Consistency-Token': the(bought.at(-1)).seen });
      expect(body.locations[0]).to.include({ reserved: 0, committed: bought.length });
    });
    await shop.stop();
  });

  it('stops in order while it does not answer', async () => {
    const shop = await startShop(environment);
    await postgres.stop();
    await eventually('it is not ready', async () => expect((await shop.anybody().get('/readyz')).status).to.equal(503));
    await shop.stop();
    await bringUp();
  });
});

const aws = the(PROFILES.find(({ name }) => name === 'aws'));

describeWith(aws.engines, 'A shop on the profile aws with an engine that stops answering', function (engines) {
  this.timeout(TEST_TIMEOUT_MS);
  let proxies: Record<'postgres' | 'aws' | 'mongodb' | 'opensearch' | 'redis', TcpProxy>;
  let environment: Environment;
  let shop: RunningShop;
  let keeper: Caller;
  let product: { sku: string; path: string };

  before(async () => {
    const fresh = await aws.freshEnvironment(engines);
    proxies = {
      postgres: await createTcpProxy(fresh.DATABASE_URL!),
      aws: await createTcpProxy(engines.aws()),
      mongodb: await createTcpProxy(engines.mongodb()),
      opensearch: await createTcpProxy(engines.opensearch()),
      redis: await createTcpProxy(engines.redis()),
    };
    environment = {
      ...fresh,
      DATABASE_URL: proxies.postgres.url,
      AWS_ENDPOINT_URL: proxies.aws.url,
      MONGODB_URL: proxies.mongodb.url,
      OPENSEARCH_URL: proxies.opensearch.url,
      REDIS_URL: proxies.redis.url,
      COMMERCE_LOG: 'silent',
    };
  });

  after(async () => {
    await endPrograms();
    await Promise.all(Object.values(proxies).map((proxy) => proxy.cut()));
  });

  it('waits for the log and names it, starts without the other engines, and opens them when they answer', async () => {
    await Promise.all(Object.values(proxies).map((proxy) => proxy.cut()));
    const program = await startProgram(['start', '--port', '0'], environment);
    const says = (text: string) => eventually(text, () => expect(program.stdout()).to.include(text));
    await says(`DynamoDB at ${new URL(proxies.aws.url).host} does not answer`);
    await proxies.aws.mend();
    shop = await whenReady(program, environment);
    expect((await shop.anybody().get('/readyz')).status).to.equal(200);
    const { aws: _, ...others } = proxies;
    const readModelEngines = ['Postgres', 'MongoDB', 'OpenSearch', 'Redis'];
    for (const engine of readModelEngines) expect(program.stdout().split(`${engine}: `), engine).to.have.length(2);
    await Promise.all(Object.values(others).map((proxy) => proxy.mend()));
    for (const engine of readModelEngines) await says(`${engine} answers now`);
    expect(program.output()).not.to.match(SECRET);
    keeper = await shop.staff('catalogue');
    const sku = await newProduct(keeper);
    product = { sku, path: `/v1/products/${productOf(sku)}` };
    await eventually('nothing is degraded', async () =>
      expect((await shop.anybody().get('/readyz')).body).to.deep.equal({ status: 'ready' }),
    );
  });

  const readModels = [
    { engine: 'Redis', proxy: 'redis', projection: physicalName(productPage), query: () => product.path },
    {
      engine: 'MongoDB',
      proxy: 'mongodb',
      projection: physicalName(catalogue),
      query: () => '/v1/products?category=tests',
    },
    {
      engine: 'OpenSearch',
      proxy: 'opensearch',
      projection: physicalName(productSearch),
      query: () => `/v1/search?q=${product.sku}`,
    },
  ] as const;

  for (const [turn, { engine, proxy, projection, query }] of readModels.entries()) {
    it(`sells without ${engine}, answers 503 for its queries, and shows the data after it recovers`, async () => {
      const others = readModels.filter((model) => model.engine !== engine);
      await proxies[proxy].cut();
      await eventually('it says so', async () => {
        const { status, body } = await shop.anybody().get('/readyz');
        expect({ status, state: body.status }).to.deep.equal({ status: 200, state: 'ready' });
        expect(body.degraded).to.include(engine);
      });
      expectUnavailable(await shop.anybody().get(query(), AT_ONCE));

      const price = { amount: 2_000 + turn, currency: 'GBP' };
      const changed = await keeper.put(`${product.path}/variants/${product.sku}/prices`, { prices: [price] });
      expect(changed.status).to.equal(200);
      await eventually('it names the waiting projections', async () => {
        const { body } = await shop.anybody().get('/readyz');
        expect(body.degraded).to.include(projection);
        const waiting = body.standingStill.map(({ since, ...rest }: { since: string }) => rest);
        expect(waiting).to.deep.include({ projection, waitsFor: engine });
      });
      const guest = await shop.guest();
      const { orderId, refusals } = await buy(guest, product.sku);
      expect(refusals).to.equal(0);
      expect(await idsOf(guest)).to.deep.equal([orderId]);
      for (const other of others)
        expect(pricesIn(await keeper.get(other.query())), other.engine).to.deep.equal([price]);

      await proxies[proxy].mend();
      await eventually('nothing is degraded', async () =>
        expect((await shop.anybody().get('/readyz')).body).to.deep.equal({ status: 'ready' }),
      );
      const seen = { 'Consistency-Token': the(changed.headers.get('consistency-token')) };
      await eventually('it has caught up', async () =>
        expect(pricesIn(await shop.anybody().get(query(), seen))).to.deep.equal([price]),
      );
    });
  }

  for (const [turn, { engine, proxy }] of [
    ...readModels,
    { engine: 'Postgres', proxy: 'postgres' } as const,
  ].entries()) {
    it(`delays no other store while ${engine} hangs`, async () => {
      const guest = await shop.guest();
      const price = { amount: 3_000 + turn, currency: 'GBP' };
      proxies[proxy].freeze();
      try {
        const began = performance.now();
        const changed = await keeper.put(`${product.path}/variants/${product.sku}/prices`, { prices: [price] });
        expect(changed.status).to.equal(200);
        for (const other of readModels.filter((model) => model.engine !== engine)) {
          await eventually(`${other.engine} shows it`, async () =>
            expect(pricesIn(await shop.anybody().get(other.query(), AT_ONCE))).to.deep.equal([price]),
          );
        }
        if (engine !== 'Postgres') {
          const { orderId } = await buy(guest, product.sku);
          await eventually('Postgres shows the order', async () =>
            expect(await idsOf(guest, AT_ONCE)).to.deep.equal([orderId]),
          );
        }
        // A request to a store that hangs is abandoned after 5 or 10 s.
        expect(performance.now() - began).to.be.below(NORMAL_MS);
      } finally {
        proxies[proxy].thaw();
      }
      await eventually('it is ready again', async () =>
        expect((await shop.anybody().get('/readyz')).status).to.equal(200),
      );
      for (const model of readModels) {
        await eventually(`${model.engine} shows it`, async () =>
          expect(pricesIn(await shop.anybody().get(model.query(), AT_ONCE))).to.deep.equal([price]),
        );
      }
    });
  }

  it('answers queries without DynamoDB and Kinesis, and accepts commands again when they are back', async () => {
    const guest = await shop.guest();
    await buy(guest, product.sku);
    const orders = await idsOf(guest);
    await proxies.aws.cut();
    await eventually('it says so', async () => {
      const { status, body } = await shop.anybody().get('/readyz');
      expect({ status, away: body.away }).to.deep.equal({ status: 503, away: ['DynamoDB'] });
      expect(body.degraded).to.include('Kinesis');
    });
    expectUnavailable(await guest.post('/v1/carts', { currency: 'GBP' }));
    expectUnavailable(await shop.anybody().post('/v1/sessions', {}));
    for (const { query } of readModels) expect((await shop.anybody().get(query())).status).to.equal(200);

    await proxies.aws.mend();
    await eventually('it is ready again', async () =>
      expect((await shop.anybody().get('/readyz')).status).to.equal(200),
    );
    orders.unshift((await buy(guest, product.sku)).orderId);
    expect(await idsOf(guest)).to.deep.equal(orders);
    await shop.stop();
  });

  const starts = (['cut', 'freeze'] as const).flatMap((fault) =>
    [...readModels, { engine: 'Postgres', proxy: 'postgres', query: () => `/v1/stock/${product.sku}` } as const].map(
      (store) => ({ ...store, fault }),
    ),
  );
  const few = starts.filter(({ engine, fault }) => engine === (fault === 'cut' ? 'Postgres' : 'OpenSearch'));
  for (const { engine, proxy, query, fault } of everyOr(starts, few)) {
    it(`starts and sells without ${engine} (${fault}), and opens it when it answers`, async () => {
      const mend = fault === 'cut' ? proxies[proxy].mend : proxies[proxy].thaw;
      const amount = 5_000 + starts.findIndex((each) => each.engine === engine && each.fault === fault);
      await proxies[proxy][fault]();
      try {
        const program = await startProgram(['start', '--port', '0'], environment);
        shop = await whenReady(program, environment);
        const away = `${engine}: ${new URL(proxies[proxy].url).host}`;
        expect(program.stdout().split(away), program.stdout()).to.have.length(2);
        const { status, body } = await shop.anybody().get('/readyz');
        expect({ status, state: body.status }).to.deep.equal({ status: 200, state: 'ready' });
        expect(body.degraded).to.include(engine);

        keeper = await shop.staff('catalogue');
        expectUnavailable(await keeper.get(query(), AT_ONCE));
        const prices = [{ amount, currency: 'GBP' }];
        const changed = await keeper.put(`${product.path}/variants/${product.sku}/prices`, { prices });
        expect(changed.status).to.equal(200);
        const guest = await shop.guest();
        const { orderId, refusals } = await buy(guest, product.sku);
        expect(refusals).to.equal(0);
        for (const other of readModels.filter((model) => model.engine !== engine)) {
          await eventually(`${other.engine} shows it`, async () =>
            expect(pricesIn(await keeper.get(other.query(), AT_ONCE))).to.deep.equal(prices),
          );
        }
        if (engine !== 'Postgres') expect(await idsOf(guest)).to.deep.equal([orderId]);

        await mend();
        await eventually('it is told', () => expect(program.stdout()).to.include(`${engine} answers now`));
        for (const model of readModels) {
          await eventually(`${model.engine} shows it`, async () =>
            expect(pricesIn(await keeper.get(model.query(), AT_ONCE))).to.deep.equal(prices),
          );
        }
        expect(await idsOf(guest)).to.deep.equal([orderId]);
        await eventually('nothing is degraded', async () =>
          expect((await shop.anybody().get('/readyz')).body).to.deep.equal({ status: 'ready' }),
        );
      } finally {
        await mend();
      }
      await shop.stop();
    });
  }

  it('does not use a store of another shop that comes later, says why, and takes its own one', async () => {
    const { address } = await engines.freshEngine('redis');
    const other = new Redis(address);
    const mark = { generation: STORE_GENERATION, log: 'another', key: '', eventStore: 'dynamodb' };
    await other.set(`${environment.COMMERCE_NAMESPACE}:store_mark`, JSON.stringify(mark));
    other.disconnect();
    await proxies.redis.cut();
    const program = await startProgram(['start', '--port', '0'], environment);
    shop = await whenReady(program, environment);
    await proxies.redis.mend(address);
    await eventually('it says why', () =>
      expect(program.stdout()).to.match(/Redis is not used: Redis at .* has data of a different log than the one in/),
    );
    const { status, body } = await shop.anybody().get('/readyz');
    expect(status).to.equal(200);
    expect(body.degraded).to.include('Redis');
    expectUnavailable(await shop.anybody().get(product.path, AT_ONCE));
    await proxies.redis.cut();
    await proxies.redis.mend(engines.redis());
    await eventually('it is told', () => expect(program.stdout()).to.include('Redis answers now'));
    expect((await shop.anybody().get(product.path)).status).to.equal(200);
    await shop.stop();
  });
});

describeWith(aws.engines, 'A shop on the profile aws with an engine that is frozen by SIGSTOP', function (engines) {
  this.timeout(2 * TEST_TIMEOUT_MS);
  /** The processes of each engine. */
  const processes = new Map<string, () => Promise<number[]>>();
  const frozen = new Set<number>();
  let postgres: RunningPostgres;
  let shop: RunningShop;
  let keeper: Caller;
  let sku: string;
  let number = 1_000;

  before(async () => {
    const dataDir = join(await freshFolder(), 'postgres');
    const own = { ministack: 'DynamoDB', mongodb: 'MongoDB', opensearch: 'OpenSearch', redis: 'Redis' } as const;
    const started = new Map<string, string>();
    const starting = (Object.keys(own) as (keyof typeof own)[]).map(async (name) => {
      const { address, pid } = await engines.freshEngine(name);
      started.set(name, address);
      processes.set(own[name], async () => [pid]);
    });
    [postgres] = await Promise.all([openPostgres({ dataDir }), ...starting]);
    processes.set('Postgres', () => processesOfPostgres(dataDir));
    shop = await startShop({
      ...(await aws.freshEnvironment(engines)),
      DATABASE_URL: postgres.url,
      AWS_ENDPOINT_URL: the(started.get('ministack')),
      MONGODB_URL: the(started.get('mongodb')),
      OPENSEARCH_URL: the(started.get('opensearch')),
      REDIS_URL: the(started.get('redis')),
      COMMERCE_LOG: 'silent',
    });
    keeper = await shop.staff('catalogue');
    sku = await newProduct(keeper);
  });

  beforeEach(() =>
    eventually('everything answers', async () => {
      expect((await shop.anybody().get('/readyz')).body).to.deep.equal({ status: 'ready' });
      for (const { query } of shown) expect((await keeper.get(query())).status).to.equal(200);
    }),
  );

  afterEach(thaw);
  after(async () => {
    await endPrograms();
    await postgres?.stop();
  });

  async function freeze(engine: string): Promise<void> {
    for (const pid of await the(processes.get(engine))()) {
      process.kill(pid, 'SIGSTOP');
      frozen.add(pid);
    }
  }

  function thaw(): void {
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
    frozen.clear();
  }

  /** One read model of each store, and what it shows of the product. */
  const shown = [
    {
      engine: 'Redis',
      query: () => `/v1/products/${productOf(sku)}`,
      value: (answer: Answer) => pricesIn(answer)[0].amount,
    },
    {
      engine: 'MongoDB',
      query: () => '/v1/products?category=tests',
      value: (answer: Answer) => pricesIn(answer)[0].amount,
    },
    { engine: 'OpenSearch', query: () => `/v1/search?q=${sku}`, value: (answer: Answer) => pricesIn(answer)[0].amount },
    { engine: 'Postgres', query: () => `/v1/stock/${sku}`, value: ({ body }: Answer) => body.locations[0].onHand },
  ];

  /** Counts the stock and sets the price to the same new number. Returns when each of these stores shows it, in ms. */
  async function change(stores: typeof shown): Promise<number[]> {
    number++;
    const answers = await Promise.all([
      keeper.put(`/v1/products/${productOf(sku)}/variants/${sku}/prices`, {
        prices: [{ amount: number, currency: 'GBP' }],
      }),
      keeper.post(`/v1/stock/${sku}/counts`, { quantity: number }, { 'Idempotency-Key': `count ${number}` }),
    ]);
    for (const { status, body } of answers) expect(status, JSON.stringify(body)).to.be.below(300);
    const began = performance.now();
    return Promise.all(
      stores.map(async ({ engine, query, value }) => {
        await eventually(`${engine} shows it`, async () =>
          expect(value(await keeper.get(query(), AT_ONCE))).to.equal(number),
        );
        return performance.now() - began;
      }),
    );
  }

  /** The longest of some changes, for each store. */
  async function lags(stores: typeof shown): Promise<number[]> {
    const rounds: number[][] = [];
    for (let n = 0; n < CHANGES; n++) rounds.push(await change(stores));
    return stores.map((_, store) => Math.max(...rounds.map((round) => the(round[store]))));
  }

  for (const { engine } of shown) {
    it(`changes the lag of no other store while ${engine} is frozen`, async () => {
      const others = shown.filter((store) => store.engine !== engine);
      const before = await lags(others);
      await freeze(engine);
      const during = await lags(others);
      for (const [index, other] of others.entries()) {
        const [usual, now] = [the(before[index]), the(during[index])];
        expect(now, `${other.engine}: ${before} and then ${during} ms`).to.be.below(2 * usual + NOISE_MS);
      }
      thaw();
      await change(shown);
    });
  }

  it('is ready and sells; only queries of the frozen store answer 503', async () => {
    const guest = await shop.guest();
    const own: string[] = [];
    for (const { engine, query } of shown.filter((store) => store.engine !== 'Postgres')) {
      await freeze(engine);
      await eventually('it is degraded', async () => {
        const { status, body } = await shop.anybody().get('/readyz');
        expect(status).to.equal(200);
        expect(body.degraded).to.include(engine);
      });
      const { orderId, refusals } = await buy(guest, sku);
      own.unshift(orderId);
      expect(refusals, engine).to.equal(0);
      expectUnavailable(await shop.anybody().get(query(), AT_ONCE));
      for (const other of shown.filter((store) => store.engine !== engine))
        expect((await keeper.get(other.query(), AT_ONCE)).status, `${other.engine} without ${engine}`).to.equal(200);
      expect(await idsOf(guest)).to.deep.equal(own);
      expect((await shop.anybody().get('/healthz')).status).to.equal(200);
      thaw();
      await eventually('nothing is degraded', async () =>
        expect((await shop.anybody().get('/readyz')).body).to.deep.equal({ status: 'ready' }),
      );
    }
  });

  it('answers queries while the log is frozen, and accepts commands when it is thawed', async () => {
    await freeze('DynamoDB');
    await eventually('it is away', async () => {
      const { status, body } = await shop.anybody().get('/readyz');
      expect({ status, away: body.away }).to.deep.equal({ status: 503, away: ['DynamoDB'] });
    });
    for (const { engine, query } of shown.filter((store) => store.engine !== 'Postgres'))
      expect((await shop.anybody().get(query(), AT_ONCE)).status, engine).to.equal(200);
    thaw();
    await eventually('it accepts commands', () => change(shown));
  });
});

// ── Helpers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Purchase {
  customerId: string;
  orderId: string;
  /** Its consistency token. */
  seen: string;
  /** How often the shop asked to retry later. */
  refusals: number;
}

/** Publishes a product with more units than are ever sold here. Returns its SKU. */
async function newProduct(keeper: Caller): Promise<string> {
  const sku = freshName('SKU').toUpperCase();
  const variants = [{ sku, prices: [{ amount: 1_000, currency: 'GBP' }] }];
  const id = productOf(sku);
  await keeper.post('/v1/products', { id, title: `Thing ${sku}`, categories: ['tests'], variants });
  await keeper.post(`/v1/products/${id}/publish`);
  const received = await keeper.post(`/v1/stock/${sku}/receipts`, { quantity: 100_000 }, { 'Idempotency-Key': sku });
  expect(received.status).to.equal(201);
  return sku;
}

function productOf(sku: string): string {
  return `product_${sku}`;
}

/** Buys as a careful client does: it repeats temporarily failed requests with the same key. */
async function buy(guest: Guest, sku: string, onRefusal = () => {}): Promise<Purchase> {
  let refusals = 0;
  const sendUntilAnswered = (send: (headers: Record<string, string>) => Promise<Answer>): Promise<Answer> => {
    const key = { 'Idempotency-Key': freshName('key') };
    return eventually('the shop takes it', async () => {
      const answer = await send(key);
      if (answer.status >= 400) {
        refusals++;
        onRefusal();
      }
      expect(answer.status, JSON.stringify(answer.body)).to.be.below(300);
      return answer;
    });
  };
  const cart = `/v1/carts/${(await sendUntilAnswered((key) => guest.post('/v1/carts', { currency: 'GBP' }, key))).body.id}`;
  await sendUntilAnswered((key) => guest.post(`${cart}/lines`, { sku, quantity: 1 }, key));
  await sendUntilAnswered((key) => guest.put(`${cart}/shipping-address`, ADDRESS, key));
  await sendUntilAnswered((key) => guest.put(`${cart}/shipping-method`, { method: 'standard' }, key));
  const placed = await sendUntilAnswered((key) => guest.post(`${cart}/checkout`, { ...VISA, acceptPrices: true }, key));
  expect(placed.status).to.equal(201);
  return {
    customerId: guest.customerId,
    orderId: placed.body.id,
    seen: the(placed.headers.get('consistency-token')),
    refusals,
  };
}

/** All orders in the caller's list. */
async function idsOf(caller: Caller, headers?: Record<string, string>): Promise<string[]> {
  const ids: string[] = [];
  for (let after = ''; ; ) {
    const { status, body } = await caller.get(`/v1/orders?limit=100${after}`, headers);
    expect(status, JSON.stringify(body)).to.equal(200);
    ids.push(...body.data.map(({ id }: { id: string }) => id));
    if (!body.page.hasMore) return ids;
    after = `&after=${body.page.next}`;
  }
}

/** The prices of the product that the page shows. */
function pricesIn({ status, body }: Answer) {
  expect(status, JSON.stringify(body)).to.equal(200);
  const [found] = body.data ?? [body];
  return found.variants[0].prices;
}

function expectUnavailable({ status, headers, body }: Answer): void {
  expect({ status, code: body.code }, JSON.stringify(body)).to.deep.equal({ status: 503, code: 'unavailable' });
  expect(Number(headers.get('retry-after'))).to.be.above(0);
}
