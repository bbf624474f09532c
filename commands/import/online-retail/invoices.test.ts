// The second pass: the invoices do not depend on how rows are spread over the file.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { booksOf as readBooks } from '../../../test/import-world.js';
import { type Invoice, invoicesOf } from './invoices.js';

const HEADER = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';

describe('The invoices of a file', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'invoices-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function invoicesIn(rows: readonly string[], maxHeldRows?: number, limit?: number): Promise<Invoice[]> {
    const file = join(folder, 'invoices.csv');
    await writeFile(file, [HEADER, ...rows, ''].join('\n'));
    const invoices = [];
    for await (const invoice of invoicesOf(await readBooks(file, { limit }), maxHeldRows)) invoices.push(invoice);
    return invoices;
  }

  it('hold their lines, charges and adjustments, with the customer and country of their lines', async () => {
    const at = '2010-12-01 08:26:00';
    const [invoice] = await invoicesIn([
      `536365,POST,POSTAGE,1,${at},18,,Spain`,
      `536365,85123a,HEART,6,${at},2.55,,France`,
      `536365,85123A,,1,${at},2.95,17850.0,France`,
      `536365,71053,,-3,${at},0,,France`,
      `536365,DOT,POSTAGE,2,${at},1,,France`,
    ]);
    expect(invoice).to.deep.include({
      number: '536365',
      at: '2010-12-01T08:26:00.000Z',
      customer: '17850',
      country: 'France',
      lines: [
        { sku: '85123A', title: 'HEART', quantity: 6, unitPrice: 255 },
        { sku: '85123A', title: '85123A', quantity: 1, unitPrice: 295 },
      ],
      charges: { codes: new Set(['POST', 'DOT']), amount: 2000 },
      adjustments: [{ movementId: 'online-retail/536365/4', sku: '71053', delta: -3, reason: 'unspecified' }],
    });
  });

  it('are complete and in time order, wherever their rows are and however little is held in memory', async () => {
    const rows = fc.array(fc.record({ invoice: fc.nat({ max: 7 }), minute: fc.nat({ max: 59 }) }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 50 }), async (spread, maxHeldRows) => {
        const texts = spread.map(
          ({ invoice, minute }, n) =>
            `53600${invoice},1000${n % 3},ROW ${n},1,2010-12-01 08:${`${minute}`.padStart(2, '0')}:00,1.00,,France`,
        );
        const expected = new Map<number, { minute: number; titles: string[] }>();
        for (const [n, { invoice, minute }] of spread.entries()) {
          const known = expected.get(invoice) ?? { minute, titles: [] };
          known.titles.push(`ROW ${n}`);
          expected.set(invoice, known);
        }

        const found = await invoicesIn(texts, maxHeldRows);

        expect(found.map(({ number, lines }) => [number, lines.map(({ title }) => title)])).to.deep.equal(
          [...expected]
            .sort(([, a], [, b]) => a.minute - b.minute)
            .map(([invoice, { titles }]) => [`53600${invoice}`, titles]),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('are those within the limit, with all their rows', async () => {
    const row = (invoice: string) => `${invoice},10001,A,1,2010-12-01 08:26:00,1.00,,France`;
    const rows = ['536365', '536366', '536367', '536365'].map(row);
    const found = await invoicesIn(rows, undefined, 2);
    expect(found.map(({ number, lines }) => [number, lines.length])).to.deep.equal([
      ['536365', 2],
      ['536366', 1],
    ]);
  });

  it('are refused if the file changes while it is read', async () => {
    const file = join(folder, 'changing.csv');
    const row = (invoice: string) => `${invoice},10001,A,1,2010-12-01 08:26:00,1.00,,France`;
    await writeFile(file, [HEADER, row('536365'), row('536366'), row('536365')].join('\n'));
    const books = await readBooks(file);
    await writeFile(file, [HEADER, row('536365'), row('536366')].join('\n'));
    const first = await invoicesOf(books)
      .next()
      .catch((error) => error);
    expect(first.message).to.match(/changing\.csv was changed while it was read/);
  });
});
