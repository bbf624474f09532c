// Reads the file as a stream of rows: CSV, plain or gzip. Memory use does not depend on its length.
import { isUtf8 } from 'node:buffer';
import type { Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CsvError, type Options, parse } from 'csv-parse';
import { asShortText } from '../../../domain/kernel/text.js';
import { ImportError } from './import-error.js';

/** The columns that are read, as in the file. */
export interface Row {
  /** 1 for the first row after the header. Blank rows do not count. */
  number: number;
  invoice: string;
  code: string;
  /** Trimmed, and cut to the length that the shop accepts. May be empty. */
  description: string;
  quantity: string;
  /** `YYYY-MM-DD HH:MM:SS`, UTC. */
  date: string;
  price: string;
  /** `17850`. Empty if no customer is named. */
  customer: string;
  /** Trimmed; may be empty. */
  country: string;
}

export const ENCODINGS = ['utf8', 'latin1'] as const;
export type Encoding = (typeof ENCODINGS)[number];

const COLUMNS = [
  'InvoiceNo',
  'StockCode',
  'Description',
  'Quantity',
  'InvoiceDate',
  'UnitPrice',
  'CustomerID',
  'Country',
] as const;
type Column = (typeof COLUMNS)[number];

/** Spreadsheets write a column of numbers with gaps as `17850.0`. */
const DECIMALS_OF_A_NUMBER = /\.0+$/;

const BLANK = /^\s*$/;

/** Longest title of a product or line and longest reason of an adjustment, in characters. */
const MAX_DESCRIPTION_LENGTH = 200;

/** Longest label of an order, in characters. */
const MAX_COUNTRY_LENGTH = 100;

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

/** Longest row, in bytes. It keeps an unclosed quote from pulling the rest of the file into memory. */
const MAX_ROW_BYTES = 64 * 1024;

/** A character that no text contains. It marks the first bytes that are not UTF-8. */
const NOT_UTF8 = '\uffff';

/** A byte order mark of UTF-8, read as Latin-1. */
const UTF8_MARK_AS_LATIN1 = '\u00ef\u00bb\u00bf';

/** Throws `ImportError` if the file does not exist, and at a row that is broken or cut off. */
export async function* readRows(file: string, encoding: Encoding = 'utf8'): AsyncGenerator<Row> {
  const { handle, stats } = await openFile(file);
  const reader = createReader(file, encoding);
  const options: Options<Row, string[]> = {
    bom: true,
    max_record_size: MAX_ROW_BYTES,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    skip_empty_lines: true,
    on_record: (fields, { lines }) => reader.row(fields as unknown as string[], lines),
  };
  const parser = parse(options as unknown as Options);
  try {
    // An error anywhere in the pipeline ends the parser, and is thrown by the loop.
    const gunzip = (await isGzip(handle)) ? [createGunzip()] : [];
    const bytes = handle.createReadStream({ start: 0, autoClose: false });
    pipeline([bytes, ...gunzip, reader.decoder, parser], () => {});
    yield* parser as AsyncIterable<Row>;
    if (reader.rows() === undefined) throw new ImportError(`${file} is empty.`);
    if (hasChanged(stats, await handle.stat())) throw changedMeanwhile(file);
  } catch (error) {
    throw brokenAt(file, reader.rows(), error);
  } finally {
    parser.destroy();
    await handle.close();
  }
}

export function changedMeanwhile(file: string): ImportError {
  return new ImportError(`${file} was changed while it was read. Run the import again when the file is complete.`);
}

/** Adds one row to the checksum `before` of the previous rows; 0 before the first. */
export function checksumOf(before: number, { number: _, ...fields }: Row): number {
  let sum = before;
  for (const text of Object.values(fields)) {
    for (let at = 0; at < text.length; at++) sum = (Math.imul(sum, 31) + text.charCodeAt(at)) | 0;
    sum = (Math.imul(sum, 31) + 1) | 0;
  }
  return sum;
}

/** Decodes bytes into text, and turns its records into rows. */
function createReader(file: string, encoding: Encoding) {
  let places: Record<Column, number> | undefined;
  let width = 0;
  let rows = 0;
  const { decoder, isBroken } = encoding === 'latin1' ? latin1Decoder() : utf8Decoder();

  function header(fields: string[]): undefined {
    if (fields[0]?.startsWith(UTF8_MARK_AS_LATIN1)) {
      throw new ImportError(`${file} is UTF-8. Leave out --encoding latin1.`);
    }
    const names = fields.map(normalised);
    const problems = COLUMNS.flatMap((column) => {
      const found = names.filter((name) => name === normalised(column)).length;
      return found === 1 ? [] : `${column} ${found === 0 ? 'is missing' : 'is there twice'}`;
    });
    if (problems.length > 0) {
      throw new ImportError(
        `${file} does not start with the header ${COLUMNS.join()}: ${problems.join(', ')}. Name the columns in its first line, between commas.`,
      );
    }
    places = Object.fromEntries(COLUMNS.map((column) => [column, names.indexOf(normalised(column))])) as typeof places;
    width = fields.length;
    return undefined;
  }

  function row(fields: string[], line: number): Row | undefined {
    if (fields.every(isBlank)) return undefined;
    if (!places && fields.some((field) => field.includes('\0'))) {
      throw new ImportError(`${file} is not UTF-8 but probably UTF-16. Save it as UTF-8.`);
    }
    if (isBroken() && fields.some((field) => field.includes(NOT_UTF8))) {
      const where = places ? `at row ${rows + 1} (line ${line})` : 'in its header';
      throw new ImportError(
        `${file} is not UTF-8 ${where}. If it was saved as Latin-1, as by Excel on Windows, import it with --encoding latin1; else save it as UTF-8.`,
      );
    }
    if (!places) return header(fields);
    const at = places;
    const number = ++rows;
    const isLong = fields.length > width && !fields.slice(width).every(isBlank);
    if (fields.length < width || isLong) {
      throw new ImportError(
        `${file} is broken at row ${number} (line ${line}): it has ${fields.length} fields, the header has ${width}. Correct that row; a text with a comma must be in quotes.`,
      );
    }
    const field = (column: Column) => fields[at[column]] ?? '';
    return {
      number,
      invoice: field('InvoiceNo').trim(),
      code: field('StockCode').trim(),
      description: words(field('Description'), MAX_DESCRIPTION_LENGTH),
      quantity: field('Quantity').trim(),
      date: field('InvoiceDate').trim(),
      price: field('UnitPrice').trim(),
      customer: field('CustomerID').trim().replace(DECIMALS_OF_A_NUMBER, ''),
      country: words(field('Country'), MAX_COUNTRY_LENGTH),
    };
  }

  return { decoder, row, rows: () => (places ? rows : undefined) };
}

