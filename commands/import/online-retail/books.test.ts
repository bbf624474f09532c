// The first pass: what the file comes to.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FIXTURE, FIXTURE_COUNTS } from '../../../test/fixtures/online-retail.js';
import { realData } from '../../../test/real-data.js';
import { type Books, readBooks } from './books.js';

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
    return readBooks(file, limit);
  }

  const row = (invoice: string, code: string, title: string, price = '1.00', minute = '00') =>
    `${invoice},${code},${title},1,2010-12-01 08:${minute}:00,${price},17850.0,France`;

  it('count every row once, under what it means', async () => {
    const { counts } = await readBooks(FIXTURE);
    expect(counts).to.deep.equal(FIXTURE_COUNTS);
  });

  it('name a product by the commonest description of its lines, of equally common ones the first, else by its code', async () => {
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

  it('price a product as its first line does; one that was only adjusted has no price', async () => {
    const { products } = await booksOf([
      row('536365', '10001', 'A', '0.00'),
      row('536365', '10001', 'A', '2.50'),
      row('536366', '10001', 'A', '3.00'),
      '536367,10002,lost,-4,2010-12-01 08:00:00,0.0,,France',
    ]);
    expect(products).to.deep.equal([
      { sku: '10001', title: 'A', price: 250, units: 2, adjustments: [] },
      { sku: '10002', title: '10002', units: 4, adjustments: ['online-retail/536367/1'] },
    ]);
  });

  it('put invoices in the order of their first rows in time, wherever their other rows stand', async () => {
    const { invoices } = await booksOf([
      row('536367', '10001', 'A', '1', '30'),
      row('536365', '10001', 'A', '1', '20'),
      row('536367', '10001', 'A', '1', '10'),
      row('536366', '10001', 'A', '1', '20'),
    ]);
    expect(invoices).to.deep.equal([
      { number: '536365', at: '2010-12-01T08:20:00.000Z', rows: 1 },
      { number: '536366', at: '2010-12-01T08:20:00.000Z', rows: 1 },
      { number: '536367', at: '2010-12-01T08:30:00.000Z', rows: 2 },
    ]);
  });

  it('charge shipping where a line stands behind it, and refuse it where none does', async () => {
    const { counts } = await booksOf([
      row('536365', 'POST', 'POSTAGE', '18'),
      row('536366', 'POST', 'POSTAGE', '20'),
      row('536365', '10001', 'A'),
    ]);
    expect(counts).to.deep.include({ shipping: { amount: 1800, currency: 'GBP' }, orders: 1 });
    expect(counts.refused.not_goods).to.equal(1);
  });

  it('stop at a limit of invoices of any kind, not at their rows', async () => {
    const rows = [
      row('C536365', '10001', 'A'),
      row('536366', '10001', 'A'),
      row('x', '10001', 'A'),
      row('536367', '10002', 'B'),
      row('536366', '10001', 'A'),
    ];
    const { counts, products } = await booksOf(rows, 3);
    expect(counts).to.deep.include({ rows: 4, lines: 2, orders: 1, returns: { rows: 1 } });
    expect(counts.refused.malformed).to.equal(1);
    expect(products.map(({ sku }) => sku)).to.deep.equal(['10001']);
    expect((await booksOf(rows, 1)).counts).to.deep.include({ rows: 1, orders: 0 });
    expect((await booksOf(rows, 4)).counts).to.deep.equal((await booksOf(rows)).counts);
  });

  it('of the real year are what the shop sold', async function () {
    const file = realData('online-retail-2010-12-to-2011-10.csv.gz');
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
      returns: { rows: 7_852 },
      refused: { malformed: 0, not_a_sale: 3, not_goods: 443, negative_quantity: 0, no_price: 1_014, sub_penny: 0 },
    });
  });
});
