// `commerce search-eval JUDGEMENTS`: how good the search is by the grades of people, beside plain BM25 over the titles.
import { Command } from 'commander';
import { z } from 'zod';
import { productIdOf } from '../../commands/import/products/rows.js';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import type { Seal } from '../../domain/kernel/seal.js';
import type { CatalogueQueries } from '../../projections/models/catalogue.js';
import type { Cursor } from '../../projections/models/page.js';
import { CommandFailed } from '../errors.js';
import { openEngines } from '../open-engines.js';
import { type CommonOptions, configOfShop, withJson, withProfile } from '../options.js';
import { createProgress } from '../progress.js';
import { type Bm25, createBm25 } from '../search-eval/bm25.js';
import { readJudgements } from '../search-eval/judgements.js';
import { MAX_RANK, meanOf, type Quality, qualityOf } from '../search-eval/metrics.js';
import { table } from '../table.js';

const PRODUCTS_AT_ONCE = 100;

/** Digits after the point. */
const DIGITS = 4;

const found = z.object({ data: z.array(z.object({ id: z.string() })) });

interface EvalOptions extends CommonOptions {
  queries?: boolean;
  prefix?: string;
}

interface Judged {
  query: string;
  /** Products with a grade. */
  judged: number;
  models: Record<Model, Quality>;
}

/** `ours` is what `GET /v1/search` answers. */
const MODELS = ['bm25', 'ours'] as const;
type Model = (typeof MODELS)[number];

export function searchEvalCommand(): Command {
  return withJson(withProfile(new Command('search-eval')))
    .description('measure the search by the grades of people, beside plain BM25 over the titles')
    .argument('<judgements>', 'CSV, plain or gzip, with the columns query,docid,rating; s3://bucket/key on aws')
    .option('--queries', 'also print the result of each query')
    .option('--prefix <text>', 'text before each docid, as at `import products`')
    .action(evaluate);
}

async function evaluate(file: string, { prefix = '', ...options }: EvalOptions): Promise<void> {
  const shop = await openEngines(await configOfShop(options));
  const progress = createProgress();
  try {
    const judgements = await readJudgements((await shop.get('bulkFiles')).source(file));
    if (judgements.size === 0) throw new CommandFailed(`${file} has no judgement.`);
    const { catalogue } = await shop.get('queries');
    const titles = await titlesOf(await catalogue.current());
    const search = searchOf(await shop.get('endpoints'), (await shop.get('seals')).cursors('search-eval'));
    if (titles.size() === 0) throw new CommandFailed('The shop has no published product; import some first.');

    const results: Judged[] = [];
    let done = 0;
    for (const [query, graded] of judgements) {
      const grades = new Map([...graded].map(([docid, grade]) => [productIdOf(docid, prefix), grade]));
      progress.report('queries', ++done, judgements.size);
      if (![...grades.values()].some((grade) => grade > 0)) continue;
      results.push({
        query,
        judged: grades.size,
        models: {
          bm25: qualityOf(titles.search(query, MAX_RANK), grades),
          ours: qualityOf(await search(query), grades),
        },
      });
    }
    progress.end();
    if (results.length === 0) throw new CommandFailed(`${file} has no query with a grade above 0.`);
    const summary = {
      products: titles.size(),
      queries: results.length,
      leftOut: judgements.size - results.length,
      models: {
        bm25: meanOf(results.map(({ models }) => models.bm25)),
        ours: meanOf(results.map(({ models }) => models.ours)),
      },
    };
    if (options.json) console.log(JSON.stringify({ ...summary, ...(options.queries && { perQuery: results }) }));
    else console.log(textOf(summary, options.queries ? results : []));
  } finally {
    progress.end();
    await shop.close();
  }
}

/** Of all published products, read page by page. */
async function titlesOf(catalogue: CatalogueQueries): Promise<Bm25> {
  const titles = createBm25();
  for (let after: Cursor | undefined; ; ) {
    const page = await catalogue.list({ limit: PRODUCTS_AT_ONCE, after });
    for (const { id, title } of page.data) titles.add(id, title);
    after = page.next;
    if (!after) return titles;
  }
}

/** The first products of `GET /v1/search`, by the endpoint itself. */
function searchOf(endpoints: readonly Endpoint[], cursors: Seal): (text: string) => Promise<string[]> {
  const endpoint = endpoints.find(({ method, path }) => method === 'get' && path === '/v1/search');
  if (!endpoint) throw new Error('There is no GET /v1/search.');
  return async (text) => {
    const query = endpoint.query?.safeParse({ q: text, limit: String(MAX_RANK) });
    if (query?.error) {
      throw new CommandFailed(
        `The search refuses the query ${JSON.stringify(text)}: ${query.error.issues[0]?.message}.`,
      );
    }
    const { body } = await endpoint.handle({
      params: {},
      query: query?.data,
      body: undefined,
      caller: { role: 'public', id: 'search-eval' },
      address: '127.0.0.1',
      requestId: 'search-eval',
      seen: new Map(),
      waitMs: 0,
      cursors,
      command: noCommand,
      newId: noCommand,
    });
    return found.parse(body).data.map(({ id }) => id);
  };
}

function noCommand(): never {
  throw new Error('A search issues no command.');
}

interface Summary {
  /** Published products. */
  products: number;
  /** Queries that were measured, and those without a grade above 0. */
  queries: number;
  leftOut: number;
  models: Record<Model, Quality>;
}

function textOf({ products, queries, leftOut, models }: Summary, perQuery: readonly Judged[]): string {
  const names: Record<Model, string> = { bm25: 'BM25 over titles', ours: 'search' };
  const rows = MODELS.map((model) => {
    const { ndcg10, ndcg20, mrr, zeroResults } = models[model];
    return [names[model], ...[ndcg10, ndcg20, mrr].map(digits), `${(zeroResults * 100).toFixed(1)} %`];
  });
  const all = table({ head: ['', 'nDCG@10', 'nDCG@20', 'MRR', 'nothing found'], rows, right: [1, 2, 3, 4] });
  const ratio = digits(models.ours.ndcg10 / models.bm25.ndcg10);
  const lines = [
    all,
    `${queries} queries on ${products.toLocaleString('en-GB')} products; ${leftOut} more have no grade above 0. nDCG@10 is ${ratio} × the baseline's.`,
  ];
  if (perQuery.length === 0) return lines.join('\n');
  const each = table({
    head: ['query', 'judged', 'BM25', 'nDCG@10', 'nDCG@20', 'MRR'],
    rows: perQuery.map(({ query, judged, models: { bm25, ours } }) => {
      return [query, judged, digits(bm25.ndcg10), digits(ours.ndcg10), digits(ours.ndcg20), digits(ours.mrr)];
    }),
    right: [1, 2, 3, 4, 5],
  });
  return [each, ...lines].join('\n');
}

function digits(value: number): string {
  return value.toFixed(DIGITS);
}
