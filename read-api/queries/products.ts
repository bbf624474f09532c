// Products as shoppers see them: the catalogue, the page of one product, and search.
import { z } from 'zod';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { askedId, pathId } from '../../domain/kernel/id.js';
import { defined } from '../../domain/kernel/json.js';
import { currencySchema } from '../../domain/kernel/money.js';
import { searchText, shortText, wholeNumber } from '../../domain/kernel/text.js';
import { productDetailsSchema, productIdSchema, variantSchema } from '../../domain/product/events.js';
import { PRODUCT_STATUSES } from '../../domain/product/product.js';
import type { CatalogueQueries } from '../../projections/models/catalogue.js';
import type { Cursor } from '../../projections/models/page.js';
import type { ProductPageQueries } from '../../projections/models/product-page.js';
import {
  FACET_NAMES,
  type Facet,
  MAX_ATTRIBUTE_FACET_PRODUCTS,
  MAX_ATTRIBUTE_FACETS,
  MAX_ATTRIBUTE_FILTERS,
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

/** Characters of the attributes to filter by. */
const MAX_ATTRIBUTES_LENGTH = 1_000;

const attributeFacetsAnswer = z
  .array(z.strictObject({ name: z.string().meta({ example: 'colour' }), values: facetValues }))
  .meta({
    description:
      `The most frequent values of up to ${MAX_ATTRIBUTE_FACETS} attributes among the products found, if these are at most ` +
      `${MAX_ATTRIBUTE_FACET_PRODUCTS}. Each can be used in \`attributes\`. Only the first page has them`,
  });

const CONTROLS = String.raw`\u0000-\u001f\u007f`;
const PAIR = `[^;:${CONTROLS}]+:[^;${CONTROLS}]*[^;\\s${CONTROLS}][^;${CONTROLS}]*`;
const PAIRS = new RegExp(`^${PAIR}(?:;${PAIR}){0,${MAX_ATTRIBUTE_FILTERS - 1}}$`);

const attributeFilters = z
  .string()
  .max(MAX_ATTRIBUTES_LENGTH)
  .regex(
    PAIRS,
    `must look like colour:Black or colour:Black;type:Original, with at most ${MAX_ATTRIBUTE_FILTERS} pairs`,
  )
  .transform((text) =>
    text.split(';').map((pair) => {
      const at = pair.indexOf(':');
      return { name: pair.slice(0, at).trim(), value: pair.slice(at + 1).trim() };
    }),
  );

const searchQuery = z.strictObject({
  q: searchText(200)
    .transform((text) => folded(text) || undefined)
    .optional()
    .meta({
      description:
        'Words of title, brand, categories, description or attributes, or a SKU, EAN or the like. Products with exactly this ' +
        'code come first. If nothing has all words, misspelt ones are corrected (see `didYouMean`); if that does not help, ' +
        'half of the words suffice. Blank text finds all products',
      example: 'blue mug',
    }),
  ...facetFilters,
  attributes: attributeFilters.optional().meta({
    description:
      'Products with these values of their own attributes, as `name:value`, separated by `;`. A blank stands for a `;` in a ' +
      `value. At most ${MAX_ATTRIBUTE_FILTERS}`,
    example: 'colour:Black;type:Original',
  }),
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
  sort: z
    .enum(PRODUCT_SORTS)
    .default('relevance')
    .meta({ description: '`newest`: last published first. `popularity`: most units sold first' }),
  ...pageQuery,
});

const MAX_SUGGESTIONS = 20;
const DEFAULT_SUGGESTIONS = 8;

const suggestionAnswer = z
  .strictObject({
    text: z.string().meta({ example: 'Blue mug' }),
    productId: productIdSchema.optional().meta({ description: 'Present if the text is the title of this product' }),
  })
  .meta({ id: 'Suggestion' });

/** For each order, the sort key of the last entry of a page. The id is kept beside it. */
const SEARCH_KEYS = {
  relevance: z.number(),
  title: z.string(),
  price: z.number().nullable(),
  '-price': z.number().nullable(),
  newest: z.number(),
  popularity: z.number(),
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
        200: pageAnswer(productAnswer).extend({
          facets: facetsAnswer,
          attributeFacets: attributeFacetsAnswer.optional(),
          didYouMean: z
            .string()
            .optional()
            .meta({
              description:
                'The corrected words that were searched instead, because no product has the words as they were typed. Absent if ' +
                'only half of the words were searched',
            }),
        }),
      },
      async handle(request) {
        const { query } = request;
        const currency = await currencyOf(query.currency);
        // The cursor contains the currency, because the shop's first currency may change between two pages.
        const last = cursorOf<Cursor>(request, z.tuple([z.literal(currency), SEARCH_KEYS[query.sort], z.string()]));
        const queries = await caughtUp('The search', productSearch, request);
        const found = await queries.search({ ...query, currency, after: last?.slice(1) });
        const page = found.next ? { ...found, next: [currency, ...found.next] } : found;
        const { facets = {}, attributeFacets, didYouMean } = found;
        return {
          status: 200,
          body: { ...pageBody(request, page), facets, ...defined({ attributeFacets, didYouMean }) },
        };
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/search/suggest',
      summary: 'List suggestions for a search field',
      description:
        'For a search field, as its text is typed: categories, brands and titles of published products with words that begin ' +
        'like those of the text.',
      roles: ['public'],
      query: z.strictObject({
        q: searchText(100).meta({ example: 'mu' }),
        limit: wholeNumber(z.int().min(1).max(MAX_SUGGESTIONS))
          .default(DEFAULT_SUGGESTIONS)
          .meta({ description: 'Maximum number of suggestions', default: DEFAULT_SUGGESTIONS }),
      }),
      answers: { 200: z.strictObject({ data: z.array(suggestionAnswer) }) },
      async handle(request) {
        const { q, limit } = request.query;
        const queries = await caughtUp('The search', productSearch, request);
        return { status: 200, body: { data: await queries.suggest(q, limit) } };
      },
    }),
  ];
}

function rangeOf(text: string): { min?: number; max?: number } {
  const [min, max] = text.split('..');
  return defined({ min: min ? Number(min) : undefined, max: max ? Number(max) : undefined });
}
