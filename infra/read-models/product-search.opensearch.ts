// Product search in OpenSearch: by stems of words.
import { type Client, errors } from '@opensearch-project/opensearch';
import type { Cursor } from '../../projections/models/page.js';
import { pageOf } from '../../projections/models/page.js';
import { type ProductDocument, productView } from '../../projections/models/product.js';
import {
  type ProductSearchQueries,
  type ProductSearchRequest,
  type ProductSort,
  productSearch,
} from '../../projections/models/product-search.js';
import { physicalName } from '../../projections/runtime/projection.js';
import { orUnavailable } from '../sinks/unavailable.js';

/** A request without an answer is given up; the driver tries the next node itself. */
const REQUEST = { requestTimeout: 5_000, maxRetries: 1 };

interface Hit {
  _source: { document: ProductDocument };
  sort: Cursor;
}

/** Ties go by id, so that pages follow each other without a gap. */
const ORDERS: Record<ProductSort, object[]> = {
  relevance: [{ _score: 'desc' }, { 'document.id': 'asc' }],
  title: [{ 'document.title': 'asc' }, { 'document.id': 'asc' }],
  price: [{ 'document.price': 'asc' }, { 'document.id': 'asc' }],
  '-price': [{ 'document.price': 'desc' }, { 'document.id': 'asc' }],
};

export function createOpenSearchProductSearch(client: Client, projection = productSearch): ProductSearchQueries {
  const index = physicalName(projection);

  return {
    async search(request) {
      const { sort, limit, after } = request;
      const body = {
        query: queryOf(request),
        sort: ORDERS[sort],
        size: limit + 1,
        track_total_hits: false,
        _source: ['document'],
        ...(after && { search_after: after }),
      };
      const answer = await orUnavailable('OpenSearch', isAway, async () =>
        client.search({ index, body: body as never }, REQUEST),
      );
      const hits = answer.body.hits.hits as unknown as Hit[];
      const { data, ...rest } = pageOf(hits, limit, (hit) => hit.sort);
      return { data: data.map(({ _source }) => productView(_source.document)!), ...rest };
    },
  };
}

/** Products without a price have no place in an order by price. */
function queryOf({ q, category, brand, price, inStock, sort }: ProductSearchRequest): object {
  const filter: object[] = [{ term: { 'document.status': 'published' } }];
  if (category !== undefined) filter.push({ term: { 'document.categories': category } });
  if (brand !== undefined) filter.push({ term: { 'document.brand': brand } });
  if (price) filter.push({ range: { 'document.price': { gte: price.min, lte: price.max } } });
  if (inStock !== undefined) filter.push({ term: { 'document.inStock': inStock } });
  if (sort.endsWith('price')) filter.push({ exists: { field: 'document.price' } });
  const must = q === undefined ? [] : [{ match: { 'document.words': { query: q, operator: 'and' } } }];
  return { bool: { filter, must } };
}

/** No connection, no answer, too busy (429), or a fault of the server. */
function isAway(error: unknown): boolean {
  if (error instanceof errors.ResponseError) return error.statusCode === 429 || (error.statusCode ?? 500) >= 500;
  return error instanceof errors.OpenSearchClientError;
}
