// The file as a stream of rows: CSV, plain or gzip, in the same memory however long it is.
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CsvError, type Parser, parse } from 'csv-parse';
import { asShortText } from '../../../domain/kernel/text.js';
import { ImportError } from './import-error.js';

/** The columns as they stand in the file. */
export interface Row {
  /** 1 for the first row behind the header. */
  number: number;
  invoice: string;
  code: string;
  /** Trimmed, and no longer than the shop takes it; may be empty. */
  description: string;
  quantity: string;
  /** `YYYY-MM-DD HH:MM:SS`, UTC. */
  date: string;
  price: string;
  /** `17850`; empty where nobody is named. */
  customer: string;
  /** Trimmed; may be empty. */
  country: string;
}

const COLUMNS = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';

/** Spreadsheets write a column of numbers with gaps as `17850.0`. */
const DECIMALS_OF_A_NUMBER = /\.0+$/;

/** Longest title of a product or line and longest reason of an adjustment, in characters. */
const MAX_DESCRIPTION_LENGTH = 200;

/** Longest label of an order, in characters. */
const MAX_COUNTRY_LENGTH = 100;

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

/** Longest row, in bytes: a quote that is never closed must not pull the rest of the file into memory. */
const MAX_ROW_BYTES = 64 * 1024;

/** Throws `ImportError` where there is no such file, and at the row where it is broken or cut off. */
export async function* readRows(file: string): AsyncGenerator<Row> {
  const parser = parse({ bom: true, max_record_size: MAX_ROW_BYTES });
  // An error anywhere in the pipeline ends the parser, and so comes out of the loop.
  const gunzip = (await isGzip(file)) ? [createGunzip()] : [];
  pipeline([createReadStream(file), ...gunzip, parser], () => {});
  try {
    let number = -1;
    for await (const record of parser as AsyncIterable<string[]>) {
      number++;
      if (number > 0) yield rowOf(number, record);
      else if (record.join() !== COLUMNS) throw new ImportError(`${file} does not start with the header ${COLUMNS}.`);
    }
    if (number < 0) throw new ImportError(`${file} is empty.`);
  } catch (error) {
    throw brokenAt(file, parser, error);
  }
}

/** The parser has made sure that every record is as long as the header. */
type Fields = [string, string, string, string, string, string, string, string];

function rowOf(number: number, record: string[]): Row {
  const [invoice, code, text, quantity, date, price, customerNumber, country] = record as Fields;
  const customer = customerNumber.replace(DECIMALS_OF_A_NUMBER, '');
  const description = words(text, MAX_DESCRIPTION_LENGTH);
  return {
    number,
    invoice,
    code,
    description,
    quantity,
    date,
    price,
    customer,
    country: words(country, MAX_COUNTRY_LENGTH),
  };
}

function words(text: string, maxLength: number): string {
  return asShortText(text, maxLength) ?? '';
}

async function isGzip(file: string): Promise<boolean> {
  const start = Buffer.alloc(GZIP_MAGIC.length);
  const handle = await openFile(file);
  try {
    const { bytesRead } = await handle.read(start);
    if (bytesRead === 0) throw new ImportError(`${file} is empty.`);
  } finally {
    await handle.close();
  }
  return start.equals(GZIP_MAGIC);
}

/** Twice read, so nothing but a regular file will do. */
async function openFile(file: string): Promise<FileHandle> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    throw new ImportError(
      error.code === 'ENOENT' ? `There is no file ${file}.` : `${file} cannot be read: ${error.message}.`,
    );
  });
  const stats = await handle.stat();
  if (stats.isFile()) return handle;
  await handle.close();
  throw new ImportError(stats.isDirectory() ? `${file} is a directory, not a file.` : `${file} is not a regular file.`);
}

function brokenAt(file: string, parser: Parser, error: unknown): unknown {
  if (error instanceof CsvError) {
    const row = Number(error.records);
    const where = row === 0 ? 'in its header' : `at row ${row} (line ${Number(error.lines)})`;
    return new ImportError(`${file} is broken ${where}: ${error.message}.`);
  }
  if (isZlibError(error)) {
    const row = parser.info.records;
    return new ImportError(`${file} is broken or cut off at row ${Math.max(row, 1)}: ${error.message}.`);
  }
  return error;
}

function isZlibError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('Z_');
}
