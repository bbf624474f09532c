// Recommendations: read by key, and filtered by the product pages, so that nothing is shown that cannot be bought now.
import { z } from 'zod';
import { customerOf, type Endpoint, type EndpointRequest, endpoint } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { askedId, pathId } from '../../domain/kernel/id.js';
import { shortText, wholeNumber } from '../../domain/kernel/text.js';
import { productIdSchema } from '../../domain/product/events.js';
import type { AlsoBoughtQueries } from '../../projections/models/also-bought.js';
import type { CatalogueQueries } from '../../projections/models/catalogue.js';
import type { ProductView } from '../../projections/models/product.js';
import type { ProductPageQueries } from '../../projections/models/product-page.js';
import { filterKey } from '../../projections/models/texts.js';
import { type BrowsingDocuments, nextProducts } from '../../projections/recommendation/browsing.js';
import { addScore, ranked, type Scores } from '../../projections/recommendation/scores.js';
import type { ReadModel } from '../../projections/visibility.js';
import { caughtUp } from './caught-up.js';
import { productAnswer } from './products.js';

/** Most recommendations of one answer. */
const MAX_RECOMMENDATIONS = 50;
const DEFAULT_RECOMMENDATIONS = 20;
/** Candidates that are looked up for each one of the answer, because some of them cannot be bought now. */
const CANDIDATES = 2;
/** Products that sell most, among which those of a category are looked for. */
const SELLING = 100;

/** The last views of a customer whose partners are recommended to them. */
const PERSONAL_VIEWS = 3;
/** What comes next counts so much more than what is bought together with the last views. */
const NEXT_WEIGHT = 2;

const limit = wholeNumber(z.int().min(1).max(MAX_RECOMMENDATIONS))
  .default(DEFAULT_RECOMMENDATIONS)
  .meta({ description: 'Maximum number of products', default: DEFAULT_RECOMMENDATIONS });
const categoryName = shortText(100);
const answers = { 200: z.strictObject({ data: z.array(productAnswer) }) };
const params = z.strictObject({ id: pathId(productIdSchema, 'product_mug') });
const NEVER = 'Products that are not published or are sold out are never among them.';

export interface RecommendationQueryDeps {
  alsoBought: ReadModel<AlsoBoughtQueries>;
  productPage: ReadModel<ProductPageQueries>;
  catalogue: ReadModel<CatalogueQueries>;
  browsing: BrowsingDocuments;
  sessionOf(customerId: string): string;
}

type Request = Pick<EndpointRequest, 'seen' | 'waitMs'>;

