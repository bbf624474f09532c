// Product search in Postgres: full text search on the words that the projection makes, ranked by the points of the plan.
import type { Pool } from 'pg';
import { defined } from '../../domain/kernel/json.js';
import { type Cursor, pageOf } from '../../projections/models/page.js';
import { type ProductView, productView } from '../../projections/models/product.js';
import {
  type AttributeCounts,
  attributeFacets,
  attributeKey,
  FACET_NAMES,
  type Facet,
  type FacetCounts,
  type FacetValue,
  facetCounts,
  facetKey,
  MAX_ATTRIBUTE_FACET_PRODUCTS,
  MAX_ATTRIBUTE_SPELLINGS,
  MAX_FACET_SPELLINGS,
  type ProductSearchQueries,
  type ProductSearchRequest,
  productSearch,
} from '../../projections/models/product-search.js';
import { productSearchQueries } from '../../projections/models/product-search-queries.js';
import { BREVITY_POINTS, type Points, type SearchPlan, type Way } from '../../projections/models/search-plan.js';
import type { Candidate } from '../../projections/models/suggestions.js';
import { SHIPPED_SYNONYMS, synonymsOf } from '../../projections/models/synonyms.js';
import { numberSql } from '../sinks/postgres.js';
import { keptViews } from './kept-views.js';
import { placeholders, postgresTable } from './postgres-documents.js';
import { trigrams } from './postgres-trigrams.js';

/** Titles that are read to correct a word. */
const LIKE_TITLES = 50;

/**
 * The server ends a search after this time. Without the second setting it might read every document instead of the index of words,
 * because it does not know what that costs.
 */
const SEARCH_SETTINGS = { statement_timeout: '3s', enable_seqscan: 'off' };

interface Found {
  document: ProductView;
  id: string;
  sortKey: string | number | null;
}

type Field = (name: string) => string;
type Bind = (value: unknown) => string;
/** The request with the plan of its text, and the expression of the price that it compares. */
interface Asked extends ProductSearchRequest {
  plan: SearchPlan | undefined;
  lowestPrice: string;
}

/** The first sort key of an order; equal entries are ordered by id. */
interface Order {
  key: string;
  type: 'text' | 'numeric' | 'float8';
  descending: boolean;
}

const SHIPPED = synonymsOf(SHIPPED_SYNONYMS);

