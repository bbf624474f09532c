// Reads CSV as a stream of records, plain or gzip. Memory use does not depend on its length, whatever the bytes are.
import { isUtf8 } from 'node:buffer';
import { pipeline, Transform } from 'node:stream';
import { CsvError, type Options, parse } from 'csv-parse';
import { ImportError } from './import-error.js';
import { changedMeanwhile, cutOff, type Source, unpacked } from './source.js';

export const ENCODINGS = ['utf8', 'latin1'] as const;
export type Encoding = (typeof ENCODINGS)[number];

const BLANK = /^\s*$/;

/** Longest row, in bytes. It keeps an unclosed quote from pulling the rest of the file into memory. */
const MAX_ROW_BYTES = 64 * 1024;

/** A character that no text contains. It marks the first bytes that are not UTF-8. */
const NOT_UTF8 = '\uffff';

/** A byte order mark of UTF-8, read as Latin-1. */
const UTF8_MARK_AS_LATIN1 = '\u00ef\u00bb\u00bf';

export interface CsvReading<T> {
  /** Between the fields. The default is a comma. */
  delimiter?: string;
  /** Called with the first record that is not blank. */
  header(fields: string[]): { width: number; record: (fields: string[], row: number) => T };
}

/** Throws `ImportError` if the file does not exist, and at a row that is broken or cut off. Rows are numbered from 1. */
export async function* readCsv<T>(
  source: Source,
  { header, delimiter = ',' }: CsvReading<T>,
  encoding: Encoding = 'utf8',
): AsyncGenerator<T> {
  const opened = await source.open();
  const reader = createReader(source.name, header, encoding);
  const options: Options<T, string[]> = {
    bom: true,
    delimiter,
    max_record_size: MAX_ROW_BYTES,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    skip_empty_lines: true,
    on_record: (fields, { lines }) => reader.row(fields as unknown as string[], lines),
  };
  const parser = parse(options as unknown as Options);
  try {
    // An error anywhere in the pipeline ends the parser, and is thrown by the loop.
    pipeline([...(await unpacked(opened.bytes)), reader.decoder, parser], () => {});
    yield* parser as AsyncIterable<T>;
    if (reader.rows() === undefined) throw new ImportError(`${source.name} is empty.`);
    if (await opened.hasChanged()) throw changedMeanwhile(source.name);
  } catch (error) {
    throw brokenAt(source.name, reader.rows(), error);
  } finally {
    parser.destroy();
    await opened.close();
  }
}

/** Decodes bytes into text, and turns its records into rows. */
function createReader<T>(file: string, header: CsvReading<T>['header'], encoding: Encoding) {
  let table: ReturnType<typeof header> | undefined;
  let rows = 0;
  const { decoder, isBroken } = encoding === 'latin1' ? latin1Decoder() : utf8Decoder();

  function row(fields: string[], line: number): T | undefined {
    if (fields.every(isBlank)) return undefined;
    if (!table && fields.some((field) => field.includes('\0'))) {
      throw new ImportError(`${file} is not UTF-8 but probably UTF-16. Save it as UTF-8.`);
    }
    if (isBroken() && fields.some((field) => field.includes(NOT_UTF8))) {
      const where = table ? `at row ${rows + 1} (line ${line})` : 'in its header';
      throw new ImportError(
        `${file} is not UTF-8 ${where}. If it was saved as Latin-1, as by Excel on Windows, import it with --encoding latin1; else save it as UTF-8.`,
      );
    }
    if (!table) {
      if (fields[0]?.startsWith(UTF8_MARK_AS_LATIN1)) {
        throw new ImportError(`${file} is UTF-8. Leave out --encoding latin1.`);
      }
      table = header(fields);
      return undefined;
    }
    const { width, record } = table;
    const number = ++rows;
    const isLong = fields.length > width && !fields.slice(width).every(isBlank);
    if (fields.length < width || isLong) {
      throw new ImportError(
        `${file} is broken at row ${number} (line ${line}): it has ${fields.length} fields, the header has ${width}. Correct that row; a text with a comma must be in quotes.`,
      );
    }
    return record(fields, number);
  }

  return { decoder, row, rows: () => (table ? rows : undefined) };
}

/** The name of a column, in whatever way people write it. */
export function normalised(name: string): string {
  return name.replace(/[\s_]/g, '').toLowerCase();
}

function isBlank(text: string): boolean {
  return BLANK.test(text);
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
  return cutOff(file, `row ${(rows ?? 0) + 1}`, error);
}
