// The import as its users run it, on each profile: its summary is compared with the read models, and its exit is checked.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { expect } from 'chai';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { MongoClient } from 'mongodb';
import pg from 'pg';
import type { Money } from '../domain/kernel/money.js';
import { schemasOf } from '../infra/stores/schemas.js';
import { agenda } from '../projections/models/agenda.js';
import { catalogue } from '../projections/models/catalogue.js';
import { type OrderDocument, orders, orderView, type SealedOrderView } from '../projections/models/orders.js';
import { productPage } from '../projections/models/product-page.js';
import { productSearch } from '../projections/models/product-search.js';
import { stock } from '../projections/models/stock.js';
import { unitsSold } from '../projections/models/units-sold.js';
import { physicalName } from '../projections/runtime/projection.js';
import type { ImportSummary } from '../scripts/commands/import.js';
import { describeWith } from './engines.js';
import { everyOr, runsOf } from './every-case.js';
import { FIXTURE } from './fixtures/online-retail.js';
import { realData } from './real-data.js';
import {
  commerce,
  type Environment,
  endPrograms,
  freshFolder,
  PROFILES,
  startProgram,
  startShop,
} from './running-shop.js';
import { the } from './the.js';

/** Timeout of a test or hook, for some imports on a busy machine. On an idle one each takes some seconds. */
const TEST_TIMEOUT_MS = 400_000;

const REAL = realData('online-retail-2010-12-to-2011-10.csv.gz');

/**
 * The file of interrupted imports, and its invoices in a first, shorter run and in a complete one. Real invoices take minutes.
 */
const [INTERRUPTED] = everyOr(REAL ? [REAL] : [FIXTURE], [FIXTURE]) as [string];
const SAMPLE = INTERRUPTED === REAL ? { part: 100, whole: 300 } : { part: 4, whole: 1000 };

/** Lines that contain the first 300 invoices of the real file. Reading the whole file repeatedly takes seconds. */
const EXCERPT_LINES = 9_000;

/** Interval of the checks of the log, to kill an import at the right moment. */
const LOOK_EVERY_MS = 2;
const KILLS = runsOf(6);

for (const { name, engines: wanted, freshEnvironment } of PROFILES) {
  describeWith(wanted, `An import on the profile ${name}`, function (engines) {
    this.timeout(TEST_TIMEOUT_MS);
    afterEach(endPrograms);

    it('of every kind of row reports what the read models show, restocks returns, and changes nothing the second time', async () => {
      const environment = await freshEnvironment(engines);
      const first = await imported(FIXTURE, undefined, environment);
      const models = await readModelsOf(environment);
      expectToldByReadModels(first, models);

      const { seconds, commitsPerSecond, ...second } = await imported(FIXTURE, undefined, environment);
      expect(first).to.deep.include({ ...second, commits: first.commits });
      expect(second.commits).to.equal(0);
      expect(await readModelsOf(environment)).to.deep.equal(models);
    });

    // The engines of `aws` on one machine take a minute for all of them.
    for (const invoices of everyOr([300], name === 'aws' ? [] : [100])) {
      it(`of the first ${invoices} invoices of a real year reports what the read models show, and restocks returns`, async function () {
        if (!REAL) return this.skip();
        const environment = await freshEnvironment(engines);
        const summary = await imported(REAL, invoices, environment);
        expectToldByReadModels(summary, await readModelsOf(environment));
      });
    }
  });
}

