// Product search in Postgres: full text search on the words and stems that the projection makes.
import type { Pool } from 'pg';
import { type Cursor, pageOf } from '../../projections/models/page.js';
import { type ProductDocument, productView } from '../../projections/models/product.js';
import {
  type ProductSearchQueries,
  type ProductSearchRequest,
  productSearch,
} from '../../projections/models/product-search.js';
import { filterKey, type WordQuery, wordQuery } from '../../projections/models/texts.js';
import { numberSql } from '../sinks/postgres.js';
import { placeholders, postgresTable } from './postgres.js';

interface Found {
  document: ProductDocument;
  id: string;
  sortKey: string | number | null;
}

type Field = (name: string) => string;
/** The request, and the expression of the price that it compares. */
type Priced = ProductSearchRequest & { lowestPrice: string };
type Bind = (value: unknown) => string;

/** The first sort key of an order; equal entries are ordered by id. */
interface Order {
  key: string;
  type: 'text' | 'numeric' | 'float8';
  descending: boolean;
}

export function createPostgresProductSearch(pool: Pool, projection = productSearch): ProductSearchQueries {
  const table = postgresTable(pool, projection);
  const { field } = table;
  const id = field('id');

  /** Each currency whose prices are compared has its own index, because only the shop's settings name the currencies. */
  function lowestPriceIn(currency: string, isCompared: boolean): string {
    const price = numberSql('lowestPrices', currency);
    if (isCompared) table.index(`price_${currency.toLowerCase()}`, [price, id]);
    return price;
  }

  async function find(request: Priced, limit: number, after?: Cursor): Promise<Found[]> {
    const { values, bind } = placeholders();
    const asked = request.q === undefined ? undefined : wordQuery(request.q);
    const conditions = conditionsOf(request, field, bind);
    if (asked) conditions.push(matches(asked, field, bind));
    const { key, type, descending } = orderOf(request, asked, field, bind);
    if (type === 'numeric') conditions.push(`${key} is not null`);
    if (after) {
      const last = `${bind(after[0])}::${type}`;
      conditions.push(`${key} ${descending ? '<=' : '>='} ${last}`);
      conditions.push(`(${key} <> ${last} or ${id} > ${bind(after[1])})`);
    }
    return table.select<Found>(
      `select document, key as id, ${key} as "sortKey" from ${table.name} where ${conditions.join(' and ')}
       order by ${key} ${descending ? 'desc' : 'asc'}, ${id} limit ${bind(limit)}`,
      values,
    );
  }

  async function findUnpriced(request: Priced, limit: number, after?: Cursor): Promise<Found[]> {
    const { values, bind } = placeholders();
    const conditions = [...conditionsOf(request, field, bind), `${request.lowestPrice} is null`];
    if (request.q !== undefined) conditions.push(matches(wordQuery(request.q), field, bind));
    if (after) conditions.push(`${id} > ${bind(after[1])}`);
    return table.select<Found>(
      `select document, key as id, null as "sortKey" from ${table.name} where ${conditions.join(' and ')}
       order by ${id} limit ${bind(limit)}`,
      values,
    );
  }

  /** Products with a price are read in index order. A second statement reads the others after them. */
  async function findByPrice(request: Priced, limit: number, after?: Cursor): Promise<Found[]> {
    if (after?.[0] === null) return findUnpriced(request, limit, after);
    const priced = await find(request, limit, after);
    if (priced.length === limit) return priced;
    return [...priced, ...(await findUnpriced(request, limit - priced.length))];
  }

  return {
    async search(request) {
      const { sort, limit, after, currency, price } = request;
      const isByPrice = sort === 'price' || sort === '-price';
      const priced = { ...request, lowestPrice: lowestPriceIn(currency, isByPrice || price !== undefined) };
      const found = await (isByPrice ? findByPrice : find)(priced, limit + 1, after);
      const { data, ...rest } = pageOf(found, limit, ({ sortKey, id }) => [
        sort === 'title' || sortKey === null ? sortKey : Number(sortKey),
        id,
      ]);
      return { data: data.flatMap(({ document }) => productView(document) ?? []), ...rest };
    },
  };
}

function conditionsOf({ category, brand, price, lowestPrice, inStock }: Priced, field: Field, bind: Bind): string[] {
  const conditions = [`${field('status')} = 'published'`];
  if (category !== undefined) conditions.push(`${field('categoryKeys')} ? ${bind(filterKey(category))}`);
  if (brand !== undefined) conditions.push(`${field('brandKey')} = ${bind(filterKey(brand))}`);
  if (price) conditions.push(`${lowestPrice} is not null`);
  if (price?.min !== undefined) conditions.push(`${lowestPrice} >= ${bind(price.min)}`);
  if (price?.max !== undefined) conditions.push(`${lowestPrice} <= ${bind(price.max)}`);
  if (inStock !== undefined) conditions.push(`${field('inStock')} = ${bind(inStock)}`);
  return conditions;
}

/** The words of a product include its SKUs, so a SKU is found as a word. */
function matches(asked: WordQuery, field: Field, bind: Bind): string {
  return asked.stems.length > 0
    ? `${field('stems')} @@ ${bind(stemsSql(asked))}::tsquery`
    : `${field('words')} @@ ${bind(wordsSql(asked))}::tsquery`;
}

/** Two points for the exact SKU, one for the exact words, plus a rank below one. */
function relevance(asked: WordQuery, field: Field, bind: Bind): string {
  const points = `case when ${field('skuKeys')} ? ${bind(asked.whole)} then 2
                       when ${field('words')} @@ ${bind(wordsSql(asked))}::tsquery then 1 else 0 end`;
  return `(${points} + ${rank(asked, bind)})`;
}

/** Higher for more occurrences of the stems and for fewer other words, like BM25 for texts of about 20 words. */
function rank({ stems }: WordQuery, bind: Bind): string {
  const all = `unnest(string_to_array(document->>'stems', ' '))`;
  return `(select found / (found + 0.3 + 0.045 * words)
           from (select count(*) filter (where stem = any(${bind(stems.flat(2))}))::float8 as found, count(*) as words
                 from ${all} as stem) as counted)`;
}

function orderOf({ sort, lowestPrice }: Priced, asked: WordQuery | undefined, field: Field, bind: Bind): Order {
  switch (sort) {
    case 'relevance':
      return { key: asked ? relevance(asked, field, bind) : '0::float8', type: 'float8', descending: true };
    case 'title':
      return { key: field('titleKey'), type: 'text', descending: false };
    case 'price':
    case '-price':
      return { key: lowestPrice, type: 'numeric', descending: sort === '-price' };
  }
}

function wordsSql({ words }: WordQuery): string {
  return words.map(lexeme).join(' & ');
}

function stemsSql({ stems }: WordQuery): string {
  return stems.map((ways) => `(${ways.map((way) => way.map(lexeme).join(' & ')).join(' | ')})`).join(' & ');
}

/** A word of a tsquery, with any characters. */
function lexeme(word: string): string {
  return `'${word.replace(/['\\]/g, '$&$&')}'`;
}
