// The rows of an Online Retail file.
import { asShortText } from '../../../domain/kernel/text.js';
import { type Encoding, normalised, readCsv } from '../csv.js';
import { ImportError } from '../import-error.js';
import { fileSource } from '../source.js';

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

/** Longest title of a product or line and longest reason of an adjustment, in characters. */
const MAX_DESCRIPTION_LENGTH = 200;

/** Longest label of an order, in characters. */
const MAX_COUNTRY_LENGTH = 100;

/** Throws `ImportError` if the file does not exist, and at a row that is broken or cut off. */
export function readRows(file: string, encoding: Encoding = 'utf8'): AsyncGenerator<Row> {
  return readCsv(fileSource(file), { header: (fields) => headerOf(file, fields) }, encoding);
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

function headerOf(file: string, fields: string[]) {
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
  const places = Object.fromEntries(COLUMNS.map((column) => [column, names.indexOf(normalised(column))]));
  return { width: fields.length, record: (row: string[], number: number) => rowOf(row, number, places as Places) };
}

type Places = Record<Column, number>;

function rowOf(fields: string[], number: number, places: Places): Row {
  const field = (column: Column) => fields[places[column]] ?? '';
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

function words(text: string, maxLength: number): string {
  return asShortText(text, maxLength) ?? '';
}
