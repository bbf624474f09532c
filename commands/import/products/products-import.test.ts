// Product files: what becomes of each field, what a repeat does, and hostile files.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { product } from '../../../domain/product/product.js';
import { stockItem, stockStream } from '../../../domain/stock/stock-item.js';
import { runsOf } from '../../../test/every-case.js';
import { createImportWorld, type Death } from '../../../test/import-world.js';
import { ImportError } from '../import-error.js';
import { MAX_LINE_BYTES } from '../json-lines.js';
import type { RefusedRow } from '../refused-row.js';
import { fileSource } from '../source.js';
import { importProducts, type ProductImportOptions, type ProductImportSummary } from './run.js';

const SETTINGS = { current: async () => ({ currencies: ['EUR', 'JPY', 'BHD'], countries: ['DE'] }) };

const lamp = { id: '7', title: 'Desk lamp', price: 1999 };

describe('The import of a product file', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'products-'));
  });
  after(() => rm(folder, { recursive: true }));

  function createShop() {
    const world = createImportWorld();
    let files = 0;

    async function run(
      content: string | Buffer | readonly unknown[],
      options: Partial<ProductImportOptions> = {},
      death: Death = {},
    ) {
      const file = join(folder, `products-${files++}.jsonl`);
      const isList = Array.isArray(content);
      await writeFile(file, isList ? content.map((line) => JSON.stringify(line)).join('\n') : (content as string));
      const refused: RefusedRow[] = [];
      const leftOut: RefusedRow[] = [];
      let summary: ProductImportSummary | undefined;
      const commits = await world.inProcess(async ({ runner, clock }) => {
        summary = await importProducts({ runner, settings: SETTINGS, clock }, fileSource(file), {
          currency: 'EUR',
          stock: 5,
          signal: new AbortController().signal,
          onRefused: (row) => refused.push(row),
          onLeftOut: (value) => leftOut.push(value),
          ...options,
        });
      }, death);
      return { summary, refused, leftOut, commits };
    }
    const failure = (content: string | Buffer, options?: Partial<ProductImportOptions>) =>
      run(content, options).then(
        () => 'nothing',
        (error: Error) => (error instanceof ImportError ? error.message : String(error.stack)),
      );
    const { runner } = world.ports();
    const productOf = async (key: string) => (await runner.load(product, `product#${key}`)).state;
    const onHand = async (sku: string) => {
      const { productId, onHand } = (await runner.load(stockItem, stockStream({ sku, location: 'main' }))).state;
      return productId === null ? undefined : onHand;
    };
    return { run, failure, productOf, onHand, world };
  }

  it('publishes a product with its price, its stock and every field of the format', async () => {
    const { run, productOf, onHand } = createShop();
    const { summary, leftOut } = await run([
      {
        ...lamp,
        short_description: 'For a desk',
        supplier: 'Hearth',
        name: 'HL-7',
        ean: ['4006381333931', '4006381333948'],
        date_released: '2019-05-01T00:00:00Z',
        categories: ['Lighting'],
        attr_t_product_type: 'Lamp',
        attr_n_weight: 1.5,
        attr_b_dimmable: true,
        colour: 'blue',
        img_high: 'http://127.0.0.1/7.jpg',
        attr_t_note: null,
      },
    ]);
    expect(summary).to.deep.equal({ rows: 1, imported: 1, existing: 0, refused: 0 });
    expect(leftOut).to.deep.equal([]);
    expect(await productOf('7')).to.deep.equal({
      productId: 'product_7',
      status: 'published',
      details: {
        title: 'Desk lamp',
        description: 'For a desk',
        brand: 'Hearth',
        categories: ['Lighting', 'Lamp'],
        attributes: {
          mpn: 'HL-7',
          ean: '4006381333931',
          ean_2: '4006381333948',
          released: '2019-05-01T00:00:00Z',
          product_type: 'Lamp',
          weight: 1.5,
          dimmable: true,
          colour: 'blue',
        },
      },
      variants: [{ sku: '7', prices: [{ amount: 1999, currency: 'EUR' }] }],
      retired: [],
    });
    expect(await onHand('7')).to.equal(5);
  });

  it('converts hundredths to the minor unit of the currency, half to even', async () => {
    const { run, productOf } = createShop();
    const rows = [
      { ...lamp, id: 'a', price: 1950 },
      { ...lamp, id: 'b', price: 2050 },
    ];
    await run(rows, { currency: 'JPY', prefix: 'jp-' });
    await run(rows, { currency: 'BHD', prefix: 'bh-' });
    const prices = await Promise.all(
      ['jp-a', 'jp-b', 'bh-a'].map(async (key) => (await productOf(key))?.variants[0]?.prices[0]?.amount),
    );
    expect(prices).to.deep.equal([20, 20, 19_500]);
  });

  it('opens an item without units for a stock of 0, and stops at the limit', async () => {
    const { run, onHand } = createShop();
    const { summary } = await run([lamp, { ...lamp, id: '8' }], { stock: 0, limit: 1 });
    expect(summary).to.include({ rows: 1, imported: 1 });
    expect([await onHand('7'), await onHand('8')]).to.deep.equal([0, undefined]);
  });

  it('leaves out and names values that do not fit, and imports the rest', async () => {
    const { run, productOf } = createShop();
    const many = Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`attr_n_${n}`, n]));
    const { summary, leftOut } = await run([
      {
        ...lamp,
        title: 'x'.repeat(201),
        description: 'x'.repeat(5_001),
        brand: 'bad\u0007brand',
        categories: ['y'.repeat(101), 'Lamps', 3.5],
        attr_t_long: 'z'.repeat(501),
        [`attr_t_${'k'.repeat(51)}`]: 'v',
        attr_t_size: 'M',
        attr_n_size: 4,
        attr_n_huge: 1e300,
        attr_t_list: ['a'],
        attr_t___proto__: 'p',
        attr_t_: 'nameless',
        constructor: 'kept',
      },
      { ...lamp, id: 'many', ...many },
    ]);
    expect(summary).to.include({ imported: 2, refused: 0 });
    const details = (await productOf('7'))?.details;
    expect(details).to.deep.equal({
      title: 'x'.repeat(200),
      categories: ['Lamps'],
      attributes: { size: 'M', constructor: 'kept' },
    });
    expect(Object.keys((await productOf('many'))?.details.attributes ?? {})).to.have.length(200);
    const named = leftOut.filter(({ row }) => row === 1).map(({ field, reason }) => `${field} ${reason}`);
    expect(named.sort()).to.deep.equal([
      'attr_n_huge Too big: expected number to be <=9007199254740991',
      'attr_n_size gives the attribute size a second time',
      'attr_t_ has a name that must have at least 1 character',
      'attr_t___proto__ has a name that is not allowed',
      `attr_t_${'k'.repeat(51)} has a name that must have at most 50 characters`,
      'attr_t_list must be a text, a number, true or false',
      'attr_t_long must have at most 500 characters',
      'brand holds U+0007, which is a line break, a control character or an invisible character',
      'categories must be a text or a list of texts',
      'categories must have at most 100 characters',
      'description must have at most 5000 characters',
      'title must have at most 200 characters; it was cut',
    ]);
    expect(leftOut.filter(({ row }) => row === 2)).to.deep.equal([
      { row: 2, field: 'attr_n_200', reason: 'is more than 200 attributes' },
    ]);
  });

  it('keeps every category that fits, also behind repeated ones', async () => {
    const { run, productOf } = createShop();
    const { leftOut } = await run([
      { ...lamp, categories: ['A', 'A', 'B', 'x'.repeat(600), 'C'], attr_t_product_type: 'B' },
      { ...lamp, id: '8', categories: ['A', 'A', ...Array.from({ length: 20 }, (_, n) => `c${n}`)] },
    ]);
    expect((await productOf('7'))?.details.categories).to.deep.equal(['A', 'B', 'C']);
    expect((await productOf('8'))?.details.categories)
      .to.have.length(20)
      .and.include('c18')
      .and.not.include('c19');
    expect(leftOut.map(({ row, field, reason }) => `${row} ${field} ${reason}`)).to.deep.equal([
      '1 categories must have at most 100 characters',
      '2 categories Too big: expected array to have <=20 items',
    ]);
  });

  it('names every refused line with its field and the reason, and imports the others', async () => {
    const { run, productOf } = createShop();
    const line = (change: object) => JSON.stringify({ ...lamp, ...change });
    const { summary, refused } = await run(
      Buffer.concat([
        Buffer.from(
          [
            line({}),
            line({ id: '' }),
            line({ id: 'a b' }),
            line({ id: undefined }),
            line({ id: 'x'.repeat(51) }),
            line({ id: '..' }),
            line({ id: 'p1', price: 19.99 }),
            line({ id: 'p2', price: '1999' }),
            line({ id: 'p3', price: -1 }),
            line({ id: 'p4', price: 1_000_000_001 }),
            line({ id: 't1', title: '' }),
            line({ id: 't2', title: 7 }),
            '{"id":"half"',
            '[1]',
            '',
            `{"id":"${'x'.repeat(MAX_LINE_BYTES)}"}`,
            line({ id: 'last' }),
          ].join('\r\n'),
        ),
        Buffer.from([0x0a, 0x22, 0xff, 0x22, 0x0a]),
      ]),
    );
    expect(refused.map(({ row, field }) => `${row} ${field}`).sort(byNumber)).to.deep.equal([
      ...['2 id', '3 id', '4 id', '5 id', '6 id', '7 price', '8 price', '9 price', '10 price', '11 title', '12 title'],
      ...['13 line', '14 line', '16 line', '18 line'],
    ]);
    for (const { reason } of refused) expect(reason).to.match(/^\S.*[^\s.]$/);
    expect(summary).to.deep.equal({ rows: 17, imported: 2, existing: 0, refused: 15 });
    expect((await productOf('last'))?.status).to.equal('published');
  });

  it('refuses a SKU of another product', async () => {
    const { run, world } = createShop();
    const { runner } = world.ports();
    const meta = { id: 'claim', issuedAt: 0, correlationId: 'c', actor: { type: 'staff' as const, id: 'jo' } };
    const { skuClaim, skuClaimStream } = await import('../../../domain/product/sku-claim.js');
    await runner.execute(
      skuClaim,
      skuClaimStream('7'),
      { type: 'ClaimSku', sku: '7', productId: 'product_cup' },
      { ...meta, late: 'search' },
    );
    const { refused } = await run([lamp]);
    expect(refused).to.deep.equal([{ row: 1, field: 'id', reason: '7 belongs to product_cup.' }]);
  });

  it('leaves products that are there as they are', async () => {
    const { run, productOf, onHand } = createShop();
    await run([lamp]);
    const again = await run(
      [
        { ...lamp, title: 'Other' },
        { ...lamp, id: '8' },
      ],
      { stock: 9 },
    );
    expect(again.summary).to.include({ imported: 1, existing: 1 });
    expect([(await productOf('7'))?.details.title, await onHand('7'), await onHand('8')]).to.deep.equal([
      'Desk lamp',
      5,
      9,
    ]);
    const third = await run(gzipSync(`${JSON.stringify(lamp)}\n`));
    expect([third.summary?.existing, third.commits]).to.deep.equal([1, 0]);
  });

  it('goes on after it was killed at any commits, days apart', async () => {
    const rows = Array.from({ length: 12 }, (_, n) => ({ ...lamp, id: `k${n}`, attr_n_place: n }));
    const deaths = fc.array(
      fc.record({
        dieAt: fc.integer({ min: 1, max: 40 }),
        stored: fc.boolean(),
        days: fc.integer({ min: 0, max: 40 }),
      }),
      { maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(deaths, async (kills) => {
        const { run, productOf, onHand, world } = createShop();
        for (const { days, ...death } of kills) {
          await run(rows, {}, death);
          world.advance(days * 86_400_000);
        }
        const { summary } = await run(rows);
        expect(summary?.refused).to.equal(0);
        for (const { id } of rows) {
          expect([(await productOf(id))?.status, await onHand(id)]).to.deep.equal(['published', 5]);
        }
        // One claim, one receipt and one commit of the product each, whatever was killed.
        expect(await world.events('sku')).to.have.length(rows.length);
        expect(await world.events('product')).to.have.length(3 * rows.length);
        expect((await run(rows)).commits).to.equal(0);
      }),
      { numRuns: runsOf(10) },
    );
  });

  it('changes nothing if the file is cut off, empty, of another kind, or in a currency that is not sold', async () => {
    const { failure, productOf } = createShop();
    const good = `${JSON.stringify(lamp)}\n`.repeat(2_000);
    const packed = gzipSync(good);
    const broken: [string | Buffer, RegExp][] = [
      [packed.subarray(0, packed.length - 9), /broken or cut off at line/],
      ['', /is empty/],
      ['\n \r\n', /is empty/],
      ['[\n{"id":"7"}\n]', /is not a file of JSON lines: line 1 is not JSON/],
      ['id,title,price\n7,Lamp,1', /is not a file of JSON lines: line 1 is not JSON/],
    ];
    for (const [content, message] of broken) expect(await failure(content)).to.match(message);
    expect(await failure(good, { currency: 'USD' })).to.match(/does not sell in USD; import with --currency EUR or/);
    expect(await productOf('7')).to.equal(null);
  });
});

function byNumber(one: string, other: string): number {
  return Number.parseInt(one, 10) - Number.parseInt(other, 10);
}