export function recommendationQueries(deps: RecommendationQueryDeps): Endpoint[] {
  const { alsoBought, productPage, catalogue, browsing, sessionOf } = deps;
  const pagesFor = (request: Request) => caughtUp('The product page', productPage, request);

  /** The read models of one answer. Few answers need the catalogue. */
  async function modelsFor(request: Request) {
    const [pages, sold] = await Promise.all([pagesFor(request), caughtUp('The recommendations', alsoBought, request)]);
    let lists: Promise<CatalogueQueries> | undefined;
    return {
      pages,
      sold,
      lists() {
        lists ??= caughtUp('The catalogue', catalogue, request);
        return lists;
      },
    };
  }

  /** The first `limit` of these products that can be bought now, without those in `but`. */
  async function buyable(
    pages: ProductPageQueries,
    ids: readonly string[],
    limit: number,
    but: readonly string[] = [],
  ) {
    const wanted = [...new Set(ids)].filter((id) => !but.includes(id));
    const found = await Promise.all(wanted.map((id) => pages.byId(id)));
    return found.filter((page) => page !== undefined && canBeBought(page)).slice(0, limit) as ProductView[];
  }

  async function published(pages: ProductPageQueries, id: string): Promise<ProductView> {
    const page = await pages.byId(id);
    if (page?.status !== 'published') throw new Problem('not_found', `There is no ${id}.`);
    return page;
  }

  /** What sells most now; then, in the order of their ids, other products of the category or of the shop. */
  async function bestSellers(
    { pages, sold, lists }: Awaited<ReturnType<typeof modelsFor>>,
    limit: number,
    category?: string,
  ): Promise<ProductView[]> {
    const selling = await buyable(
      pages,
      await sold.selling(category === undefined ? CANDIDATES * limit : SELLING),
      SELLING,
    );
    const best = selling.filter((page) => category === undefined || isIn(page, category)).slice(0, limit);
    if (best.length === limit) return best;
    const { data } = await (await lists()).list({ category, limit: CANDIDATES * limit });
    const known = new Set(best.map(({ id }) => id));
    return [...best, ...data.filter((page) => canBeBought(page) && !known.has(page.id))].slice(0, limit);
  }

  /** What the customer will probably view next, blended with what is bought together with their last views. */
  async function personal(request: Request, customerId: string, limit: number): Promise<ProductView[]> {
    const session = sessionOf(customerId);
    const [models, sessions] = await Promise.all([modelsFor(request), browsing.sessions([session])]);
    const { pages, sold } = models;
    const viewed = (sessions.get(session)?.views ?? []).map(({ product }) => product);
    const last = [...new Set([...viewed].reverse())].slice(0, PERSONAL_VIEWS);
    const seen = (await Promise.all(last.map((id) => pages.byId(id)))).filter((page) => page !== undefined);
    const skus = seen.flatMap(({ variants }) => variants.map(({ sku }) => sku));
    const candidates = CANDIDATES * limit;
    const [next, partners] = await Promise.all([
      nextProducts(browsing, viewed, candidates, session),
      sold.boughtWith(skus, candidates),
    ]);
    const scores: Scores = new Map();
    for (const [place, id] of next.entries()) addScore(scores, id, NEXT_WEIGHT / (place + 1));
    for (const [place, id] of partners.entries()) addScore(scores, id, 1 / (place + 1));
    const own = await buyable(pages, ranked(scores, candidates), limit, last.slice(0, 1));
    const known = new Set([...own.map(({ id }) => id), ...last]);
    for (const category of new Set([seen[0]?.categories?.[0], undefined])) {
      if (own.length === limit) break;
      const fill = (await bestSellers(models, limit, category)).filter(({ id }) => !known.has(id));
      for (const page of fill.slice(0, limit - own.length)) {
        known.add(page.id);
        own.push(page);
      }
    }
    return own;
  }

  return [
    endpoint({
      method: 'get',
      path: '/v1/products/{id}/also-bought',
      summary: 'List products that are bought together with a product',
      description: `The products that occur most in orders with this one, the best first. ${NEVER}`,
      roles: ['public'],
      params,
      query: z.strictObject({ limit }),
      answers,
      async handle(request) {
        const id = askedId(productIdSchema, request.params.id);
        const { pages, sold } = await modelsFor(request);
        const { variants } = await published(pages, id);
        const skus = variants.map(({ sku }) => sku);
        const found = await sold.boughtWith(skus, CANDIDATES * request.query.limit);
        return { status: 200, body: { data: await buyable(pages, found, request.query.limit, [id]) } };
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/products/{id}/also-viewed',
      summary: 'List products that are viewed after a product',
      description: `The products that customers look at soon after this one, the best first. ${NEVER}`,
      roles: ['public'],
      params,
      query: z.strictObject({ limit }),
      answers,
      async handle(request) {
        const id = askedId(productIdSchema, request.params.id);
        const pages = await pagesFor(request);
        await published(pages, id);
        const found = await nextProducts(browsing, [id], CANDIDATES * request.query.limit);
        return { status: 200, body: { data: await buyable(pages, found, request.query.limit, [id]) } };
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/recommendations/trending',
      summary: 'List products that sell most now',
      description:
        'Recent orders count more: an order of a week ago counts half. If few products were sold, other products of the ' +
        `category or of the shop follow. ${NEVER}`,
      roles: ['public'],
      query: z.strictObject({ limit, category: categoryName.optional() }),
      answers,
      async handle(request) {
        const { limit, category } = request.query;
        return { status: 200, body: { data: await bestSellers(await modelsFor(request), limit, category) } };
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/me/recommendations',
      summary: 'List products that the caller will probably look at or buy next',
      description:
        'From the last views of the caller (`POST /v1/me/views`), of customers who viewed the same, and from orders. Then ' +
        `follow the best sellers of the category that the caller looks at, and of the shop. ${NEVER}`,
      roles: ['customer'],
      query: z.strictObject({ limit }),
      answers,
      async handle(request) {
        const data = await personal(request, customerOf(request.caller), request.query.limit);
        return { status: 200, body: { data } };
      },
    }),
  ];
}

function canBeBought({ status, variants }: ProductView): boolean {
  return status === 'published' && variants.some(({ inStock }) => inStock);
}

function isIn({ categories = [] }: ProductView, category: string): boolean {
  return categories.map(filterKey).includes(filterKey(category));
}
