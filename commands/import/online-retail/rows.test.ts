// Files as they come: plain, packed, cut off, and not at all.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { ImportError } from './import-error.js';
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

  async function gather(file: string): Promise<Row[]> {
    const rows = [];
    for await (const row of readRows(file)) rows.push(row);
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

  it('are the same from a packed file, from Windows, and behind a byte order mark', async () => {
    const plain = await rowsOf(`${HEADER}\n${LANTERN}\n${LANTERN}`);
    expect(plain).to.have.length(2);
    expect(await rowsOf(gzipSync(`${HEADER}\n${LANTERN}\n${LANTERN}\n`))).to.deep.equal(plain);
    expect(await rowsOf(`\uFEFF${HEADER}\r\n${LANTERN}\r\n${LANTERN}\r\n`)).to.deep.equal(plain);
  });

  it('have texts that every database keeps', async () => {
    const [row] = await rowsOf(`${HEADER}\n${LANTERN.replace('LANTERN', 'LAN\u0000TERN')}\n`);
    expect(row!.description).to.equal('LAN TERN, "METAL"');
    const [long] = await rowsOf(`${HEADER}\n${LANTERN.replace('LANTERN', 'L'.repeat(500))}\n`);
    expect(long!.description).to.have.length(200);
  });

  it('are refused in one line where there is no file, a directory, nothing in it, or something else', async () => {
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

  it('say at which row a packed file is cut off', async () => {
    const packed = gzipSync(
      `${HEADER}\n${Array.from({ length: 20_000 }, (_, n) => LANTERN.replace('6', `${n}`)).join('\n')}\n`,
    );
    const message = await errorOf(rowsOf(packed.subarray(0, packed.length / 2)));
    const row = Number(/broken or cut off at row (\d+)/.exec(message)?.[1]);
    expect(row).to.be.within(1, 19_999);
  });
});
