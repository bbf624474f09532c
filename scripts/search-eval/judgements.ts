// The grades that people have given to products for queries: CSV with the columns query, docid and rating.
import { normalised, readCsv } from '../../commands/import/csv.js';
import { ImportError } from '../../commands/import/import-error.js';
import type { Source } from '../../commands/import/source.js';
import type { Grades } from './metrics.js';

const MAX_RATING = 10;
const RATING = /^\d{1,2}$/;

const COLUMNS = ['query', 'docid', 'rating'] as const;

/** The grades of each query, by the ids of the file. Of several grades for one product, the last counts. */
export async function readJudgements(source: Source): Promise<Map<string, Grades>> {
  const queries = new Map<string, Map<string, number>>();
  for await (const { query, docid, rating } of readCsv(source, { header: (fields) => headerOf(source.name, fields) })) {
    const grades = queries.get(query) ?? new Map<string, number>();
    queries.set(query, grades.set(docid, rating));
  }
  return queries;
}

function headerOf(file: string, fields: string[]) {
  const names = fields.map(normalised);
  const [query, docid, rating] = COLUMNS.map((column) => names.indexOf(column)) as [number, number, number];
  if (Math.min(query, docid, rating) < 0) {
    throw new ImportError(
      `${file} does not start with the header query,docid,rating. Name the columns in its first line.`,
    );
  }
  return {
    width: fields.length,
    record(row: string[], number: number) {
      const text = (column: number) => row[column]?.trim() ?? '';
      const refuse = (what: string) => new ImportError(`${file} is broken at row ${number}: ${what}.`);
      if (text(query) === '') throw refuse('query is empty');
      if (text(docid) === '') throw refuse('docid is empty');
      if (!RATING.test(text(rating)) || Number(text(rating)) > MAX_RATING)
        throw refuse(`rating must be a whole number from 0 to ${MAX_RATING}`);
      return { query: text(query), docid: text(docid), rating: Number(text(rating)) };
    },
  };
}