describeWith('postgres', 'An import that is interrupted', function (engines) {
  this.timeout(TEST_TIMEOUT_MS);
  const embedded = the(PROFILES.find(({ name }) => name === 'embedded'));
  let file: string;
  let undisturbed: ReadModels;
  let commits: number;

  before(async () => {
    file = INTERRUPTED === REAL ? await excerptOf(REAL) : FIXTURE;
    const environment = await embedded.freshEnvironment(engines);
    commits = (await imported(file, SAMPLE.whole, environment)).commits;
    undisturbed = await readModelsOf(environment);
  });

  after(endPrograms);

  it('has the same result when it imports some invoices first and the others later', async () => {
    const environment = await embedded.freshEnvironment(engines);
    const part = await imported(file, SAMPLE.part, environment);
    expect(await readModelsOf(environment)).not.to.deep.equal(undisturbed);
    const whole = await imported(file, SAMPLE.whole, environment);
    expect(whole.orders).to.be.above(part.orders);
    expect(comparable(await readModelsOf(environment))).to.deep.equal(comparable(undisturbed));
  });

  it('has the same result when it is killed and restarted repeatedly', async () => {
    const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
    const someCommits = fc.integer({ min: 1, max: Math.floor(commits * 0.8) });
    const killAt = fc.sample(someCommits, { numRuns: KILLS, seed }).sort((a, b) => a - b);
    const story = `killed at ${killAt.join(', ')} of about ${commits} commits; SEED=${seed}`;
    const environment = await embedded.freshEnvironment(engines);
    let killed = 0;
    for (const commit of killAt) if (await killedAt(commit, file, environment)) killed++;
    expect(killed, story).to.be.above(0);

    await imported(file, SAMPLE.whole, environment);
    const models = await readModelsOf(environment);
    expect(comparable(models), story).to.deep.equal(comparable(undisturbed));
    expectCompleted(models);
    expect((await imported(file, SAMPLE.whole, environment)).commits, story).to.equal(0);
  });

  it('stops in order on a signal, reports it, and continues from there', async () => {
    const environment = await embedded.freshEnvironment(engines);
    const program = await startProgram(importArgs(file, SAMPLE.whole), environment);
    await untilCommits(1, environment, program.exited);
    program.kill('SIGTERM');
    expect(await program.exited).to.deep.equal({ code: 1, signal: null });
    expect(program.output()).to.equal('commerce: The import was stopped; run it again to continue.\n');
    await imported(file, SAMPLE.whole, environment);
    expect(comparable(await readModelsOf(environment))).to.deep.equal(comparable(undisturbed));
  });
});

describeWith([], 'An import beside a running shop', function () {
  this.timeout(TEST_TIMEOUT_MS);
  afterEach(endPrograms);

  it('joins the embedded database, and the shop shows the orders', async () => {
    const data = join(await freshFolder(), 'data');
    const shop = await startShop({ COMMERCE_PROFILE: 'embedded', COMMERCE_DATA: data }, ['--empty']);
    const { code, stdout, stderr } = await commerce([...importArgs(FIXTURE), '--data', data]);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    const support = await shop.staff('support');
    const listed = (await support.get('/v1/orders?limit=100')).body.data;
    expect(listed).to.have.length(JSON.parse(stdout).orders);
    expect(listed.map(({ status }: { status: string }) => status)).to.include('completed');
    const one = await support.get('/v1/orders/order_536365');
    expect(one.body).to.include({ customerId: 'customer_17850', number: '536365', fulfilmentStatus: 'fulfilled' });
    await shop.stop();
    const postmaster = await readFile(join(data, 'postgres/cluster/postmaster.pid')).catch(({ code }) => code);
    expect(postmaster, 'its Postgres has ended with it').to.equal('ENOENT');
  });
});

