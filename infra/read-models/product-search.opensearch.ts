// Product search in OpenSearch, on the words that the projection makes and the points of the plan.
import { type Client, errors } from '@opensearch-project/opensearch';
import { defined } from '../../domain/kernel/json.js';
import { type Cursor, pageOf } from '../../projections/models/page.js';
import { type ProductDocument, productView } from '../../projections/models/product.js';
import {
  type AttributeCounts,
  attributeFacets,
  attributeKey,
  FACET_NAMES,
  type Facet,
  type FacetValue,
  facetCounts,
  facetKey,
  MAX_ATTRIBUTE_FACET_PRODUCTS,
  MAX_ATTRIBUTE_SPELLINGS,
  MAX_FACET_SPELLINGS,
  type ProductSearchQueries,
  type ProductSearchRequest,
  type ProductsFound,
  productSearch,
} from '../../projections/models/product-search.js';
import { productSearchQueries } from '../../projections/models/product-search-queries.js';
import { BREVITY_POINTS, type Points, type SearchPlan, type Way } from '../../projections/models/search-plan.js';
import type { Candidate } from '../../projections/models/suggestions.js';
import { SHIPPED_SYNONYMS, synonymsOf } from '../../projections/models/synonyms.js';
import { physicalName } from '../../projections/runtime/projection.js';
import { orUnavailable } from '../sinks/unavailable.js';

/** A request without an answer is abandoned after this time. The driver tries the next node itself. */
const REQUEST = { requestTimeout: 5_000, maxRetries: 1 };

/** After this time OpenSearch answers with what it has found. */
const TIMEOUT = '2s';

/** Titles that are read to correct a word. */
const LIKE_TITLES = 50;

/** Sort value of a product without a price, so that it comes last: no price is so high, and none is negative. */
const NO_PRICE: Record<string, number> = { price: 1e15, '-price': -1 };

interface Buckets {
  buckets: { key: string; doc_count: number }[];
}

/** For each facet the counts of its values. */
type Aggregations = Record<Facet, { values: Buckets }>;

interface Hit {
  _source: { document: ProductDocument };
  sort: Cursor;
}

const SHIPPED = synonymsOf(SHIPPED_SYNONYMS);

export function createOpenSearchProductSearch(
  client: Client,
  projection = productSearch,
  synonyms = () => SHIPPED,
): ProductSearchQueries {
  const index = physicalName(projection);

  async function ask<A>(body: object): Promise<{ hits: Hit[]; total: number | undefined; aggregations: A }> {
    const answer = await orUnavailable('OpenSearch', isAway, async () =>
      client.search({ index, body: { track_total_hits: false, timeout: TIMEOUT, ...body } as never }, REQUEST),
    );
    return {
      hits: answer.body.hits.hits as unknown as Hit[],
      total: (answer.body.hits.total as { value: number } | undefined)?.value,
      aggregations: answer.body.aggregations as unknown as A,
    };
  }

  async function find(request: ProductSearchRequest, plan: SearchPlan | undefined): Promise<ProductsFound> {
    const { sort, limit, after } = request;
    const noPrice = NO_PRICE[sort];
    const isRanked = sort === 'relevance';
    const { hits, aggregations } = await ask<Aggregations>({
      query: isRanked ? rankedQuery(request, plan) : queryOf(request, plan),
      // The facets are counted before this filter applies, each with the filters by the other facets.
      post_filter: withFacets(request, FACET_NAMES),
      aggs: after ? {} : facetsOf(request),
      sort: orderOf(request),
      size: limit + 1,
      _source: ['document'],
      ...(after && { search_after: after.map((key) => key ?? noPrice) }),
    });
    const { data, ...rest } = pageOf(hits, limit, (hit) => hit.sort.map((key) => (key === noPrice ? null : key)));
    const products = { data: data.map(({ _source }) => productView(_source.document)!), ...rest };
    if (after) return products;
    const spellings = FACET_NAMES.flatMap((name) => valuesOf(aggregations[name].values));
    const attributes = await attributeFacets(request, (asked) => countAttributes(asked, plan));
    return { ...products, facets: facetCounts(spellings), ...defined({ attributeFacets: attributes }) };
  }

  async function countAttributes(
    request: ProductSearchRequest,
    plan: SearchPlan | undefined,
  ): Promise<AttributeCounts> {
    const query = { bool: { filter: [queryOf(request, plan), withFacets(request, FACET_NAMES)] } };
    const found = await count(query);
    if (found > MAX_ATTRIBUTE_FACET_PRODUCTS) return { found, spellings: [] };
    const { aggregations } = await ask<{ values: Buckets }>({
      query,
      aggs: { values: { terms: { field: 'document.attributeValues', size: MAX_ATTRIBUTE_SPELLINGS } } },
      size: 0,
    });
    return { found, spellings: valuesOf(aggregations.values) };
  }

  /** Not beyond what matters for the attributes. */
  async function count(query: object): Promise<number> {
    const { total } = await ask({ query, size: 0, track_total_hits: MAX_ATTRIBUTE_FACET_PRODUCTS + 1 });
    return total ?? 0;
  }

  return productSearchQueries(
    {
      find,
      async hasAny(plan) {
        const filter = [PUBLISHED, matches(plan)];
        const { hits } = await ask({ query: { bool: { filter } }, size: 1, _source: false, terminate_after: 1 });
        return hits.length > 0;
      },
      async titlesLike(word) {
        const like = { fuzzy: { 'document.words': { value: word, fuzziness: 'AUTO:3,6', transpositions: true } } };
        const { hits } = await ask({
          query: { bool: { must: like, filter: PUBLISHED } },
          size: LIKE_TITLES,
          _source: ['document.title'],
        });
        return hits.map(({ _source }) => _source.document.title ?? '');
      },
      async beginningWith(words, limit) {
        const filter = words.map((word, place) => ({
          [place === words.length - 1 ? 'prefix' : 'term']: { 'document.words': word },
        }));
        const { hits } = await ask({
          query: { bool: { filter: [PUBLISHED, ...filter] } },
          sort: [{ 'document.sold': { order: 'desc', missing: 0 } }, { 'document.id': 'asc' }],
          size: limit,
          _source: ['document.id', 'document.title', 'document.brand', 'document.categories'],
        });
        return hits.map(({ _source }) => _source.document as Candidate);
      },
    },
    synonyms,
  );
}

