// The benches of reads: queries of the running product, compared with a bare Express server that sends the same statements to the
// same database. The statements are caught from the product's own adapters.
import type { Pool } from 'pg';
import { createPool } from '../../infra/postgres.js';
import { createPostgresCatalogue } from '../../infra/read-models/catalogue.postgres.js';
import { productPageQueries } from '../../infra/read-models/documents.js';
import { createPostgresOrders } from '../../infra/read-models/orders.postgres.js';
import { postgresTable } from '../../infra/read-models/postgres-documents.js';
import { createPostgresProductSearch } from '../../infra/read-models/product-search.postgres.js';
import { schemasOf } from '../../infra/stores/schemas.js';
import { productPage } from '../../projections/models/product-page.js';
import { startBare } from './bare-process.js';
import type { BareReadsOrder, Statement } from './bare-reads.js';
import type { RatioBench } from './bench.js';
import type { Client } from './client.js';
import type { RunningProduct } from './engines.js';
import type { Side } from './measure.js';
import { inParts } from './parts.js';
import type { Product } from './product.js';
import { checkOut, fillCart } from './story.js';

/** Products of the catalogue. The word that is searched for is in half of their titles. */
const PRODUCTS = 240;
const COMMON_WORD = 'mug';

/** A page of support, and the lines of each of its orders. A real year of a shop has 26 lines in an order. */
const PAGE_ENTRIES = 24;
const ORDER_LINES = 26;

/** Requests that fill the shop run side by side. */
const FILLING_IN_FLIGHT = 8;

interface Read {
  name: string;
  inFlight: number;
  target: number;
  /** Requests of a round. */
  tasks: number;
  what: string;
  /** Different requests, which are sent in turn. */
  paths: readonly string[];
  /** The token of the caller; none for shoppers. */
  as?: 'support';
  fill(product: Product): Promise<void>;
  /** Runs the queries of one of the requests on the adapter of the product. */
  query(pool: Pool, n: number): Promise<unknown>;
}

const READS: readonly Read[] = [
  {
    name: 'product-read',
    inFlight: 32,
    target: 0.9,
    tasks: 6_000,
    what: 'a product by its id',
    paths: Array.from({ length: PRODUCTS }, (_, n) => `/v1/products/${productIdOf(n)}`),
    fill: fillCatalogue,
    query: (pool, n) => productPageQueries(postgresTable(pool, productPage)).byId(productIdOf(n)),
  },
  {
    name: 'list-read',
    inFlight: 32,
    target: 0.8,
    tasks: 1_500,
    what: `a page of ${PAGE_ENTRIES} products`,
    paths: [`/v1/products?limit=${PAGE_ENTRIES}`],
    fill: fillCatalogue,
    query: (pool) => createPostgresCatalogue(pool).list({ limit: PAGE_ENTRIES }),
  },
  {
    name: 'search-read',
    inFlight: 32,
    target: 0.8,
    tasks: 800,
    what: `a search for a word that half of ${PRODUCTS} products have, with facets`,
    paths: [`/v1/search?q=${COMMON_WORD}&limit=${PAGE_ENTRIES}`],
    fill: fillCatalogue,
    query: (pool) =>
      createPostgresProductSearch(pool).search({
        q: COMMON_WORD,
        sort: 'relevance',
        currency: 'GBP',
        limit: PAGE_ENTRIES,
      }),
  },
  {
    name: 'support-read',
    inFlight: 8,
    target: 0.5,
    tasks: 300,
    what: `support's page of ${PAGE_ENTRIES} orders of ${ORDER_LINES} lines, each of another guest`,
    paths: [`/v1/orders?limit=${PAGE_ENTRIES}`],
    as: 'support',
    fill: fillOrders,
    query: (pool) => createPostgresOrders(pool).list({ limit: PAGE_ENTRIES }),
  },
];

/** Requests of shoppers on the filled catalogue. */
export const readPaths = READS.filter(({ as }) => as === undefined).flatMap(({ paths }) => paths);