describeWith([], 'An import of a broken file', function () {
  this.timeout(TEST_TIMEOUT_MS);
  afterEach(endPrograms);

  /** No server listens there: a broken file is reported before any engine is contacted. */
  const environment = { DATABASE_URL: 'postgres://commerce@127.0.0.1:1/commerce' };
  const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n';
  const row = '536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n';
  const zipped = gzipSync(header + row.repeat(2000));

  const files: [string, string | Buffer | 'no file' | 'folder', RegExp][] = [
    ['a path that leads nowhere', 'no file', /There is no file/],
    ['a folder', 'folder', /is a directory/],
    ['an empty file', '', /is empty/],
    ['a file without the header', 'a,b,c\n1,2,3\n', /header InvoiceNo,StockCode/],
    ['a file that breaks off in a quoted field', `${header}${row}${row}536366,"71053`, /row 3/],
    ['a gzip file that was cut off', zipped.subarray(0, zipped.length - 20), /row \d+/],
    ['a row with a field too few', `${header}${row}536366,71053\n`, /row 2/],
  ];

  const few = ['a path that leads nowhere', 'a gzip file that was cut off', 'a row with a field too few'];
  const tried = everyOr(
    files,
    files.filter(([title]) => few.includes(title)),
  );

  for (const [title, content, complaint] of tried) {
    it(`reports in one line what is wrong with ${title}`, async () => {
      const path = join(await freshFolder(), 'invoices.csv');
      if (content === 'folder') await mkdir(path);
      else if (content !== 'no file') await writeFile(path, content);
      const { code, stdout, stderr } = await commerce(importArgs(path), environment);
      expect({ code, stdout }, stderr).to.deep.equal({ code: 1, stdout: '' });
      expect(stderr)
        .to.match(/^commerce: .*\n$/)
        .and.to.match(complaint);
      expect(stderr).to.include(path);
    });
  }

  const wrong = [
    ['online-retail'],
    ['online-retail', FIXTURE, '--limit', '0'],
    ['online-retail', FIXTURE, '--limit', 'all'],
    ['online-retail', FIXTURE, '--fast'],
    ['offline-retail', FIXTURE],
  ];

  for (const args of everyOr(wrong, wrong.slice(0, 2))) {
    it(`exits with 2 for the wrong usage \`import ${args.join(' ').replace(FIXTURE, 'FILE')}\``, async () => {
      const { code, stdout, stderr } = await commerce(['import', ...args], environment);
      expect({ code, stdout }, stderr).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr).to.match(/^error: /);
    });
  }
});

// ── Running it ──────────────────────────────────────────────────────────────────────────────────────────────────────

function importArgs(file: string, limit?: number): string[] {
  return ['import', 'online-retail', file, '--json', ...(limit === undefined ? [] : ['--limit', String(limit)])];
}

async function imported(file: string, limit: number | undefined, environment: Environment): Promise<ImportSummary> {
  const { code, stdout, stderr } = await commerce(importArgs(file, limit), environment);
  expect(code, stderr).to.equal(0);
  return JSON.parse(stdout);
}

async function excerptOf(file: string): Promise<string> {
  const lines = gunzipSync(await readFile(file))
    .toString()
    .split('\n', EXCERPT_LINES);
  const excerpt = join(await freshFolder(), 'excerpt.csv');
  await writeFile(excerpt, `${lines.join('\n')}\n`);
  return excerpt;
}

/** False if the import ended first. */
async function killedAt(commit: number, file: string, environment: Environment): Promise<boolean> {
  const program = await startProgram(importArgs(file, SAMPLE.whole), environment);
  await untilCommits(commit, environment, program.exited);
  program.kill('SIGKILL');
  return (await program.exited).signal === 'SIGKILL';
}

/** Waits until the log has this many commits, or the import has ended. */
async function untilCommits(commits: number, environment: Environment, over: Promise<unknown>): Promise<void> {
  let isOver = false;
  void over.then(() => {
    isOver = true;
  });
  await withPostgres(environment, async (client) => {
    while (!isOver) {
      const { rows } = await client.query(`select to_regclass('events') is not null as there`);
      if (rows[0].there && Number((await client.query('select count(*) from events')).rows[0].count) >= commits) return;
      await delay(LOOK_EVERY_MS);
    }
  });
}

// ── The read models, in the stores themselves ───────────────────────────────────────────────────────────────────────

// biome-ignore lint/suspicious/noExplicitAny: the documents of all read models, as their stores hold them
type Documents = Record<string, any>;

