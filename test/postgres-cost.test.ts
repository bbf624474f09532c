// What a guest's checkout costs in Postgres on the embedded profile: transactions by source, and bytes of WAL. Every command
// has an idempotency key, and the projections are included.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { readConfig } from '../infra/config.js';
import { openPostgres } from '../infra/engines/embedded-postgres.js';
import { startServer } from '../infra/http/server.js';
import { runBackground } from '../infra/modules/background.js';
import { openShop } from '../infra/modules/open-shop.js';
import { type Client, createClient } from '../scripts/bench/client.js';
import { describeWith } from './engines.js';
import { commerce, endPrograms, eventually, freshFolder } from './running-shop.js';
import { inspectWal, type WalInspector } from './wal.js';

const TIMEOUT_MS = 180_000;
const SKUS = Array.from({ length: 24 }, (_, n) => `MUG-${n}`);
const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };
const KILOBYTE = 1024;
/** Of these 18 kB are the log and its indexes. A busy machine writes more: what waits for longer is written more often. */
const MOST_WAL_KB = 80;

/** `npm run test:wal` prints which tables and indexes the WAL is for. */
const PRINTS_WAL = process.env.WAL === '1';

/** The source of a transaction, by the name or text of its statement. */
const SOURCES: readonly (readonly [RegExp, Source])[] = [
  [/^log-append/, 'appends'],
  [/^idempotency/, 'idempotency'],
  [/^session/, 'sessions'],
  [/^subject-key/, 'data keys'],
  [/^log-|^feed-|notify|^listen/, 'reads and feed'],
];
type Source = 'appends' | 'idempotency' | 'sessions' | 'data keys' | 'reads and feed' | 'projections';
type Cost = Partial<Record<Source, number>>;

/** Per checkout. */
interface Measured {
  cost: Cost;
  total: number;
  /** In kB. */
  wal: number;
}

describeWith([], 'A guest’s checkout', function () {
  this.timeout(TIMEOUT_MS);
  const { DATABASE_URL, COMMERCE_RATE_LIMIT_SCALE } = process.env;
  const { query } = pg.Client.prototype;
  const closers: (() => unknown)[] = [];
  let play: (checkouts: number, callers: number) => Promise<Measured>;

  before(async () => {
    delete process.env.DATABASE_URL;
    process.env.COMMERCE_RATE_LIMIT_SCALE = '1000000';
    play = await open();
    await play(50, 8);
  });
  after(async () => {
    for (let close = closers.pop(); close; close = closers.pop()) await close();
    pg.Client.prototype.query = query;
    restore({ DATABASE_URL, COMMERCE_RATE_LIMIT_SCALE });
    await endPrograms();
  });

  it('costs few transactions and little WAL if eight are in flight', async () => {
    expectWithin(await play(160, 8), { appends: 5, idempotency: 5, sessions: 1, 'data keys': 1 }, 22);
  });

  it('costs a transaction for each commit and each key if it is alone', async () => {
    expectWithin(await play(30, 1), { appends: 13, idempotency: 8, sessions: 1, 'data keys': 1 }, 65);
  });

  /** Bounds per checkout, with room for a busy machine: there the feed delivers more and smaller pages. */
  function expectWithin({ cost, total, wal }: Measured, bounds: Cost, mostTransactions: number): void {
    const told = `${JSON.stringify(cost)}, together ${total}, and ${wal} kB of WAL`;
    for (const [source, most] of Object.entries(bounds)) expect(cost[source as Source], told).to.be.at.most(most);
    expect(total, told).to.be.at.most(mostTransactions);
    expect(wal, told).to.be.at.most(MOST_WAL_KB);
  }

  /** The product on a Postgres of its own, so that the WAL has no other writer. */
  async function open() {
    const counts = new Map<Source, number>();
    pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
      const [asked] = args as [string | { name?: string; text: string }];
      const { name, text } = typeof asked === 'string' ? { name: undefined, text: asked } : asked;
      const [, source = 'projections'] = SOURCES.find(([pattern]) => pattern.test(name ?? text)) ?? [];
      counts.set(source, (counts.get(source) ?? 0) + 1);
      return (query as (...args: unknown[]) => unknown).apply(this, args);
    } as typeof query;

    const dataDir = await freshFolder();
    const shop = await openShop(readConfig({ profile: 'embedded', data: dataDir }), { tell: console.log });
    closers.push(shop.close);
    const server = await startServer(await shop.get('app'), { port: 0 });
    closers.push(server.close);
    const background = new AbortController();
    const projecting = runBackground(shop, background.signal);
    closers.push(
      () => projecting,
      () => background.abort(),
    );
    const { url, stop } = await openPostgres({ dataDir: join(dataDir, 'postgres') });
    closers.push(stop);
    const observer = new pg.Client(url);
    await observer.connect();
    closers.push(() => observer.end());
    const inspector = PRINTS_WAL ? await inspectWal(join(dataDir, 'postgres'), url) : undefined;
    if (inspector) closers.push(inspector.close);
    const client = createClient(server.url);
    closers.push(client.close);
    const { stdout: token } = await commerce(['token', '--role', 'catalogue'], { COMMERCE_DATA: dataDir });
    await stock(client, token.trim());

    async function play(checkouts: number, callers: number) {
      await atRest();
      counts.clear();
      const from = await walNow();
      let begun = 0;
      const buy = async () => {
        while (begun < checkouts) await checkOut(client, begun++);
      };
      await Promise.all(Array.from({ length: callers }, buy));
      await atRest();
      const wal = ((await walNow()) - from) / KILOBYTE / checkouts;
      if (inspector) print(await inspector.since(from), checkouts);
      const cost: Cost = Object.fromEntries([...counts].map(([source, count]) => [source, count / checkouts]));
      return { cost, total: Object.values(cost).reduce((sum, count) => sum + count, 0), wal };
    }

    /** The queries of the test itself are not counted. */
    function ask<R extends pg.QueryResultRow>(sql: string): Promise<pg.QueryResult<R>> {
      return (query as (text: string) => Promise<pg.QueryResult<R>>).call(observer, sql);
    }

    async function walNow(): Promise<number> {
      const { rows } = await ask<{ bytes: string }>(`select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') as bytes`);
      return Number(rows[0]!.bytes);
    }

    /** Resolves once the feed has delivered the whole log. */
    async function atRest(): Promise<void> {
      await eventually('the projections are up to date', async () => {
        const { rows } = await ask(`
          select from events e, commerce_embedded.feed_checkpoints c where (e.tx, e.seq) > (c.tx, c.seq) limit 1`);
        expect(rows).to.deep.equal([]);
      });
    }

    return play;
  }
});