export const reads = READS.map(
  ({ name, inFlight, target, tasks, what, paths, as, fill, query }): RatioBench => ({
    kind: 'ratio',
    name,
    inFlight,
    target,
    how: `${what} over HTTP ÷ the same statements by a bare Express server, which sends their rows as JSON`,
    async open(engines) {
      const running = await engines.product();
      const { product } = running;
      await once(running, fill);
      await product.atRest();
      const token = as && (await product.tokenOf(as));
      const bare = await startBare('bare-reads', await orderOf(running, paths, query));
      const side = (client: Client, paths: readonly string[], headers: { token?: string }): Side => ({
        callers: inFlight,
        tasks,
        prepare: async (tasks) =>
          Array.from(
            { length: tasks },
            (_, n) => () => client.expect(200, { method: 'GET', path: paths[n % paths.length]!, ...headers }),
          ),
      });
      return {
        ours: side(product.client, paths, token === undefined ? {} : { token }),
        raw: side(
          bare.client,
          paths.map((_, n) => `/${n}`),
          {},
        ),
        close: bare.stop,
      };
    },
  }),
);

// ── The statements ──────────────────────────────────────────────────────────────────────────────────────────────────

async function orderOf(
  { shop: { url, namespace } }: RunningProduct,
  paths: readonly string[],
  query: Read['query'],
): Promise<BareReadsOrder> {
  const { readModels: schema } = schemasOf({ profile: 'embedded', isLogInPostgres: true, namespace });
  const pool = createPool({ url, searchPath: [schema], max: 1 });
  try {
    const reads: Statement[][] = [];
    for (const n of paths.keys()) reads.push(await caught(pool, (catching) => query(catching, n)));
    return { databaseUrl: url, schema, reads };
  } finally {
    await pool.end();
  }
}

/** The statements that the work sends to the pool, which executes them. */
async function caught(pool: Pool, work: (pool: Pool) => Promise<unknown>): Promise<Statement[]> {
  const statements: Statement[] = [];
  const query = (statement: Statement) => {
    const { name, text, values } = statement;
    statements.push({ name, text, values });
    return pool.query(statement);
  };
  await work({ query } as unknown as Pool);
  return statements;
}

// ── The shop ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What each running shop was filled with. */
const filled = new WeakMap<RunningProduct, Map<Read['fill'], Promise<void>>>();

function once(running: RunningProduct, fill: Read['fill']): Promise<void> {
  const done = filled.get(running) ?? new Map<Read['fill'], Promise<void>>();
  filled.set(running, done);
  const filling = done.get(fill) ?? fill(running.product);
  done.set(fill, filling);
  return filling;
}

function productIdOf(n: number): string {
  return `product_READ-${n}`;
}

export async function fillCatalogue({ publish }: Product): Promise<void> {
  await inParts(PRODUCTS, FILLING_IN_FLIGHT, (n) =>
    publish(productIdOf(n), {
      title: `${n % 2 === 0 ? 'Stoneware' : 'Walnut'} ${n % 2 === 0 ? COMMON_WORD : 'bowl'} no. ${n}`,
      description: 'Made by hand in small numbers, so that no two are alike. Holds 350 ml and survives the dishwasher.',
      brand: n % 3 === 0 ? 'Hearth' : 'Field & Fold',
      categories: ['kitchen', n % 2 === 0 ? 'mugs' : 'bowls'],
      variants: ['blue', 'sand'].map((colour) => ({
        sku: `READ-${n}-${colour.toUpperCase()}`,
        options: { colour },
        prices: [
          { amount: 1_200 + n, currency: 'GBP' },
          { amount: 1_500 + n, currency: 'EUR' },
        ],
      })),
    }),
  );
}

/** One page of orders, and one order more, so that there is a next page. */
async function fillOrders({ client, sell }: Product): Promise<void> {
  const skus = Array.from({ length: ORDER_LINES }, (_, n) => `READ-LINE-${n}`);
  for (const sku of skus) await sell(sku, 1_000);
  await inParts(PAGE_ENTRIES + 1, FILLING_IN_FLIGHT, async () => {
    const { status, text } = await checkOut(client, await fillCart(client, skus));
    if (status !== 201) throw new Error(`A checkout got the answer ${status}: ${text}`);
  });
}