type ReadModels = Record<
  'orders' | 'stock' | 'agenda' | 'unitsSold' | 'catalogue' | 'productPage' | 'productSearch',
  Documents
>;

function readModelsOf(environment: Environment): Promise<ReadModels> {
  return environment.COMMERCE_PROFILE === 'aws' ? fromManyStores(environment) : fromPostgres(environment);
}

async function fromPostgres(environment: Environment): Promise<ReadModels> {
  return withPostgres(environment, async (client) => ({
    orders: await tableOf(client, orders),
    stock: await tableOf(client, stock),
    agenda: await tableOf(client, agenda),
    unitsSold: await tableOf(client, unitsSold),
    catalogue: await tableOf(client, catalogue),
    productPage: await tableOf(client, productPage),
    productSearch: await tableOf(client, productSearch),
  }));
}

async function fromManyStores(environment: Environment): Promise<ReadModels> {
  const relational = await withPostgres(environment, async (client) => ({
    orders: await tableOf(client, orders),
    stock: await tableOf(client, stock),
    agenda: await tableOf(client, agenda),
  }));
  return {
    ...relational,
    unitsSold: await hashesOf(environment, physicalName(unitsSold)),
    productPage: await hashesOf(environment, physicalName(productPage)),
    catalogue: await collectionOf(environment, physicalName(catalogue)),
    productSearch: await indexOf(environment, physicalName(productSearch)),
  };
}