export function createPostgresProductSearch(
  pool: Pool,
  projection = productSearch,
  synonyms = () => SHIPPED,
): ProductSearchQueries {
  const table = postgresTable(pool, projection);
  const { field } = table;
  // A document's key is the id of its product. A field would have to be unpacked.
  const id = 'key';
  const published = `${field('status')} = 'published'`;
  const viewOf = keptViews(productView);
  const similar = trigrams(pool, table.name, field('titleKey'));

  /** Searches differ too much in their text for prepared statements. */
  function select<R extends object>(text: string, values: readonly unknown[], read?: (json: string) => unknown) {
    return table.select<R>(text, values, read, SEARCH_SETTINGS);
  }

  /** Each currency whose prices are compared has its own index, because only the shop's settings name the currencies. */
  function lowestPriceIn(currency: string, isCompared: boolean): string {
    const price = numberSql(field('lowestPrices'), currency);
    if (isCompared) table.index(`price_${currency.toLowerCase()}`, [price, id]);
    return price;
  }

  async function findSome(asked: Asked, limit: number, after?: Cursor): Promise<Found[]> {
    const { values, bind } = placeholders();
    const conditions = conditionsOf(asked, field, bind);
    const { key, type, descending } = orderOf(asked, field, bind);
    if (type === 'numeric') conditions.push(`${key} is not null`);
    if (after) {
      const last = `${bind(after[0])}::${type}`;
      conditions.push(`${key} ${descending ? '<=' : '>='} ${last}`);
      conditions.push(`(${key} <> ${last} or ${id} > ${bind(after[1])})`);
    }
    // The page is chosen before its documents are unpacked.
    const text = `
      with page as materialized (
        select key, ${key} as sort_key from ${table.name} where ${conditions.join(' and ')}
        order by 2 ${descending ? 'desc' : 'asc'}, 1 limit ${bind(limit)})
      select document, key as id, page.sort_key as "sortKey" from page join ${table.name} using (key)
      order by page.sort_key ${descending ? 'desc' : 'asc'}, key`;
    return asked.plan ? select<Found>(text, values, viewOf) : table.select<Found>(text, values, viewOf);
  }

  async function findUnpriced(asked: Asked, limit: number, after?: Cursor): Promise<Found[]> {
    const { values, bind } = placeholders();
    const conditions = [...conditionsOf(asked, field, bind), `${asked.lowestPrice} is null`];
    if (after) conditions.push(`${id} > ${bind(after[1])}`);
    return select<Found>(
      `select document, key as id, null as "sortKey" from ${table.name} where ${conditions.join(' and ')}
       order by ${id} limit ${bind(limit)}`,
      values,
      viewOf,
    );
  }

  /** Products with a price are read in index order. A second statement reads the others after them. */
  async function findByPrice(asked: Asked, limit: number, after?: Cursor): Promise<Found[]> {
    if (after?.[0] === null) return findUnpriced(asked, limit, after);
    const priced = await findSome(asked, limit, after);
    if (priced.length === limit) return priced;
    return [...priced, ...(await findUnpriced(asked, limit - priced.length))];
  }

  /**
   * Counts the values of these facets, all with the same filters. A facet with a filter is counted alone, because its own
   * filter does not apply.
   */
  async function countFacets(asked: Asked, names: readonly Facet[]): Promise<FacetValue[]> {
    const { values, bind } = placeholders();
    const conditions = conditionsOf(asked, field, bind);
    const name = `split_part(value, ':', 1)`;
    return select<FacetValue>(
      `select value, count from (
         select value, count(*)::int as count,
                row_number() over (partition by ${name} order by count(*) desc, value) as place
         from ${table.name}, jsonb_array_elements_text(${field('facetValues')}) as value
         where ${conditions.join(' and ')} and ${name} = any(${bind(names)})
         group by value) as counted
       where place <= ${bind(MAX_FACET_SPELLINGS)}`,
      values,
    );
  }

  async function facetsOf(asked: Asked): Promise<FacetCounts> {
    const filtered = FACET_NAMES.filter((name) => asked[name] !== undefined);
    const counted = await Promise.all([
      countFacets(
        asked,
        FACET_NAMES.filter((name) => !filtered.includes(name)),
      ),
      ...filtered.map((name) => countFacets({ ...asked, [name]: undefined }, [name])),
    ]);
    return facetCounts(counted.flat());
  }

  async function countAttributes(asked: Asked): Promise<AttributeCounts> {
    const { values, bind } = placeholders();
    const most = bind(MAX_ATTRIBUTE_FACET_PRODUCTS + 1);
    const rows = await select<FacetValue>(
      `with found as materialized (
         select key from ${table.name} where ${conditionsOf(asked, field, bind).join(' and ')} limit ${most}::int)
       select null as value, count(*)::int as count from found
       union all (
         select value, count(*)::int
         from ${table.name} join found using (key), jsonb_array_elements_text(${field('attributeValues')}) as value
         where (select count(*) from found) < ${most}::int
         group by value order by 2 desc, 1 limit ${bind(MAX_ATTRIBUTE_SPELLINGS)})`,
      values,
    );
    return { spellings: rows.slice(1), found: rows[0]?.count ?? 0 };
  }

  return productSearchQueries(
    {
      async find(request, plan) {
        const { sort, limit, after, currency, price } = request;
        const isByPrice = sort === 'price' || sort === '-price';
        const asked = { ...request, plan, lowestPrice: lowestPriceIn(currency, isByPrice || price !== undefined) };
        const [entries, facets, attributes] = await Promise.all([
          (isByPrice ? findByPrice : findSome)(asked, limit + 1, after),
          after ? undefined : facetsOf(asked),
          after ? undefined : attributeFacets(request, (other) => countAttributes({ ...asked, ...other })),
        ]);
        const { data, ...rest } = pageOf(entries, limit, ({ sortKey, id: last }) => [
          sort === 'title' || sortKey === null ? sortKey : Number(sortKey),
          last,
        ]);
        const products = { data: data.map(({ document }) => document), ...rest };
        return { ...products, ...defined({ facets, attributeFacets: attributes }) };
      },

      async hasAny(plan) {
        const { values, bind } = placeholders();
        const text = `select 1 from ${table.name} where ${published} and ${matches(plan, field, bind)} limit 1`;
        return (await select(text, values)).length > 0;
      },

      titlesLike: (word) => similar(word, LIKE_TITLES),

      async beginningWith(words, limit) {
        const { values, bind } = placeholders();
        const query = words.map((word, place) => (place === words.length - 1 ? `${lexeme(word)}:*` : lexeme(word)));
        const found = await select<Candidate & { categories: string[] | null; brand: string | null }>(
          `with page as materialized (
             select key, ${field('sold')} as sold from ${table.name}
             where ${published} and ${field('words')} @@ ${bind(query.join(' & '))}::tsquery
             order by 2 desc nulls last, 1 limit ${bind(limit)})
           select key as id, document->>'title' as title, document->>'brand' as brand, document->'categories' as categories
           from page join ${table.name} using (key) order by page.sold desc nulls last, key`,
          values,
        );
        return found.map(({ id: product, title, brand, categories }) => ({
          id: product,
          ...(title !== undefined && { title }),
          ...(brand && { brand }),
          ...(categories && { categories }),
        }));
      },
    },
    synonyms,
  );
}