/** Per checkout. */
function print(wal: Awaited<ReturnType<WalInspector['since']>>, checkouts: number): void {
  for (const { name, records, bytes } of wal) {
    const each = (value: number, digits: number) => (value / checkouts).toFixed(digits).padStart(8);
    console.log(`${each(bytes, 0)} bytes${each(records, 1)} records  ${name}`);
  }
}

async function stock(client: Client, token: string): Promise<void> {
  for (const sku of SKUS) {
    const id = `product_${sku}`;
    const variants = [{ sku, prices: [{ amount: 895, currency: 'GBP' }] }];
    const post = (status: number, path: string, body?: object) =>
      client.expect(status, { method: 'POST', path, token, body, headers: keyed() });
    await post(201, '/v1/products', { id, title: `Blue mug, ${sku}`, variants });
    await post(200, `/v1/products/${id}/publish`);
    await post(201, `/v1/stock/${sku}/receipts`, { quantity: 1_000_000 });
  }
}

/** Two lines, seven requests. */
async function checkOut(client: Client, n: number): Promise<void> {
  const { token } = JSON.parse(await client.expect(201, { method: 'POST', path: '/v1/sessions', body: {} }));
  const send = (status: number, method: 'POST' | 'PUT', path: string, body: object) =>
    client.expect(status, { method, path, token, body, headers: keyed() });
  const { id } = JSON.parse(await send(201, 'POST', '/v1/carts', { currency: 'GBP' }));
  const cart = `/v1/carts/${id}`;
  for (const sku of [SKUS[n % SKUS.length], SKUS[(n + 7) % SKUS.length]])
    await send(200, 'POST', `${cart}/lines`, { sku, quantity: 1 });
  await send(200, 'PUT', `${cart}/shipping-address`, ADDRESS);
  await send(200, 'PUT', `${cart}/shipping-method`, { method: 'standard' });
  await send(201, 'POST', `${cart}/checkout`, { paymentMethod: 'pm_card_visa', email: 'ada@example.com' });
}

function keyed() {
  return { 'Idempotency-Key': randomUUID() };
}

function restore(variables: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