const PUBLISHED = { term: { 'document.status': 'published' } };

/** Equal entries are ordered by id, so that pages continue without a gap. */
function orderOf(request: ProductSearchRequest): object[] {
  return [firstOrderOf(request), { 'document.id': 'asc' }];
}

function firstOrderOf({ sort, currency }: ProductSearchRequest): object {
  switch (sort) {
    case 'relevance':
      return { _score: 'desc' };
    case 'title':
      return { 'document.titleKey': 'asc' };
    case 'newest':
      return { 'document.publishedAt': { order: 'desc', missing: 0 } };
    case 'popularity':
      return { 'document.sold': { order: 'desc', missing: 0 } };
    case 'price':
    case '-price': {
      const order = sort === 'price' ? 'asc' : 'desc';
      // The index has no field for a currency in which no product has a price.
      return { [priceIn(currency)]: { order, missing: NO_PRICE[sort], unmapped_type: 'double' } };
    }
  }
}

const priceIn = (currency: string): string => `document.lowestPrices.${currency}`;

function facetsOf(request: ProductSearchRequest): object {
  const counted = (name: Facet) => ({
    filter: withFacets(
      request,
      FACET_NAMES.filter((other) => other !== name),
    ),
    aggs: { values: { terms: { field: 'document.facetValues', include: `${name}:.*`, size: MAX_FACET_SPELLINGS } } },
  });
  return Object.fromEntries(FACET_NAMES.map((name) => [name, counted(name)]));
}

/** Without a filter by one of these facets it matches everything. */
function withFacets(request: ProductSearchRequest, names: readonly Facet[]): object {
  const filter = names.flatMap((name) => {
    const value = request[name];
    return value === undefined ? [] : [{ term: { 'document.facetKeys': facetKey(name, value) } }];
  });
  return { bool: { filter } };
}

function valuesOf({ buckets }: Buckets): FacetValue[] {
  return buckets.map(({ key, doc_count }) => ({ value: key, count: doc_count }));
}

/** Without points. */
function queryOf({ price, currency, attributes = [] }: ProductSearchRequest, plan: SearchPlan | undefined): object {
  const filter: object[] = [PUBLISHED];
  if (price) filter.push({ range: { [priceIn(currency)]: { gte: price.min, lte: price.max } } });
  for (const each of attributes) filter.push({ term: { 'document.attributeKeys': attributeKey(each) } });
  if (plan) filter.push(matches(plan));
  return { bool: { filter } };
}

/** With the points of the plan, and of the product itself. */
function rankedQuery(request: ProductSearchRequest, plan: SearchPlan | undefined): object {
  const filter = queryOf(request, plan);
  const should = plan ? pointsOf(plan) : [];
  const functions = [
    { field_value_factor: { field: 'document.standing', missing: 0 } },
    ...(plan ? [{ field_value_factor: { field: 'document.brevity', factor: BREVITY_POINTS, missing: 0 } }] : []),
  ];
  return {
    function_score: { query: { bool: { filter, should } }, functions, score_mode: 'sum', boost_mode: 'sum' },
  };
}

/** The products that the plan finds. */
function matches({ code, words, parts, needed }: SearchPlan): object {
  const inFull = { term: { 'document.codeKeys': code } };
  if (parts.length === 0) return anyOf([inFull, allOf(words.map((word) => ({ term: { 'document.words': word } })))]);
  const found = parts.map((ways) => anyOf(ways.map(({ stems }) => withStems(stems))));
  return anyOf([inFull, { bool: { should: found, minimum_should_match: needed } }]);
}

function pointsOf({ parts, bonuses }: SearchPlan): object[] {
  return [...parts.map((ways) => ({ dis_max: { queries: ways.map(pointsOfWay) } })), ...bonuses.map(scored)];
}

function pointsOfWay({ ranked, head }: Way): object {
  const filter = ranked.map((points) => ({ terms: { 'document.ranked': points.flatMap(({ tokens }) => tokens) } }));
  return { bool: { filter, should: [...ranked.flat(), ...(head ? [head] : [])].map(scored) } };
}

function scored({ tokens, points }: Points): object {
  const filter = allOf(tokens.map((token) => ({ term: { 'document.ranked': token } })));
  return { constant_score: { filter, boost: points } };
}

function withStems(stems: readonly string[]): object {
  return allOf(stems.map((stem) => ({ term: { 'document.stems': stem } })));
}

/** An empty list matches nothing. */
function allOf(queries: readonly object[]): object {
  return queries.length > 0 ? { bool: { filter: queries } } : { match_none: {} };
}

function anyOf(queries: readonly object[]): object {
  return { bool: { should: queries, minimum_should_match: 1 } };
}

/** No connection, no answer, too busy (429), or a server error. */
function isAway(error: unknown): boolean {
  if (error instanceof errors.ResponseError) return error.statusCode === 429 || (error.statusCode ?? 500) >= 500;
  return error instanceof errors.OpenSearchClientError;
}
