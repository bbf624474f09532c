// Daily stock snapshots: what is in them, when they are made, and what the reconciliation finds.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import type { ObjectStore } from '../../domain/kernel/objects.js';
import { createFolderObjects } from '../../infra/objects/folder-objects.js';
import { createShop, KEEPER, sell } from '../../test/shop.js';
import { reconcileStock } from './reconcile-stock.js';
import { createStockSnapshots } from './stock-snapshots.js';

const HOUR_MS = 3_600_000;
const NOON = Date.parse('2026-11-28T12:00:00.000Z');
const SKUS = ['CUP', 'MUG', 'PLATE'];

describe('The daily stock snapshots', () => {
  let folder: string;
  let worlds = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'snapshots-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function createWorld() {
    const clock = { now: NOON };
    const shop = createShop({ clock: () => clock.now });
    for (const sku of SKUS) await sell(shop, sku, 500, 0);
    const root = join(folder, `world-${worlds++}`);
    const objects = createFolderObjects(root).of('log');
    const open = (over: ObjectStore = objects) => createStockSnapshots({ store: shop.store, objects: over });
    const receive = (sku: string, quantity: number, location = 'main') =>
      shop.call(`post /v1/stock/${sku}/receipts`, { caller: KEEPER, body: { quantity, location } });
    const count = (sku: string, quantity: number, location = 'main') =>
      shop.call(`post /v1/stock/${sku}/counts`, { caller: KEEPER, body: { quantity, location } });
    const textOf = async (name: string) => {
      const body = await objects.get(name);
      return body && (name.endsWith('.gz') ? gunzipSync(body) : Buffer.from(body)).toString();
    };
    const snapshots = open();
    const reconcile = async (day: string) => {
      const found = [];
      for await (const one of reconcileStock({ store: shop.store, snapshots }, day)) found.push(one);
      return found;
    };
    const names = async () => {
      const found: string[] = [];
      for await (const name of objects.list('')) found.push(name);
      return found;
    };
    return { clock, shop, root, objects, open, snapshots, receive, count, textOf, reconcile, names };
  }

  it('have what was committed before midnight UTC; what comes later is in the next one', async () => {
    const { clock, snapshots, receive, textOf } = await createWorld();
    await receive('MUG', 10);
    await receive('CUP', 3, 'shop-2');
    clock.now = Date.parse('2026-11-28T23:59:59.999Z');
    await receive('MUG', 5);
    clock.now = Date.parse('2026-11-29T00:00:00.000Z');
    await receive('MUG', 100);
    clock.now += HOUR_MS;
    expect(await snapshots.lastDay()).to.equal('2026-11-28');
    const [made, ...more] = await snapshots.catchUp('2026-11-28');
    expect(more).to.deep.equal([]);
    expect(made?.locations.map(({ location, rows, onHand }) => [location, rows, onHand])).to.deep.equal([
      ['main', 1, 15],
      ['shop-2', 1, 3],
    ]);
    expect(await textOf('stock/2026-11-28/main.csv.gz')).to.equal(
      'sku,location,onHand,reserved,committed,commitNo\nMUG,main,15,0,0,2\n',
    );
    clock.now += 24 * HOUR_MS;
    const [next] = await snapshots.catchUp('2026-11-29');
    expect(next?.locations.map(({ location, onHand }) => [location, onHand])).to.deep.equal([
      ['main', 115],
      ['shop-2', 3],
    ]);
    expect(await textOf('stock/2026-11-28/main.csv.gz'), 'the first one stays').to.contain('MUG,main,15,');
  });

  it('count reserved and committed units, and are sorted', async () => {
    const { clock, shop, snapshots, receive, textOf } = await createWorld();
    for (const sku of ['PLATE', 'CUP', 'MUG']) await receive(sku, 10);
    await shop.ship('MUG', 4);
    clock.now += 24 * HOUR_MS;
    await snapshots.catchUp(await snapshots.lastDay());
    const rows = (await textOf('stock/2026-11-28/main.csv.gz'))?.trim().split('\n').slice(1);
    expect(rows?.map((row) => row.split(',').slice(0, 5).join())).to.deep.equal([
      'CUP,main,10,0,0',
      'MUG,main,6,0,0',
      'PLATE,main,10,0,0',
    ]);
  });

  it('are made for the days on which nothing ran, and not before there was stock or the day has ended', async () => {
    const { clock, snapshots, receive, names } = await createWorld();
    expect(await snapshots.catchUp(await snapshots.lastDay())).to.deep.equal([]);
    const early = await snapshots.make('2026-11-28').catch((error: Error) => error.message);
    expect(early).to.match(/has not ended yet/);
    await receive('MUG', 1);
    clock.now += 24 * HOUR_MS;
    await snapshots.catchUp(await snapshots.lastDay());
    clock.now += 3 * 24 * HOUR_MS;
    const made = await snapshots.catchUp(await snapshots.lastDay());
    expect(made.map(({ day }) => day)).to.deep.equal(['2026-11-29', '2026-11-30', '2026-12-01']);
    expect(await snapshots.days()).to.deep.equal(['2026-11-28', '2026-11-29', '2026-11-30', '2026-12-01']);
    expect(await snapshots.catchUp(await snapshots.lastDay())).to.deep.equal([]);
    expect(await names()).to.have.length(8);
  });

  it('are the same whoever makes them: several at once, or after one was killed at any write', async () => {
    for (let writes = 0; writes < 4; writes++) {
      const { clock, objects, open, receive, reconcile, textOf } = await createWorld();
      for (const [at, sku] of SKUS.entries()) await receive(sku, at + 1, `place-${at % 2}`);
      clock.now += 24 * HOUR_MS;
      let left = writes;
      const dying: ObjectStore = {
        ...objects,
        async putOnce(name, body) {
          if (left-- <= 0) throw new Error('killed');
          return objects.putOnce(name, body);
        },
      };
      await open(dying)
        .catchUp('2026-11-28')
        .catch(() => {});
      await Promise.all([1, 2, 3].map(() => open().catchUp('2026-11-28')));
      expect(await open().days()).to.deep.equal(['2026-11-28']);
      expect(await reconcile('2026-11-28')).to.deep.equal([]);
      expect(JSON.parse((await textOf('stock/manifests/2026-11-28.json')) ?? '')).to.include({ day: '2026-11-28' });
    }
  });

  it('are stopped between two items, and begun again', async () => {
    const { clock, snapshots, receive, names } = await createWorld();
    await receive('MUG', 1);
    clock.now += 24 * HOUR_MS;
    const stopped = await snapshots.catchUp('2026-11-28', { signal: AbortSignal.abort() }).catch(() => 'stopped');
    expect(stopped).to.equal('stopped');
    expect(await names()).to.deep.equal([]);
    expect(await snapshots.catchUp('2026-11-28')).to.have.length(1);
  });

  it('are reconciled with the log: wrong, missing and made-up rows, and changed objects', async () => {
    const { clock, root, objects, snapshots, receive, reconcile } = await createWorld();
    await receive('MUG', 10);
    await receive('CUP', 4);
    clock.now += 24 * HOUR_MS;
    await snapshots.catchUp('2026-11-28');
    expect(await reconcile('2026-11-28')).to.deep.equal([]);

    // Somebody with access to the folder writes another snapshot, manifest included. The next day rests on it.
    const rows = 'sku,location,onHand,reserved,committed,commitNo\nGHOST,main,1,0,0,1\nMUG,main,9,0,0,1\n';
    const object = 'stock/2026-11-28/main.csv.gz';
    const path = join(root, 'log', object);
    const replace = async (file: string, content: Buffer | string) => {
      await chmod(file, 0o644);
      await writeFile(file, content);
    };
    await replace(path, gzipSync(rows));
    const error = await reconcile('2026-11-28').catch((reason: Error) => reason.message);
    expect(error).to.match(/stock\/2026-11-28\/main\.csv\.gz .* is not the one of its manifest/);
    const manifest = join(root, 'log/stock/manifests/2026-11-28.json');
    const { createHash } = await import('node:crypto');
    const sha256 = createHash('sha256')
      .update((await objects.get(object)) ?? '')
      .digest('hex');
    const location = { location: 'main', object, rows: 2, onHand: 10, sha256 };
    const made = { format: 1, day: '2026-11-28', before: '2026-11-29T00:00:00.000Z', locations: [location] };
    await replace(manifest, JSON.stringify(made));
    const kinds = (await reconcile('2026-11-28')).map(({ sku, snapshot, log }) => [sku, snapshot?.onHand, log?.onHand]);
    expect(kinds).to.deep.equal([
      ['GHOST', 1, undefined],
      ['MUG', 9, 10],
      ['CUP', undefined, 4],
    ]);
    clock.now += 24 * HOUR_MS;
    await snapshots.catchUp('2026-11-29');
    expect(await reconcile('2026-11-29')).to.have.length(3);
    await replace(manifest, '{"format":1');
    expect(await reconcile('2026-11-28').catch((reason: Error) => reason.message)).to.match(/is not a manifest/);
  });

  it('are the fold of the log, whatever happened on which day', async () => {
    const step = fc.record({
      sku: fc.constantFrom(...SKUS),
      location: fc.constantFrom('main', 'b'),
      units: fc.integer({ min: 0, max: 9 }),
      hours: fc.constantFrom(0, 1, 13, 30, 70),
      snapshot: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 15 }), async (steps) => {
        const { clock, snapshots, receive, count, reconcile } = await createWorld();
        for (const { sku, location, units, hours, snapshot } of steps) {
          clock.now += hours * HOUR_MS;
          if (snapshot) await snapshots.catchUp(await snapshots.lastDay());
          if (units % 2 === 0) await count(sku, units, location);
          else await receive(sku, units, location);
        }
        clock.now += 24 * HOUR_MS;
        await snapshots.catchUp(await snapshots.lastDay());
        for (const day of await snapshots.days()) expect(await reconcile(day)).to.deep.equal([]);
      }),
      { numRuns: 15 },
    );
  });
});
