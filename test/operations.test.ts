// Operators at work beside a running shop, on both profiles: quarantine, pauses, differences, stock files and stock snapshots.
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { streamId } from '../domain/kernel/stream.js';
import type { Shop } from '../infra/modules/open-shop.js';
import { createS3Client } from '../infra/objects/s3-objects.js';
import { stock } from '../projections/models/stock.js';
import { physicalName } from '../projections/runtime/projection.js';
import { createStockSnapshots } from '../projections/snapshots/stock-snapshots.js';
import { describeWith } from './engines.js';
import { openHere } from './open-here.js';
import {
  type Caller,
  commerce,
  type Environment,
  endPrograms,
  eventually,
  expectProblem,
  freshFolder,
  once,
  PROFILES,
  type RunningShop,
  startShop,
} from './running-shop.js';
import { the } from './the.js';

const TEST_TIMEOUT_MS = 300_000;
const DAY_MS = 24 * 3_600_000;

type Paused = { target: string; paused: { reason: string } };

for (const profile of PROFILES) {
  describeWith([...profile.engines], `Operators on the profile ${profile.name}`, function (engines) {
    this.timeout(TEST_TIMEOUT_MS);
    let environment: Environment;
    let shop: RunningShop;
    let here: Shop;
    let keeper: Caller;
    let ops: Caller;

    before(async () => {
      environment = await profile.freshEnvironment(engines);
      shop = await startShop(environment);
      here = await openHere(environment, ['eventStore', 'sinks', 'objects']);
      [keeper, ops] = await Promise.all([shop.staff('catalogue'), shop.staff('ops')]);
    });
    after(async () => {
      await here?.close();
      await endPrograms();
    });

    const run = (...args: string[]) => commerce(args, environment);
    const lines = (text: string) =>
      text
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    const receive = (location: string, quantity: number) =>
      keeper.post('/v1/stock/MUG-BLUE/receipts', { location, quantity }, once());
    const unitsAt = async (location: string) => {
      const { body } = await keeper.get('/v1/stock/MUG-BLUE');
      return body.locations.find((one: { location: string }) => one.location === location)?.onHand;
    };

    /** The projection of the stock could not process the first commit of the item. */
    async function quarantineAt(location: string): Promise<void> {
      const table = physicalName(stock);
      const held = { [table]: { commitNo: 0, error: 'no room', since: '2026-01-01T00:00:00.000Z' } };
      const documents = await the((await here.get('sinks')).relational).open([stock]);
      const stream = streamId('stock', 'MUG-BLUE', location);
      await documents.save([], new Map([[stream, { of: [table], commitNo: 0, held }]]));
    }

    it('retry, skip and unskip a commit in quarantine, and repair what differs', async () => {
      await quarantineAt('annex');
      await receive('annex', 5);
      const listed = await ops.get('/v1/ops/quarantine');
      expect(listed.body.data).to.have.length(1);
      const [entry] = listed.body.data;
      expect(entry).to.include({ projection: 'stock', stream: 'stock#MUG-BLUE@annex', commitNo: 1, error: 'no room' });
      const told = JSON.parse((await run('quarantine', 'list', '--json')).stdout);
      expect(told.quarantine).to.deep.equal([entry]);
      for (const id of ['0000', 'a.b', `${entry.id}0`, '%F0%9F%98%80']) {
        expectProblem(await ops.post(`/v1/ops/quarantine/${id}/retry`), 404, 'not_found');
      }
      expectProblem(await keeper.post(`/v1/ops/quarantine/${entry.id}/retry`), 403, 'forbidden');
      expectProblem(await ops.post(`/v1/ops/quarantine/${entry.id}/skip`, {}), 400, 'invalid_request');
      expect((await run('quarantine', 'skip', 'NONE', '--reason', 'x')).stderr).to.match(
        /There is no NONE in quarantine/,
      );
      expect((await run('quarantine', 'skip', entry.id)).code).to.equal(2);

      const skipped = await run('quarantine', 'skip', entry.id, '--reason', 'a test');
      expect(skipped.code, skipped.stderr).to.equal(0);
      await receive('annex', 2);
      expect(await unitsAt('annex')).to.equal(2);
      const { body } = await ops.get('/v1/ops/skips');
      expect(body.data[0]).to.deep.include({ id: entry.id, commitNo: 1, reason: 'a test' });
      expect(body.data[0].by).to.deep.equal({ type: 'process', id: 'command-line' });
      const same = await run('diff', 'stock', '--json');
      expect([same.code, same.stdout], same.stderr).to.deep.equal([0, '']);
      const rebuilt = await run('rebuild', 'stock');
      expect(rebuilt.code, rebuilt.stderr).to.equal(0);
      expect(await unitsAt('annex'), 'also in a rebuilt projection').to.equal(2);

      expect((await run('quarantine', 'unskip', entry.id, '--reason', 'mended')).code).to.equal(0);
      await eventually('the log shows the item up to its watermark', async () => {
        const { code, stdout } = await run('diff', 'stock', '--json');
        expect(code).to.equal(3);
        expect(lines(stdout)).to.have.length(1);
      });
      const repaired = await run('diff', 'stock', '--key', 'MUG-BLUE', '--repair');
      expect(repaired.code, repaired.stderr).to.equal(0);
      expect(repaired.stdout).to.match(
        /^MUG-BLUE: different, repaired\n {2}locations: .*1 document differs, 1 repaired/s,
      );
      expect(await unitsAt('annex')).to.equal(7);
      const unknown = await run('diff', 'none');
      expect(unknown.stderr).to.match(/There is no projection none; there are agenda, .*stock/);

      await quarantineAt('cellar');
      await receive('cellar', 1);
      const [second] = (await ops.get('/v1/ops/quarantine')).body.data;
      const retried = await ops.post(`/v1/ops/quarantine/${second.id}/retry`, { reason: 'there is room' });
      expect(retried.body).to.include({ id: second.id, status: 'applied' });
      expect(await unitsAt('cellar')).to.equal(1);
      expect((await run('quarantine', 'retry', '--all')).stdout).to.match(/Nothing is in quarantine/);
    });

    it('pause a projection and the agenda, and let them go on', async () => {
      expect((await run('pause', 'everything', '--reason', 'x')).stderr).to.match(
        /There is no everything; there are agenda/,
      );
      expect((await run('pause', 'stock', '--reason', 'an index is made')).code).to.equal(0);
      await eventually('the leader has heard of it', async () => {
        await receive('attic', 1);
        expectProblem(await keeper.get('/v1/stock/MUG-BLUE', { Prefer: 'wait=1' }), 503, 'unavailable');
      });
      const { projections } = JSON.parse((await run('status', '--json')).stdout);
      expect(the(projections.find(({ name }: { name: string }) => name === 'stock'))).to.include({ paused: true });
      const { body } = await ops.get('/v1/ops/work');
      const paused = body.data.filter((one: { paused: unknown }) => one.paused);
      expect(paused.map(({ target, paused: { reason } }: Paused) => [target, reason])).to.deep.equal([
        ['stock', 'an index is made'],
      ]);
      const resumed = await ops.post('/v1/ops/work/stock/resume');
      expect(resumed.body).to.deep.equal({ target: 'stock', paused: false });
      expect(await unitsAt('attic')).to.be.greaterThan(0);

      expect((await ops.post('/v1/ops/work/agenda/pause', { reason: 'x' })).body).to.include({ paused: true });
      expect((await run('resume', 'agenda')).stdout).to.match(/agenda goes on/);
      expectProblem(await ops.post('/v1/ops/work/nothing/pause', { reason: 'x' }), 404, 'not_found');
      expect(JSON.parse((await run('payments', 'list', '--json')).stdout)).to.deep.equal({ data: [] });
      expect((await ops.get('/v1/ops/payments')).body.data).to.deep.equal([]);
    });

    it('import stock files, and export the stock', async () => {
      const folder = await freshFolder();
      const file = join(folder, 'stock.csv.gz');
      await writeFile(file, gzipSync('sku,location,count\nMUG-BLUE,store,12\nNO-SUCH,store,1\nMUG-BLUE,store,-2\n'));
      const { name, is } = await placeOf(file);
      const first = await run('import', 'stock', name, '--json');
      expect([first.code, first.stderr]).to.deep.equal([1, '']);
      const [...refused] = lines(first.stdout);
      const summary = refused.pop();
      expect(refused.map(({ row, field }) => [row, field]).sort()).to.deep.equal([
        [2, 'sku'],
        [3, 'count'],
      ]);
      expect(summary).to.include({ rows: 3, counts: 1, refused: 2, repeated: 0 });
      expect(lines((await run('import', 'stock', name, '--json')).stdout).at(-1)).to.include({
        counts: 0,
        repeated: 1,
      });
      await eventually('the stock shows it', async () => expect(await unitsAt('store')).to.equal(12));

      // A snapshot of today, as if midnight had passed.
      const [store, objects] = await Promise.all([here.get('eventStore'), here.get('objects')]);
      const soon = { ...store, watermark: async () => (await store.watermark()) + 2 * DAY_MS * 1000 };
      const today = new Date().toISOString().slice(0, 10);
      await eventually('the log shows the import', async () => {
        let seen = false;
        for await (const { stream } of store.log(0)) seen ||= stream === 'stock#MUG-BLUE@store';
        expect(seen).to.equal(true);
      });
      const made = await createStockSnapshots({ store: soon, objects }).make(today);
      expect(made.locations.find(({ location }) => location === 'store')).to.include({ rows: 1, onHand: 12 });
      const agreed = await run('stock-reconcile');
      expect([agreed.code, agreed.stdout], agreed.stderr).to.deep.equal([
        0,
        `The snapshot of ${today} and the read model agree with the log.\n`,
      ]);

      const out = is(join(folder, 'out.csv'));
      const exported = await run('stock-snapshot', '--out', out);
      expect(exported.code, exported.stderr).to.equal(0);
      const again = await run('stock-snapshot', '--out', out);
      expect([again.code, again.stderr]).to.deep.equal([1, again.stderr]);
      expect(again.stderr).to.match(/^commerce: .*out\.csv.* exists/);
      const imported = await run('import', 'stock', out, '--json');
      expect(lines(imported.stdout).at(-1), imported.stdout).to.include({ refused: 0 });
      expect((await run('stock-snapshot', '--day', '2999-01-01')).stderr).to.match(/has not ended yet/);
      expect((await run('stock-snapshot', '--day', 'monday')).code).to.equal(2);

      await damage(the(made.locations[0]).object);
      const differs = await run('stock-reconcile', '--json');
      expect(differs.code).to.equal(3);
      expect(lines(differs.stdout)[0].damaged).to.match(/is not the one of its manifest/);
    });

    it('delete all of it by a reset', async () => {
      await here.close();
      await shop.stop();
      const reset = await run('reset', '--yes', '--json');
      expect(reset.code, reset.stderr).to.equal(0);
      expect(JSON.parse(reset.stdout).deleted.join()).to.match(profile.name === 'aws' ? /S3, s3:\/\// : /objects/);
    });

    /** On aws, the file in S3; and the name of another file there. */
    async function placeOf(file: string): Promise<{ name: string; is: (path: string) => string }> {
      if (profile.name !== 'aws') {
        const refused = await run('import', 'stock', 's3://bucket/stock.csv');
        expect(refused.stderr).to.match(/which the profile embedded does not use/);
        return { name: file, is: (path) => path };
      }
      const Bucket = `${environment.COMMERCE_NAMESPACE}-objects`;
      const client = createS3Client({ region: here.config.awsRegion, endpoint: engines.aws() });
      await client.send(new PutObjectCommand({ Bucket, Key: 'in/stock.csv.gz', Body: await readFile(file) }));
      client.destroy();
      for (const missing of [`s3://${Bucket}/none.csv`, `s3://no-${Bucket}/none.csv`, 's3://x']) {
        const refused = await run('import', 'stock', missing);
        expect([refused.code, refused.stderr.trim().split('\n').length], refused.stderr).to.deep.equal([1, 1]);
      }
      return { name: `s3://${Bucket}/in/stock.csv.gz`, is: (path) => `s3://${Bucket}/out/${path.split('/').at(-1)}` };
    }

    /** Writes over an object, as somebody with access to the place could. */
    async function damage(object: string): Promise<void> {
      const { place } = await here.get('objects');
      if (!place.startsWith('s3://')) {
        await chmod(join(place, object), 0o644);
        return writeFile(join(place, object), 'other');
      }
      const [, , Bucket, ...path] = place.split('/');
      const client = createS3Client({ region: here.config.awsRegion, endpoint: engines.aws() });
      await client.send(new PutObjectCommand({ Bucket, Key: `${path.join('/')}${object}`, Body: 'other' }));
      client.destroy();
    }
  });
}