function normalised(name: string): string {
  return name.replace(/[\s_]/g, '').toLowerCase();
}

function isBlank(text: string): boolean {
  return BLANK.test(text);
}

function words(text: string, maxLength: number): string {
  return asShortText(text, maxLength) ?? '';
}

interface Decoder {
  /** Emits UTF-8. */
  decoder: Transform;
  /** True if `NOT_UTF8` was emitted. */
  isBroken(): boolean;
}

/** Decodes Latin-1 as Windows-1252, which has quotes and dashes where Latin-1 has no characters. */
function latin1Decoder(): Decoder {
  const text = new TextDecoder('windows-1252');
  const decoder = new Transform({
    transform: (chunk: Buffer, _, done) => done(null, Buffer.from(text.decode(chunk))),
  });
  return { decoder, isBroken: () => false };
}

function utf8Decoder(): Decoder {
  let broken = false;
  let started: Buffer = Buffer.alloc(0);

  function checked(bytes: Buffer): Buffer {
    if (broken) return Buffer.from(bytes.toString('latin1'));
    if (isUtf8(bytes)) return bytes;
    broken = true;
    const line = firstBrokenLine(bytes);
    const at = line.from + bytes.subarray(line.from).findIndex((byte) => byte > 0x7f);
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from(NOT_UTF8),
      Buffer.from(bytes.subarray(at + 1).toString('latin1')),
    ]);
  }

  const decoder = new Transform({
    transform(chunk: Buffer, _, done) {
      const bytes = started.length > 0 ? Buffer.concat([started, chunk]) : chunk;
      const end = bytes.length - startedAtEnd(bytes);
      started = bytes.subarray(end);
      done(null, checked(bytes.subarray(0, end)));
    },
    flush: (done) => done(null, checked(started)),
  });
  return { decoder, isBroken: () => broken };
}

/** Number of bytes at the end that begin an incomplete character: at most 3. */
function startedAtEnd(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return length > back ? back : 0;
  }
  return 0;
}

function firstBrokenLine(bytes: Buffer): { from: number } {
  let from = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== 0x0a && bytes[at] !== 0x0d) continue;
    if (!isUtf8(bytes.subarray(from, at))) return { from };
    from = at + 1;
  }
  return { from };
}

async function isGzip(handle: FileHandle): Promise<boolean> {
  const start = Buffer.alloc(GZIP_MAGIC.length);
  await handle.read(start, 0, start.length, 0);
  return start.equals(GZIP_MAGIC);
}

/** The file is read twice, so it must be a regular file. */
async function openFile(file: string): Promise<{ handle: FileHandle; stats: Stats }> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new ImportError(`There is no file ${file}.`);
    if (error.code === 'EACCES')
      throw new ImportError(`${file} cannot be read by this user. Grant the permission to read it.`);
    throw new ImportError(`${file} cannot be read: ${error.message}.`);
  });
  const stats = await handle.stat();
  if (stats.isFile()) return { handle, stats };
  await handle.close();
  throw new ImportError(`${file} is ${stats.isDirectory() ? 'a directory' : 'something else'}, not a regular file.`);
}

function hasChanged(before: Stats, after: Stats): boolean {
  return before.size !== after.size || before.mtimeMs !== after.mtimeMs;
}

const REMEDIES: Record<string, string> = {
  CSV_QUOTE_NOT_CLOSED: 'a quoted text is not closed. Close the quote, or download the whole file again',
  CSV_MAX_RECORD_SIZE: `the row is longer than ${MAX_ROW_BYTES} bytes. Check it for a quote that is not closed`,
  INVALID_OPENING_QUOTE:
    'there is a quote inside a text. Put the whole text in quotes, and double the quotes inside it',
  CSV_INVALID_CLOSING_QUOTE: 'a quoted text continues after its closing quote. Double the quotes inside a text',
};

/** `rows`: the number of rows read before. Undefined before the end of the header. */
function brokenAt(file: string, rows: number | undefined, error: unknown): unknown {
  if (error instanceof CsvError) {
    const where = rows === undefined ? 'in its header' : `at row ${rows + 1} (line ${Number(error.lines)})`;
    return new ImportError(`${file} is broken ${where}: ${REMEDIES[error.code] ?? error.message}.`);
  }
  if (isZlibError(error)) {
    return new ImportError(
      `${file} is broken or cut off at row ${(rows ?? 0) + 1}: ${error.message}. Download or compress the whole file again.`,
    );
  }
  return error;
}

function isZlibError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('Z_');
}
