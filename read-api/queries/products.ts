// Products as shoppers see them: the catalogue, the page of one product, and search.
import { z } from 'zod';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { askedId, pathId } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import { currencySchema } from '../../domain/kernel/money.js';
import { searchText, shortText } from '../../domain/kernel/text.js';
import { productDetailsSchema, productIdSchema, variantSchema } from '../../domain/product/events.js';
import { PRODUCT_STATUSES } from '../../domain/product/product.js';
import type { CatalogueQueries } from '../../projections/models/catalogue.js';
import type { Cursor } from '../../projections/models/page.js';
import type { ProductPageQueries } from '../../projections/models/product-page.js';
import {
  FACET_NAMES,
  type Facet,
  MAX_FACET_VALUES,
  PRODUCT_SORTS,
  type ProductSearchQueries,
  type ProductSort,
} from '../../projections/models/product-search.js';
import { folded } from '../../projections/models/texts.js';
import type { ReadModel } from '../../projections/visibility.js';
import { caughtUp } from './caught-up.js';
import { cursorOf, pageAnswer, pageBody, pageQuery } from './lists.js';

export const productAnswer = productDetailsSchema
  .extend({
    id: productIdSchema.meta({ example: 'product_mug' }),
    version: z
      .int()
      .meta({ description: 'Counts the changes of the product. `If-Match` compares this part of the ETag' }),
    status: z.enum(PRODUCT_STATUSES),
    variants: z.array(variantSchema.extend({ inStock: z.boolean() })),
  })
  .meta({ id: 'Product' });

const categoryAnswer = z
  .strictObject({ id: z.string().meta({ example: 'kitchen' }), products: z.int() })
  .meta({ id: 'Category' });

const category = shortText(100).optional();

/** Each facet is a filter. */
const facetFilters = {
  category,
  brand: shortText(100).optional(),
  inStock: z.enum(['true', 'false']).optional(),
} satisfies Record<Facet, z.ZodType<string | undefined>>;

const facetValues = z.array(z.strictObject({ value: z.string(), count: z.int() }));

const facetsAnswer = z.partialRecord(z.enum(FACET_NAMES), facetValues).meta({
  description:
    `The ${MAX_FACET_VALUES} most frequent values of each facet among the products found, with their numbers of products. ` +
    'Each value can be used as a filter. A filter by one facet does not change the counts of the same facet. Only the ' +
    'first page has facets',
});

const searchQuery = z.strictObject({
  q: searchText(200)
    .transform((text) => folded(text) || undefined)
    .optional()
    .meta({
      description: 'Words of the title or the brand, or a SKU. Blank text finds all products',
      example: 'blue mug',
    }),
  ...facetFilters,
  price: z
    .string()
    .regex(/^(0|[1-9][0-9]{0,9})?\.\.(0|[1-9][0-9]{0,9})?$/, 'must look like 500..2000, 500.. or ..2000')
    .transform(rangeOf)
    .optional()
    .meta({ description: 'Minor units of the currency, both ends included', example: '500..2000' }),
  currency: currencySchema.optional().meta({
    description:
      'A currency of the shop (see `/v1/config`). The default is the first of them. `price` and the sort orders by price ' +
      'compare the lowest price of a product in this currency. A product without such a price comes last, and `price` ' +
      'does not find it',
    example: 'GBP',
  }),
  sort: z.enum(PRODUCT_SORTS).default('relevance'),
  ...pageQuery,
});

/** For each order, the sort key of the last entry of a page. The id is kept beside it. */
const SEARCH_KEYS = {
  relevance: z.number(),
  title: z.string(),
  price: z.number().nullable(),
  '-price': z.number().nullable(),
} satisfies Record<ProductSort, z.ZodType>;

/** Roles that see unpublished products. */
const STAFF: readonly string[] = ['catalogue', 'support'];

export interface ProductQueryDeps {
  catalogue: ReadModel<CatalogueQueries>;
  productPage: ReadModel<ProductPageQueries>;
  productSearch: ReadModel<ProductSearchQueries>;
  /** The requested currency, or the shop's first. Throws `invalid_request` for a currency that the shop does not sell in. */
  currencyOf(asked: string | undefined): Promise<string>;
}

export function productQueries({ catalogue, productPage, productSearch, currencyOf }: ProductQueryDeps): Endpoint[] {
  return [
    endpoint({
      method: 'get',
      path: '/v1/products',
      summary: 'List published products',
      roles: ['public'],
      query: z.strictObject({ category, ...pageQuery }),
      answers: { 200: pageAnswer(productAnswer) },
      async handle(request) {
        const { category, limit } = request.query;
        const after = cursorOf(request, z.tuple([z.string()]));
        const queries = await caughtUp('The catalogue', catalogue, request);
        const page = await queries.list({ category, limit, after });
        return { status: 200, body: pageBody(request, page) };
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/products/{id}',
      summary: 'Get a product',
      description: 'Staff also see products that are not published.',
      roles: ['public', 'catalogue', 'support'],
      params: z.strictObject({ id: pathId(productIdSchema, 'product_mug') }),
      answers: { 200: productAnswer },
      async handle(request) {
        const id = askedId(productIdSchema, request.params.id);
        const queries = await caughtUp('The product page', productPage, request);
        const product = await queries.byId(id);
        if (!product || (product.status !== 'published' && !STAFF.includes(request.caller.role))) {
          throw new Problem('not_found', `There is no ${id}.`);
        }
        return { status: 200, body: product, version: product.version };
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/categories',
      summary: 'List categories',
      description: 'Lists the categories of published products, sorted by name, each with its number of products.',
      roles: ['public'],
      query: z.strictObject(pageQuery),
      answers: { 200: pageAnswer(categoryAnswer) },
      async handle(request) {
        const after = cursorOf(request, z.tuple([z.string()]));
        const queries = await caughtUp('The catalogue', catalogue, request);
        const page = await queries.categories({ limit: request.query.limit, after });
        return { status: 200, body: pageBody(request, page) };
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/search',
      summary: 'Search published products',
      roles: ['public'],
      query: searchQuery,
      answers: {
        200: pageAnswer(productAnswer).extend({ facets: facetsAnswer }),
      },
      async handle(request) {
        const { query } = request;
        const currency = await currencyOf(query.currency);
        // The cursor contains the currency, because the shop's first currency may change between two pages.
        const last = cursorOf<Cursor>(request, z.tuple([z.literal(currency), SEARCH_KEYS[query.sort], z.string()]));
        const queries = await caughtUp('The search', productSearch, request);
        const found = await queries.search({ ...query, currency, after: last?.slice(1) });
        const page = found.next ? { ...found, next: [currency, ...found.next] } : found;
        return { status: 200, body: { ...pageBody(request, page), facets: found.facets ?? {} } };
      },
    }),
  ];
}

function rangeOf(text: string): { min?: number; max?: number } {
  const [min, max] = text.split('..');
  return defined({ min: min ? Number(min) : undefined, max: max ? Number(max) : undefined });
}