async function withPostgres<T>(
  { DATABASE_URL, COMMERCE_PROFILE: profile = 'embedded', COMMERCE_NAMESPACE: namespace = 'commerce' }: Environment,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(DATABASE_URL);
  await client.connect();
  const { readModels } = schemasOf({ profile, namespace, isLogInPostgres: true });
  await client.query(`set search_path to ${readModels}, public`);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function tableOf(client: pg.Client, projection: { name: string; version: number }): Promise<Documents> {
  const table = physicalName(projection).replaceAll('-', '_');
  const { rows } = await client.query(`select key, document from ${table} where document is not null`);
  return Object.fromEntries(rows.map(({ key, document }) => [key, document]));
}

async function hashesOf({ REDIS_URL, COMMERCE_NAMESPACE }: Environment, name: string): Promise<Documents> {
  const redis = new Redis(the(REDIS_URL));
  try {
    const prefix = `${COMMERCE_NAMESPACE}:${name}:`;
    const keys = await redis.keys(`${prefix}*`);
    const texts = await Promise.all(keys.map((key) => redis.hget(key, 'document')));
    return Object.fromEntries(keys.map((key, n) => [key.slice(prefix.length), JSON.parse(the(texts[n]))]));
  } finally {
    redis.disconnect();
  }
}

async function collectionOf({ MONGODB_URL, COMMERCE_NAMESPACE }: Environment, name: string): Promise<Documents> {
  const client = new MongoClient(the(MONGODB_URL));
  try {
    const found = await client.db(COMMERCE_NAMESPACE).collection(name).find().toArray();
    return Object.fromEntries(found.map(({ _id, document }) => [String(_id), document]));
  } finally {
    await client.close();
  }
}

async function indexOf({ OPENSEARCH_URL, COMMERCE_NAMESPACE }: Environment, name: string): Promise<Documents> {
  const client = new OpenSearchClient({ node: the(OPENSEARCH_URL) });
  try {
    const index = `${COMMERCE_NAMESPACE}-${name}`;
    await client.indices.refresh({ index });
    const { body } = await client.search({ index, body: { size: 10_000 } });
    return Object.fromEntries(body.hits.hits.map(({ _id, _source }) => [_id, (_source as Documents).document]));
  } finally {
    await client.close();
  }
}

// ── Sums over the read models ───────────────────────────────────────────────────────────────────────────────────────────

function expectToldByReadModels(summary: ImportSummary, models: ReadModels): void {
  expect(summary).to.deep.include(sumsOf(models));
  const { rows, matched, unmatched, refunded } = summary.returns;
  expect({ units: matched.units, refunded }).to.deep.equal(givenBack(models));
  expect(matched.units).to.be.above(0);
  expect(rows).to.equal(matched.rows + unmatched.rows);
  expect(summary.orders).to.be.above(0);
  expect(summary.commits).to.be.above(summary.orders);
  expectCompleted(models);
}

/** The part of the summary that the read models know, summed over them. */
function sumsOf({ orders, unitsSold, catalogue }: ReadModels) {
  const all = viewsOf(orders);
  const lines = all.flatMap((order) => order.lines);
  const units = sum(lines.map(({ quantity }) => quantity));
  expect(sum(Object.values(unitsSold).flatMap(({ sold }) => sold.map((part: Documents) => part.units)))).to.equal(
    units,
  );
  const named = all.map(({ customerId }) => customerId).filter((id) => !id.startsWith('customer_guest-'));
  return {
    orders: all.length,
    lines: lines.length,
    units,
    goods: { amount: sum(lines.map(({ quantity, unitPrice }) => quantity * unitPrice.amount)), currency: 'GBP' },
    shipping: { amount: sum(all.map(({ shipping }) => shipping.amount)), currency: 'GBP' },
    products: Object.keys(catalogue).length,
    customers: new Set(named).size,
  };
}

/** As the orders show it, each return and each payment separately. */
function givenBack({ orders }: ReadModels): { units: number; refunded: Money } {
  const views = viewsOf(orders);
  const refunded = sum(views.map((view) => view.refunded.amount));
  const returns = views.flatMap((view) => view.returns);
  expect(new Set(returns.map(({ status }) => status))).to.deep.equal(new Set(['received']));
  expect(sum(returns.map(({ refund }) => the(refund).amount))).to.equal(refunded);
  return {
    units: sum(views.flatMap(({ lines }) => lines.map(({ returned }) => returned))),
    refunded: { amount: refunded, currency: 'GBP' },
  };
}

/** Everything is paid, shipped and completed, except for returns. All read models of products agree. */
function expectCompleted({ orders, stock, agenda, catalogue, productPage, productSearch }: ReadModels): void {
  expect(new Set(viewsOf(orders).map(({ status }) => status))).to.deep.equal(new Set(['completed']));
  expect(Object.values(agenda).filter((entry) => entry?.dueAt !== undefined)).to.deep.equal([]);
  const back: Record<string, number> = {};
  for (const { lines } of viewsOf(orders)) {
    for (const { sku, returned } of lines) back[sku] = (back[sku] ?? 0) + returned;
  }
  expect(Object.keys(stock)).to.include.members(Object.keys(back));
  for (const [sku, { locations }] of Object.entries(stock)) {
    expect(locations, sku).to.have.length(1);
    expect(locations[0], sku).to.include({ onHand: back[sku] ?? 0, reserved: 0, committed: 0 });
  }
  expect(Object.keys(productPage).sort()).to.deep.equal(Object.keys(catalogue).sort());
  expect(Object.keys(productSearch).sort()).to.deep.equal(Object.keys(catalogue).sort());
}

/**
 * Without the log's own times, which differ between runs: orders as callers see them. Also without the versions of products,
 * because a later run may change a title.
 */
function comparable({ agenda, orders, catalogue, productPage, productSearch, ...models }: ReadModels) {
  const products = [catalogue, productPage, productSearch].map(unversioned);
  return { ...models, products, agenda: Object.keys(agenda).sort(), orders: viewsOf(orders) };
}

function unversioned(documents: Documents): Documents {
  return Object.fromEntries(
    Object.entries(documents).map(([key, { version, publishedAt, ...document }]) => [key, document]),
  );
}

function viewsOf(orders: Documents): SealedOrderView[] {
  return Object.values(orders)
    .map((order) => the(orderView(order as OrderDocument)))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
