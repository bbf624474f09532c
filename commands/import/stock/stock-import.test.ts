// Stock files: what they do, what a repeat does, and hostile ones.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { stockItem, stockStream } from '../../../domain/stock/stock-item.js';
import { createShop, sell } from '../../../test/shop.js';
import { ImportError } from '../import-error.js';
import type { RefusedRow } from '../refused-row.js';
import { fileSource } from '../source.js';
import { importStock } from './run.js';

describe('The import of a stock file', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stock-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function createWorld() {
    const shop = createShop();
    for (const sku of ['MUG', 'PLATE']) await sell(shop, sku, 500, 0);
    const { runner, processes } = shop;
    let files = 0;

    async function run(content: string | Buffer, signal = new AbortController().signal) {
      const file = join(folder, `stock-${files++}.csv`);
      await writeFile(file, content);
      const refused: RefusedRow[] = [];
      const deps = { runner, skuOwners: processes.skuOwners, clock: Date.now };
      const summary = await importStock(deps, fileSource(file), { signal, onRefused: (row) => refused.push(row) });
      return { summary, refused };
    }
    const failure = (content: string | Buffer) =>
      run(content).then(
        () => 'nothing',
        (error: Error) => (error instanceof ImportError ? error.message : String(error.stack)),
      );
    const onHand = async (sku: string, location = 'main') =>
      (await runner.load(stockItem, stockStream({ sku, location }))).state.onHand;
    return { run, failure, onHand, shop };
  }

  it('counts and receives, in the order of the file, at any location', async () => {
    const { run, onHand } = await createWorld();
    const { summary, refused } = await run(
      'sku,location,count,receipt,supplier\nMUG,,10,,\nMUG,,,5,Hearth Ltd\nPLATE,shop-2,7,,\nMUG,main,,1,\nMUG,main,0,,\n',
    );
    expect(refused).to.deep.equal([]);
    expect(summary).to.deep.equal({ rows: 5, counts: 3, receipts: 2, received: 6, repeated: 0, refused: 0 });
    expect([await onHand('MUG'), await onHand('PLATE', 'shop-2')]).to.deep.equal([0, 7]);
  });

  it('does nothing when it is repeated, also if it was stopped half-way', async () => {
    const { run, onHand } = await createWorld();
    const file = `sku,receipt\n${'MUG,1\nPLATE,2\n'.repeat(700)}`;
    const stop = new AbortController();
    stop.abort(new ImportError('stopped'));
    await run(file, stop.signal).catch(() => {});
    const first = await run(file);
    expect(first.summary).to.include({ receipts: 1_400, received: 2_100, repeated: 0 });
    const second = await run(gzipSync(file));
    expect(second.summary).to.include({ receipts: 0, received: 0, repeated: 1_400 });
    expect([await onHand('MUG'), await onHand('PLATE')]).to.deep.equal([700, 1_400]);
  });

  it('knows a row by its id in any file', async () => {
    const { run, onHand } = await createWorld();
    await run('id,sku,receipt\nD-1/1,MUG,4\n');
    const { summary } = await run('sku,receipt,id\nPLATE,1,D-1/2\nMUG,4,D-1/1\n');
    expect(summary).to.include({ receipts: 1, repeated: 1 });
    expect(await onHand('MUG')).to.equal(4);
  });

  it('names every refused row with its field and the reason, and imports the others', async () => {
    const { run, onHand } = await createWorld();
    const rows = [
      'MUG,,3,,',
      'CUP,,3,,',
      ',,3,,',
      'MUG,the shelf,3,,',
      'MUG,..,3,,',
      'MUG,,-1,,',
      'MUG,,1.5,,',
      'MUG,,1e3,,',
      'MUG,,many,,',
      'MUG,,1000001,,',
      'MUG,,99999999999999999999999,,',
      'MUG,,,0,',
      'MUG,,,,',
      'MUG,,1,1,',
      'MUG,,,1,a b',
      '<script>,,1,,',
      '__proto__,,1,,',
    ];
    const { summary, refused } = await run(`sku,location,count,receipt,id\n${rows.join('\n')}\n`);
    expect(refused.map(({ row, field }) => `${row} ${field}`).sort(byNumber)).to.deep.equal([
      ...['2 sku', '3 sku', '4 location', '5 location', '6 count', '7 count', '8 count', '9 count', '10 count'],
      ...['11 count', '12 receipt', '13 count', '14 receipt', '15 id', '16 sku', '17 sku'],
    ]);
    expect(refused.find(({ row }) => row === 2)?.reason).to.equal('There is no SKU CUP; add it to a product first.');
    expect(refused.find(({ row }) => row === 6)?.reason).to.equal('must be from 0 to 1000000');
    expect(refused.find(({ row }) => row === 7)?.reason).to.equal('must be a whole number of units');
    for (const { reason } of refused) expect(reason).to.match(/^\S.*[^\s]$/);
    expect(summary).to.include({ rows: 17, counts: 1, refused: 16 });
    expect(await onHand('MUG')).to.equal(3);
  });

  it('refuses a row that the stock item refuses', async () => {
    const { run } = await createWorld();
    await run('sku,receipt\nMUG,1000000\nMUG,1000000\n');
    const { refused } = await run('sku,count\nMUG,0\n');
    expect(refused).to.have.length(1);
    expect(refused[0]).to.include({ row: 1, field: 'count' });
    expect(refused[0]?.reason).to.match(/at most 1000000 units/);
  });

  it('reads a byte order mark, other line ends, blank lines, quotes, and the columns of a snapshot', async () => {
    const { run, onHand } = await createWorld();
    const file =
      '\ufeffSKU,Location,"On_Hand",reserved,committed,commitNo\r\n"MUG",main,"8",1,2,44\r\n\r\n , , , , , \r\nPLATE,main, 9 ,0,0,1';
    const { summary, refused } = await run(file);
    expect(refused).to.deep.equal([]);
    expect(summary).to.include({ rows: 2, counts: 2 });
    expect([await onHand('MUG'), await onHand('PLATE')]).to.deep.equal([8, 9]);
  });

  it('changes nothing if the file is broken or cut off anywhere', async () => {
    const { failure, onHand } = await createWorld();
    const good = `sku,receipt\n${'MUG,1\n'.repeat(3_000)}`;
    const packed = gzipSync(good);
    const broken: [string | Buffer, RegExp][] = [
      [packed.subarray(0, packed.length - 9), /broken or cut off at row/],
      [packed.subarray(0, 3), /broken or cut off/],
      [`${good}"PLATE,1\n`, /broken at row 3001 .*not closed/],
      [`${good}MUG,"1"2\n`, /broken at row 3001 /],
      [`${good}MUG\n`, /broken at row 3001 .*1 fields/],
      [`${good}MUG,1,2,3\n`, /broken at row 3001 .*4 fields/],
      [`${good}"${'x'.repeat(100_000)}",1\n`, /longer than 65536 bytes/],
      [Buffer.concat([Buffer.from(good), Buffer.from([0xff, 0xfe, 0x0a])]), /not UTF-8 at row 3001/],
      [Buffer.from(`\ufeff${good}`, 'utf16le'), /UTF-16|not UTF-8/],
      ['', /is empty/],
      ['\n \n', /is empty/],
      ['sku,quantity\nMUG,1\n', /"quantity" is not a column/],
      ['sku,count,count\nMUG,1,1\n', /"count" is there twice/],
      ['location,count\nmain,1\n', /sku is missing/],
      ['sku\nMUG\n', /count and receipt are missing/],
    ];
    for (const [content, message] of broken) expect(await failure(content)).to.match(message);
    expect(await onHand('MUG')).to.equal(0);
  });

  it('says so if there is no such file, or a folder', async () => {
    const { shop } = await createWorld();
    const deps = { runner: shop.runner, skuOwners: shop.processes.skuOwners, clock: Date.now };
    const options = { signal: new AbortController().signal, onRefused() {} };
    for (const [file, message] of [
      [join(folder, 'none.csv'), /There is no file/],
      [folder, /is a directory/],
    ] as const) {
      const error = await importStock(deps, fileSource(file), options).catch((reason: Error) => reason);
      expect(error).to.be.instanceOf(ImportError).with.property('message').that.matches(message);
    }
  });
});

function byNumber(one: string, other: string): number {
  return Number.parseInt(one, 10) - Number.parseInt(other, 10);
}