function conditionsOf(asked: Asked, field: Field, bind: Bind): string[] {
  const { price, lowestPrice, attributes = [], plan } = asked;
  const conditions = [`${field('status')} = 'published'`];
  for (const name of FACET_NAMES) {
    const value = asked[name];
    if (value !== undefined) conditions.push(`${field('facetKeys')} ? ${bind(facetKey(name, value))}`);
  }
  for (const each of attributes) conditions.push(`${field('attributeKeys')} ? ${bind(attributeKey(each))}`);
  if (price) conditions.push(`${lowestPrice} is not null`);
  if (price?.min !== undefined) conditions.push(`${lowestPrice} >= ${bind(price.min)}`);
  if (price?.max !== undefined) conditions.push(`${lowestPrice} <= ${bind(price.max)}`);
  if (plan) conditions.push(matches(plan, field, bind));
  return conditions;
}

/** The products that the plan finds. */
function matches({ code, words, parts, needed }: SearchPlan, field: Field, bind: Bind): string {
  const found =
    parts.length > 0
      ? `${field('stems')} @@ ${bind(stemsSql(parts, needed))}::tsquery`
      : `${field('words')} @@ ${bind(words.map(lexeme).join(' & '))}::tsquery`;
  return `(${field('codeKeys')} ? ${bind(code)} or ${found})`;
}

/** Any selection of so many parts. */
function stemsSql(parts: SearchPlan['parts'], needed: number): string {
  const one = parts.map((ways) => `(${ways.map(({ stems }) => stems.map(lexeme).join('&')).join('|')})`);
  return selections(one, needed)
    .map((some) => some.join('&'))
    .join('|');
}

function selections<T>(all: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  if (size > all.length) return [];
  const [first, ...rest] = all;
  return [...selections(rest, size - 1).map((some) => [first as T, ...some]), ...selections(rest, size)];
}

/** The points of the plan, and of the product itself. */
function relevance({ parts, bonuses }: SearchPlan, field: Field, bind: Bind): string {
  const scored = ({ tokens, points }: Points) => `case when ${hasAll(tokens)} then ${points}::float8 else 0 end`;
  const hasAll = (tokens: readonly string[]) => `${field('ranked')} @@ ${bind(tokens.map(lexeme).join('&'))}::tsquery`;
  const ofWay = ({ ranked, head }: Way) => {
    const sum = [...ranked.flat(), ...(head ? [head] : [])].map(scored).join(' + ');
    const shown = ranked.map((points) => `(${points.flatMap(({ tokens }) => tokens.map(lexeme)).join('|')})`);
    return `case when ${field('ranked')} @@ ${bind(shown.join('&'))}::tsquery then ${sum} else 0 end`;
  };
  const sums = [
    ...parts.map((ways) => `greatest(${ways.map(ofWay).join(', ')})`),
    ...bonuses.filter(({ tokens }) => tokens.length > 0).map(scored),
    `coalesce(${field('standing')}, 0)::float8`,
    `coalesce(${field('brevity')}, 0)::float8 * ${BREVITY_POINTS}`,
  ];
  return `(${sums.map((sum) => `(${sum})`).join(' + ')})`;
}

function orderOf(asked: Asked, field: Field, bind: Bind): Order {
  const { sort, lowestPrice, plan } = asked;
  switch (sort) {
    case 'relevance': {
      const key = plan ? relevance(plan, field, bind) : `coalesce(${field('standing')}, 0)::float8`;
      return { key, type: 'float8', descending: true };
    }
    case 'title':
      return { key: field('titleKey'), type: 'text', descending: false };
    case 'newest':
      return { key: `coalesce(${field('publishedAt')}, 0)::float8`, type: 'float8', descending: true };
    case 'popularity':
      return { key: `coalesce(${field('sold')}, 0)::float8`, type: 'float8', descending: true };
    case 'price':
    case '-price':
      return { key: lowestPrice, type: 'numeric', descending: sort === '-price' };
  }
}

/** A word of a tsquery, with any characters. */
function lexeme(word: string): string {
  return `'${word.replace(/['\\]/g, '$&$&')}'`;
}
