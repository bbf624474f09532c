// Product search in Postgres: full text search on the words and stems that the projection makes.
import type { Pool } from 'pg';
import { type Cursor, pageOf } from '../../projections/models/page.js';
import { type ProductView, productView } from '../../projections/models/product.js';
import {
  FACET_NAMES,
  type Facet,
  type FacetCounts,
  type FacetValue,
  facetCounts,
  facetKey,
  MAX_FACET_SPELLINGS,
  type ProductSearchQueries,
  type ProductSearchRequest,
  productSearch,
} from '../../projections/models/product-search.js';
import { type WordQuery, wordQuery } from '../../projections/models/texts.js';
import { numberSql } from '../sinks/postgres.js';
import { keptViews } from './kept-views.js';
import { placeholders, postgresTable } from './postgres-documents.js';

interface Found {
  document: ProductView;
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
  const viewOf = keptViews(productView);

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
      viewOf,
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
      viewOf,
    );
  }

  /** Products with a price are read in index order. A second statement reads the others after them. */
  async function findByPrice(request: Priced, limit: number, after?: Cursor): Promise<Found[]> {
    if (after?.[0] === null) return findUnpriced(request, limit, after);
    const priced = await find(request, limit, after);
    if (priced.length === limit) return priced;
    return [...priced, ...(await findUnpriced(request, limit - priced.length))];
  }

  /**
   * Counts the values of these facets, all with the same filters. A facet with a filter is counted alone, because its own
   * filter does not apply.
   */
  async function countFacets(request: Priced, names: readonly Facet[]): Promise<FacetValue[]> {
    const { values, bind } = placeholders();
    const conditions = conditionsOf(request, field, bind);
    if (request.q !== undefined) conditions.push(matches(wordQuery(request.q), field, bind));
    const name = `split_part(value, ':', 1)`;
    return table.select<FacetValue>(
      `select value, count from (
         select value, count(*)::int as count,
                row_number() over (partition by ${name} order by count(*) desc, value) as place
         from ${table.name}, jsonb_array_elements_text(document->'facetValues') as value
         where ${conditions.join(' and ')} and ${name} = any(${bind(names)})
         group by value) as counted
       where place <= ${bind(MAX_FACET_SPELLINGS)}`,
      values,
    );
  }

  async function facetsOf(request: Priced): Promise<FacetCounts> {
    const filtered = FACET_NAMES.filter((name) => request[name] !== undefined);
    const counted = await Promise.all([
      countFacets(
        request,
        FACET_NAMES.filter((name) => !filtered.includes(name)),
      ),
      ...filtered.map((name) => countFacets({ ...request, [name]: undefined }, [name])),
    ]);
    return facetCounts(counted.flat());
  }

  return {
    async search(request) {
      const { sort, limit, after, currency, price } = request;
      const isByPrice = sort === 'price' || sort === '-price';
      const priced = { ...request, lowestPrice: lowestPriceIn(currency, isByPrice || price !== undefined) };
      const [found, facets] = await Promise.all([
        (isByPrice ? findByPrice : find)(priced, limit + 1, after),
        after ? undefined : facetsOf(priced),
      ]);
      const { data, ...rest } = pageOf(found, limit, ({ sortKey, id }) => [
        sort === 'title' || sortKey === null ? sortKey : Number(sortKey),
        id,
      ]);
      const products = { data: data.map(({ document }) => document), ...rest };
      return facets ? { ...products, facets } : products;
    },
  };
}

function conditionsOf(request: Priced, field: Field, bind: Bind): string[] {
  const { price, lowestPrice } = request;
  const conditions = [`${field('status')} = 'published'`];
  for (const name of FACET_NAMES) {
    const value = request[name];
    if (value !== undefined) conditions.push(`${field('facetKeys')} ? ${bind(facetKey(name, value))}`);
  }
  if (price) conditions.push(`${lowestPrice} is not null`);
  if (price?.min !== undefined) conditions.push(`${lowestPrice} >= ${bind(price.min)}`);
  if (price?.max !== undefined) conditions.push(`${lowestPrice} <= ${bind(price.max)}`);
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
