// Product search in OpenSearch, on the words and stems that the projection makes.
import { type Client, errors } from '@opensearch-project/opensearch';
import { type Cursor, pageOf } from '../../projections/models/page.js';
import { type ProductDocument, productView } from '../../projections/models/product.js';
import {
  type ProductSearchQueries,
  type ProductSearchRequest,
  productSearch,
} from '../../projections/models/product-search.js';
import { filterKey, type WordQuery, wordQuery } from '../../projections/models/texts.js';
import { physicalName } from '../../projections/runtime/projection.js';
import { orUnavailable } from '../sinks/unavailable.js';

/** A request without an answer is abandoned after this time. The driver tries the next node itself. */
const REQUEST = { requestTimeout: 5_000, maxRetries: 1 };

/** Higher than the total score of the words of any query, so that SKUs rank before words, and words before stems. */
const SKU_SCORE = 16_384;
const WORDS_SCORE = 8_192;

/** Sort value of a product without a price, so that it comes last: no price is so high, and none is negative. */
const NO_PRICE: Record<string, number> = { price: 1e15, '-price': -1 };

interface Hit {
  _source: { document: ProductDocument };
  sort: Cursor;
}

export function createOpenSearchProductSearch(client: Client, projection = productSearch): ProductSearchQueries {
  const index = physicalName(projection);

  return {
    async search(request) {
      const { sort, limit, after } = request;
      const noPrice = NO_PRICE[sort];
      const body = {
        query: queryOf(request),
        sort: orderOf(request),
        size: limit + 1,
        track_total_hits: false,
        _source: ['document'],
        ...(after && { search_after: after.map((key) => key ?? noPrice) }),
      };
      const answer = await orUnavailable('OpenSearch', isAway, async () =>
        client.search({ index, body: body as never }, REQUEST),
      );
      const hits = answer.body.hits.hits as unknown as Hit[];
      const { data, ...rest } = pageOf(hits, limit, (hit) => hit.sort.map((key) => (key === noPrice ? null : key)));
      return { data: data.flatMap(({ _source }) => productView(_source.document) ?? []), ...rest };
    },
  };
}

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
    case 'price':
    case '-price': {
      const order = sort === 'price' ? 'asc' : 'desc';
      // The index has no field for a currency in which no product has a price.
      return { [priceIn(currency)]: { order, missing: NO_PRICE[sort], unmapped_type: 'double' } };
    }
  }
}

const priceIn = (currency: string): string => `document.lowestPrices.${currency}`;

function queryOf({ q, category, brand, price, currency, inStock }: ProductSearchRequest): object {
  const filter: object[] = [{ term: { 'document.status': 'published' } }];
  if (category !== undefined) filter.push({ term: { 'document.categoryKeys': filterKey(category) } });
  if (brand !== undefined) filter.push({ term: { 'document.brandKey': filterKey(brand) } });
  if (price) filter.push({ range: { [priceIn(currency)]: { gte: price.min, lte: price.max } } });
  if (inStock !== undefined) filter.push({ term: { 'document.inStock': inStock } });
  return { bool: { filter, ...(q !== undefined && matches(wordQuery(q))) } };
}

/** The words of a product include its SKUs, so a SKU is found as a word. */
function matches({ whole, words, stems }: WordQuery): object {
  const sku = { term: { 'document.skuKeys': whole } };
  const asTheyAre = allOf(words.map((word) => ({ term: { 'document.words': word } })));
  return {
    must: stems.length > 0 ? allOf(stems.map(byStems)) : { constant_score: { filter: asTheyAre } },
    should: [
      { constant_score: { filter: sku, boost: SKU_SCORE } },
      { constant_score: { filter: asTheyAre, boost: WORDS_SCORE } },
    ],
  };
}

function byStems(ways: readonly (readonly string[])[]): object {
  return anyOf(ways.map((way) => allOf(way.map((stem) => ({ term: { 'document.stems': stem } })))));
}

/** An empty list matches nothing. */
function allOf(queries: readonly object[]): object {
  return queries.length > 0 ? { bool: { must: queries } } : { match_none: {} };
}

function anyOf(queries: readonly object[]): object {
  return { bool: { should: queries, minimum_should_match: 1 } };
}

/** No connection, no answer, too busy (429), or a server error. */
function isAway(error: unknown): boolean {
  if (error instanceof errors.ResponseError) return error.statusCode === 429 || (error.statusCode ?? 500) >= 500;
  return error instanceof errors.OpenSearchClientError;
}
