// Input files: plain, packed, truncated and missing.
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { the } from '../../../test/the.js';
import type { Encoding } from '../csv.js';
import { ImportError } from '../import-error.js';
import { type Row, readRows } from './rows.js';

const HEADER = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
const LANTERN = '536365,71053,"LANTERN, ""METAL"" ",6,2010-12-01 08:26:00,3.39,17850.0,United Kingdom';

describe('The rows of a file', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rows-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function fileOf(content: string | Buffer): Promise<string> {
    const file = join(folder, 'invoices.csv');
    await writeFile(file, content);
    return file;
  }

  async function rowsOf(content: string | Buffer): Promise<Row[]> {
    return gather(await fileOf(content));
  }

  async function gather(file: string, encoding?: Encoding): Promise<Row[]> {
    const rows = [];
    for await (const row of readRows(file, encoding)) rows.push(row);
    return rows;
  }

  async function errorOf(reading: Promise<unknown>): Promise<string> {
    const error = await reading.then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).to.be.instanceOf(ImportError);
    expect(error.message).not.to.include('\n');
    return error.message;
  }

  it('are numbered from 1, with the customer as a number and the texts trimmed', async () => {
    const [row] = await rowsOf(`${HEADER}\n${LANTERN}\n`);
    expect(row).to.deep.equal({
      number: 1,
      invoice: '536365',
      code: '71053',
      description: 'LANTERN, "METAL"',
      quantity: '6',
      date: '2010-12-01 08:26:00',
      price: '3.39',
      customer: '17850',
      country: 'United Kingdom',
    });
  });

  it('are the same from a packed file, from Windows, and after a byte order mark', async () => {
    const plain = await rowsOf(`${HEADER}\n${LANTERN}\n${LANTERN}`);
    expect(plain).to.have.length(2);
    expect(await rowsOf(gzipSync(`${HEADER}\n${LANTERN}\n${LANTERN}\n`))).to.deep.equal(plain);
    expect(await rowsOf(`\uFEFF${HEADER}\r\n${LANTERN}\r\n${LANTERN}\r\n`)).to.deep.equal(plain);
  });

  it('have texts that every database can store', async () => {
    const [row] = await rowsOf(`${HEADER}\n${LANTERN.replace('LANTERN', 'LAN\u0000TERN')}\n`);
    expect(the(row).description).to.equal('LAN TERN, "METAL"');
    const [long] = await rowsOf(`${HEADER}\n${LANTERN.replace('LANTERN', 'L'.repeat(500))}\n`);
    expect(the(long).description).to.have.length(200);
  });

  it('are refused with one line if the file is missing, a directory, empty, or something else', async () => {
    expect(await errorOf(gather(join(folder, 'none.csv')))).to.match(/^There is no file .*none\.csv\.$/);
    expect(await errorOf(gather(folder))).to.include('is a directory');
    expect(await errorOf(rowsOf(''))).to.include('is empty');
    expect(await errorOf(rowsOf(gzipSync('')))).to.include('is empty');
    expect(await errorOf(rowsOf(`${LANTERN}\n`))).to.include(`does not start with the header ${HEADER}`);
    expect(await errorOf(rowsOf(`${HEADER}\n`.replaceAll(',', ';')))).to.include('header');
  });

  it('say where the file is broken', async () => {
    const at = async (row: string) => errorOf(rowsOf(`${HEADER}\n${LANTERN}\n${row}`));
    expect(await at('536365,71053,LANT')).to.include('at row 2 (line 3)');
    expect(await at(`${LANTERN},more\n${LANTERN}\n`)).to.include('at row 2 (line 3)');
    expect(await at('536365,71053,"LANTERN,6\n')).to.include('at row 2');
    expect(await at(`536365,71053,"LANTERN,6\n${`${LANTERN.replaceAll('"', '')}\n`.repeat(2_000)}`)).to.include(
      'at row 2',
    );
  });

  it('say at which row a packed file is truncated', async () => {
    const packed = gzipSync(
      `${HEADER}\n${Array.from({ length: 20_000 }, (_, n) => LANTERN.replace('6', `${n}`)).join('\n')}\n`,
    );
    const message = await errorOf(rowsOf(packed.subarray(0, packed.length / 2)));
    const row = Number(/broken or cut off at row (\d+)/.exec(message)?.[1]);
    expect(row).to.be.within(1, 19_999);
  });

  it('are the same with blank rows, any line ends, more columns, and columns in another order and spelling', async () => {
    const plain = await rowsOf(`${HEADER}\n${LANTERN}\n${LANTERN}\n`);
    const blank = ['', '   ', ',,,,,,,', ',,,,,,,,,'];
    for (const end of ['\n', '\r\n', '\r']) {
      const lines = [...blank, HEADER, ...blank, LANTERN, ...blank, LANTERN, ...blank];
      expect(await rowsOf(lines.join(end))).to.deep.equal(plain);
    }
    expect(await rowsOf(`${HEADER}\r\n${LANTERN}\n${LANTERN}\r`)).to.deep.equal(plain);
    expect(await rowsOf(`${HEADER},,\n${LANTERN},,\n${LANTERN},,\n`)).to.deep.equal(plain);
    expect(await rowsOf(`${HEADER}\n${LANTERN},\n${LANTERN},,,\n`)).to.deep.equal(plain);
    const turned = 'COUNTRY, Unit Price,colour,"customer id",invoicedate,quantity,description,stock_code,INVOICENO';
    const row = 'United Kingdom,3.39,white,17850, 2010-12-01 08:26:00,6 ,"LANTERN, ""METAL""",71053,536365';
    expect(await rowsOf(`${turned}\n${row}\n${row}\n`)).to.deep.equal(plain);
  });

  it('turn a line end within quotes into a blank', async () => {
    const [row] = await rowsOf(`${HEADER}\n${LANTERN.replace('LANTERN, ', 'LANTERN,\n')}\n`);
    expect(the(row).description).to.equal('LANTERN, "METAL"');
  });

  it('are read from a packed file with several members', async () => {
    const parts = [HEADER, LANTERN, LANTERN].map((line) => gzipSync(`${line}\n`));
    expect(await rowsOf(Buffer.concat(parts))).to.have.length(2);
  });

  it('name the columns that the header lacks or repeats', async () => {
    const without = HEADER.replace('Quantity,', '').replace('Country', 'UnitPrice');
    expect(await errorOf(rowsOf(`${without}\n`)))
      .to.include('Quantity is missing')
      .and.to.include('UnitPrice is there twice')
      .and.to.include('Country is missing');
  });

  it('are read as Latin-1 if requested; otherwise the first row that is not UTF-8 is named, with what to do', async () => {
    const text = LANTERN.replace('METAL', 'CAF\u00c9 \u00a35');
    const good = `${HEADER}\n${LANTERN.replace('METAL', 'TH\u00c9')}\n`;
    for (const end of ['\n', '\r']) {
      const bytes = Buffer.concat([
        Buffer.from(good),
        Buffer.from(`${LANTERN}${end}${text}${end}${LANTERN}\n`, 'latin1'),
      ]);
      for (const content of [bytes, gzipSync(bytes)]) {
        expect(await errorOf(rowsOf(content)))
          .to.match(/invoices\.csv is not UTF-8 at row 3 \(line 4\)/)
          .and.to.include('--encoding latin1');
      }
    }
    const file = await fileOf(Buffer.from(`${HEADER}\n${text}\n`, 'latin1'));
    expect((await gather(file, 'latin1')).map(({ description }) => description)).to.deep.equal(['LANTERN, "CAFÉ £5"']);
    expect(await errorOf(gather(await fileOf(`\ufeff${HEADER}\n`), 'latin1'))).to.include('Leave out --encoding');
    for (const encoding of ['utf8', 'latin1'] as const) {
      const utf16 = Buffer.from(`\ufeff${HEADER}\n${LANTERN}\n`, 'utf16le');
      expect(await errorOf(gather(await fileOf(utf16), encoding))).to.match(/UTF-16. Save it as UTF-8/);
    }
  });

  it('are decoded as UTF-8 across the chunks of the file', async () => {
    const rows = Array.from({ length: 3_000 }, (_, n) =>
      LANTERN.replace('METAL', `${'é€😀'.repeat(10)}${'x'.repeat(n % 7)}`),
    );
    const read = await rowsOf(`${HEADER}\n${rows.join('\n')}\n`);
    expect(read).to.have.length(3_000);
    expect(read.every(({ description }) => /^LANTERN, "(é€😀){10}x*"$/u.test(description))).to.equal(true);
  });

  it('are refused if the file changes while it is read', async () => {
    const file = await fileOf(`${HEADER}\n${`${LANTERN}\n`.repeat(5_000)}`);
    const reading = readRows(file);
    await reading.next();
    await appendFile(file, LANTERN);
    const rest = async () => {
      for await (const _ of reading);
    };
    expect(await errorOf(rest())).to.include('was changed while it was read');
  });
});
