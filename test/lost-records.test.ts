// Idempotency records that a crash of Postgres has lost. Their transactions do not wait for the disk, so the answers of the last
// moments may be gone. The log is complete, and a repeat finds there what the first request has done.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Pool } from 'pg';
import { openPostgres } from '../infra/engines/embedded-postgres.js';
import { createEventsTable, createPostgresEventStore } from '../infra/event-store/postgres/postgres-event-store.js';
import { createPostgresIdempotency, prepareIdempotency } from '../infra/idempotency/postgres-idempotency.js';
import { createPool } from '../infra/postgres.js';
import { codec, placeOrder, runnerOn } from '../scripts/bench/work.js';
import { describeWith, freshName } from './engines.js';
import { runsOf } from './every-case.js';
import {
  type Answer,
  type Caller,
  endPrograms,
  eventually,
  freshFolder,
  once,
  PROFILES,
  type RunningShop,
  startShop,
} from './running-shop.js';

const ADDRESS = { name: 'Ada', line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };
const TIMEOUT_MS = 120_000;

/** What a crash leaves of a record: nothing, or a claim without its answer, whose lease ends after a minute. */
const LOSSES = {
  record: 'delete from idempotency',
  answer: 'update idempotency set answer = null, leased_until = 0',
};
const RUNNING = 'select from idempotency where answer is null and leased_until > 0';

describeWith('postgres', 'After a crash of Postgres', function (engines) {
  this.timeout(TIMEOUT_MS);
  let shop: RunningShop;
  let pool: Pool;
  let keeper: Caller;

  before(async () => {
    const environment = await PROFILES[0]!.freshEnvironment(engines);
    shop = await startShop(environment, ['--empty']);
    pool = createPool({ url: environment.DATABASE_URL! });
    keeper = await shop.staff('catalogue');
  });
  after(async () => {
    await pool?.end();
    await endPrograms();
  });

  /** Sends a request, loses its record, and sends it again. */
  async function twice(loss: string, send: (key: Record<string, string>) => Promise<Answer>): Promise<Answer> {
    const key = once();
    const first = await send(key);
    await eventually('its answer is kept', async () => expect((await pool.query(RUNNING)).rowCount).to.equal(0));
    await pool.query(loss);
    const repeat = await send(key);
    expect(repeat.headers.get('idempotency-replayed')).to.equal(null);
    expect({ status: repeat.status, body: repeat.body }).to.deep.equal({ status: first.status, body: first.body });
    return first;
  }

  for (const [what, loss] of Object.entries(LOSSES)) {
    it(`a repeat whose ${what} is lost gets the same answer, and changes nothing`, async () => {
      const sku = freshName('SKU').toUpperCase();
      const id = `product_${sku}`;
      const variants = [{ sku, prices: [{ amount: 1_000, currency: 'GBP' }] }];
      await twice(loss, (key) => keeper.post('/v1/products', { id, title: 'A thing', variants }, key));
      await twice(loss, (key) => keeper.post(`/v1/products/${id}/publish`, undefined, key));
      await twice(loss, (key) => keeper.post(`/v1/stock/${sku}/receipts`, { quantity: 5 }, key));
      const guest = await shop.guest();
      const made = await twice(loss, (key) => guest.post('/v1/carts', { currency: 'GBP' }, key));
      const cart = `/v1/carts/${made.body.id}`;
      await twice(loss, (key) => guest.post(`${cart}/lines`, { sku, quantity: 2 }, key));
      const unready = await twice(loss, (key) =>
        guest.post(`${cart}/checkout`, { paymentMethod: 'pm_card_visa' }, key),
      );
      expect(unready.status).to.equal(422);
      await twice(loss, (key) => guest.put(`${cart}/shipping-address`, ADDRESS, key));
      await twice(loss, (key) => guest.put(`${cart}/shipping-method`, { method: 'standard' }, key));
      const order = await twice(loss, (key) => guest.post(`${cart}/checkout`, { paymentMethod: 'pm_card_visa' }, key));
      expect(order.body).to.include({ status: 'confirmed', paymentStatus: 'authorised' });
      expect(order.body.lines).to.have.length(1);

      await eventually('the stock is allocated once', async () => {
        const { body: stock } = await keeper.get(`/v1/stock/${sku}`);
        expect(stock.locations).to.have.length(1);
        expect(stock.locations[0]).to.include({ onHand: 5, available: 3 });
      });
      const { rows } = await pool.query(
        `select pk, id from events, json_array_elements_text(cs::json) id group by pk, id having count(*) > 1`,
      );
      expect(rows, 'commands in two commits').to.deep.equal([]);
    });
  }
});

describeWith([], 'A killed Postgres', function () {
  this.timeout(TIMEOUT_MS);
  after(() => endPrograms());

  it('has a claim for every commit that survived', async () => {
    const dataDir = join(await freshFolder(), 'postgres');
    const server = await openPostgres({ dataDir });
    const pool = createPool({ url: server.url });
    await createEventsTable(pool);
    await prepareIdempotency(pool);
    const postmaster = async () =>
      Number((await readFile(join(dataDir, 'cluster/postmaster.pid'), 'utf8')).split('\n')[0]);

    let answered = 0;
    for (let crash = 0; crash < runsOf(3); crash++) {
      const records = createPostgresIdempotency({ pool });
      const runner = runnerOn(createPostgresEventStore({ pool, codec }));
      const enough = answered + 40;
      let killed = false;
      const serve = async () => {
        while (!killed) {
          const begun = await records.begin(freshName('request'), 'request', Date.now());
          if (begun.state !== 'run') throw new Error(`A new request is ${begun.state}.`);
          await placeOrder()(runner);
          await records.finish(begun.run, Buffer.from('done'));
          answered++;
        }
      };
      const serving = Array.from({ length: 8 }, () => serve().catch(() => {}));
      await eventually('some requests are answered', () => expect(answered).to.be.above(enough));
      process.kill(await postmaster(), 'SIGKILL');
      killed = true;
      await Promise.all(serving);
      await records.close();
      const counts = await eventually('it runs again', async () => (await pool.query(COUNTS)).rows[0]);
      expect(counts.commits).to.be.at.least(answered);
      expect(counts.claims).to.be.at.least(counts.commits);
    }
    await pool.end();
    await server.stop();
  });
});

const COUNTS = 'select (select count(*) from events) commits, (select count(*) from idempotency) claims';
