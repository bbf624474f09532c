// The first pass: the books of a file.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { everyOr } from '../../../test/every-case.js';
import { FIXTURE, FIXTURE_COUNTS } from '../../../test/fixtures/online-retail.js';
import { booksOf as readBooks } from '../../../test/import-world.js';
import { realData } from '../../../test/real-data.js';
import type { Books } from './books.js';

const HEADER = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';

describe('The books of a file', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'books-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function booksOf(rows: readonly string[], limit?: number): Promise<Books> {
    const file = join(folder, 'invoices.csv');
    await writeFile(file, [HEADER, ...rows, ''].join('\n'));
    return readBooks(file, { limit });
  }

  const row = (invoice: string, code: string, title: string, price = '1.00', minute = '00') =>
    `${invoice},${code},${title},1,2010-12-01 08:${minute}:00,${price},17850.0,France`;

  const back = (invoice: string, code: string, units: number, minute = '00', customer = '17850') =>
    `${invoice},${code},A,-${units},2010-12-01 08:${minute}:00,9.99,${customer},France`;

  it('count every row once, by its meaning', async () => {
    const { counts } = await readBooks(FIXTURE);
    expect(counts).to.deep.equal(FIXTURE_COUNTS);
  });

  it('name a product by the most common description of its lines, the first one in a tie, or else by its code', async () => {
    const { products } = await booksOf([
      row('536365', '10001', 'ONCE'),
      row('536365', '10001', 'TWICE'),
      row('536365', '10001', ''),
      row('536366', '10001', ''),
      row('536366', '10001', ''),
      row('536366', '10001', 'TWICE '),
      row('536366', '10002', 'FIRST'),
      row('536366', '10002', 'SECOND'),
      row('536366', '10003', ''),
      row('536366', '10003', 'WRONG PRICE', '0'),
    ]);
    expect(products.map(({ title }) => title)).to.deep.equal(['TWICE', 'FIRST', '10003']);
  });

  it('price a product by its first line; one that was only adjusted has no price', async () => {
    const { products } = await booksOf([
      row('536365', '10001', 'A', '0.00'),
      row('536365', '10001', 'A', '2.50'),
      row('536366', '10001', 'A', '3.00'),
      '536367,10002,lost,-4,2010-12-01 08:00:00,0.0,,France',
    ]);
    expect(products).to.deep.equal([
      { sku: '10001', title: 'A', isNamed: true, price: 250, adjustments: [] },
      { sku: '10002', title: '10002', isNamed: false, adjustments: ['online-retail/536367/1'] },
    ]);
  });

  it('put invoices in the time order of their first rows, wherever their other rows are', async () => {
    const { invoices } = await booksOf([
      row('536367', '10001', 'A', '1', '30'),
      row('536365', '10001', 'A', '1', '20'),
      row('536367', '10001', 'A', '1', '10'),
      row('536366', '10001', 'A', '1', '20'),
    ]);
    expect(invoices).to.deep.equal([
      { number: '536365', at: '2010-12-01T08:20:00.000Z', rows: 1, returns: [] },
      { number: '536366', at: '2010-12-01T08:20:00.000Z', rows: 1, returns: [] },
      { number: '536367', at: '2010-12-01T08:30:00.000Z', rows: 2, returns: [] },
    ]);
  });

  it('charge shipping if the invoice has a line, and refuse it otherwise', async () => {
    const { counts } = await booksOf([
      row('536365', 'POST', 'POSTAGE', '18'),
      row('536366', 'POST', 'POSTAGE', '20'),
      row('536365', '10001', 'A'),
    ]);
    expect(counts).to.deep.include({ shipping: { amount: 1800, currency: 'GBP' }, orders: 1 });
    expect(counts.refused.not_goods).to.equal(1);
  });

  it('match returns with purchases, by order and line', async () => {
    const { counts, invoices } = await booksOf([
      row('536365', '10001', 'A', '2.50'),
      row('536365', '10002', 'B'),
      row('536365', '10001', 'A', '3.00'),
      row('536366', '10001', 'A', '4.00', '10'),
      back('C536367', '10001', 2, '20'),
      back('C536367', '10001', 1, '20'),
      back('C536367', '10001', 1, '20'),
    ]);
    expect(counts.returns).to.deep.equal({
      rows: 3,
      matched: { rows: 2, units: 3 },
      unmatched: { rows: 1, units: 1 },
      refunded: { amount: 950, currency: 'GBP' },
    });
    expect(invoices.at(-1)).to.deep.equal({
      number: 'C536367',
      at: '2010-12-01T08:20:00.000Z',
      rows: 3,
      returns: [
        { invoice: '536366', lines: [{ lineId: '1', quantity: 1 }] },
        {
          invoice: '536365',
          lines: [
            { lineId: '3', quantity: 1 },
            { lineId: '1', quantity: 1 },
          ],
        },
      ],
    });
  });

  it('leave unmatched returns out', async () => {
    const { counts, invoices } = await booksOf([
      back('C536364', '10001', 1),
      row('536365', '10001', 'A'),
      row('536365', 'POST', 'POSTAGE'),
      back('C536366', '10001', 2),
      back('C536366', '10001', 1, '00', ''),
      back('C536366', '10001', 1, '00', '13047'),
      back('C536366', 'POST', 1),
    ]);
    expect(counts.returns).to.deep.include({ matched: { rows: 0, units: 0 }, unmatched: { rows: 5, units: 6 } });
    expect(invoices.map(({ number }) => number)).to.deep.equal(['536365']);
  });

  it('treat a row after an invoice’s first row as bought after that invoice, wherever its other rows are', async () => {
    const rows = [
      row('536365', '10001', 'A', '2.00'),
      back('C536366', '10001', 1),
      row('536367', '10001', 'A', '3.00'),
      back('C536366', '10001', 1),
      back('C536368', '10001', 1),
    ];
    const { returns } = (await booksOf(rows)).counts;
    expect(returns).to.deep.include({ matched: { rows: 2, units: 2 }, refunded: { amount: 500, currency: 'GBP' } });
    expect((await booksOf(rows, 2)).counts.returns.refunded.amount).to.equal(200);
  });

  it('put a return after its purchase, even if its time is earlier', async () => {
    const { invoices } = await booksOf([
      row('536365', '10001', 'A', '1', '30'),
      back('C536366', '10001', 1, '10'),
      row('536367', '10001', 'A', '1', '20'),
    ]);
    expect(invoices.map(({ number, at }) => [number, at.slice(14, 16)])).to.deep.equal([
      ['536367', '20'],
      ['536365', '30'],
      ['C536366', '10'],
    ]);
  });

  it('apply the limit to invoices of any kind, not to their rows', async () => {
    const rows = [
      row('C536365', '10001', 'A'),
      row('536366', '10001', 'A'),
      row('x', '10001', 'A'),
      row('536367', '10002', 'B'),
      row('536366', '10001', 'A'),
    ];
    const { counts, products } = await booksOf(rows, 3);
    expect(counts).to.deep.include({ rows: 4, lines: 2, orders: 1 });
    expect(counts.returns.rows).to.equal(1);
    expect(counts.refused.malformed).to.equal(1);
    expect(products.map(({ sku }) => sku)).to.deep.equal(['10001']);
    expect((await booksOf(rows, 1)).counts).to.deep.include({ rows: 1, orders: 0 });
    expect((await booksOf(rows, 4)).counts).to.deep.equal((await booksOf(rows)).counts);
  });

  it('of the real year match the sales of the shop', async function () {
    const [name] = everyOr(['online-retail-2010-12-to-2011-10.csv.gz'], []);
    const file = name && realData(name);
    if (!file) return this.skip();
    const { counts } = await readBooks(file);
    expect(counts).to.deep.equal({
      rows: 431_673,
      orders: 16_206,
      lines: 419_604,
      units: 4_513_633,
      goods: { amount: 819_780_239, currency: 'GBP' },
      shipping: { amount: 20_648_775, currency: 'GBP' },
      products: 3_855,
      customers: 3_970,
      adjustments: { rows: 1_157, units: 183_069 },
      returns: {
        rows: 7_852,
        matched: { rows: 6_151, units: 155_507 },
        unmatched: { rows: 1_701, units: 25_865 },
        refunded: { amount: 29_097_788, currency: 'GBP' },
      },
      refused: { malformed: 0, not_a_sale: 3, not_goods: 443, negative_quantity: 0, no_price: 1_014, sub_penny: 0 },
    });
  }).timeout(60_000);
});
