// The benches of the whole product: checkouts of guests over HTTP, compared with a bare loop that takes the same requests and
// writes the same commits; and buyers who compete for the last units of one SKU.
import type { Pool } from 'pg';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import {
  COMMIT_COLUMNS,
  type CommitRow,
  storedCommit,
} from '../../infra/event-store/postgres/postgres-events-table.js';
import { randomId } from '../../infra/ids.js';
import { createPool } from '../../infra/postgres.js';
import type { BareLoopOrder } from './bare-loop.js';
import { startBare } from './bare-process.js';
import type { RatioBench, TimeBench } from './bench.js';
import { type Answered, type Asked, type Client, expecting } from './client.js';
import type { FreshShop } from './engines.js';
import type { Side } from './measure.js';
import type { Product } from './product.js';
import { createRawTable } from './raw-inserts.js';
import { checkOut, type FilledCart, fillCart } from './story.js';

/** Checkouts of a round, by the number in flight. */
const CHECKOUTS = { 1: 60, 8: 240, 32: 240 };

const SKUS = Array.from({ length: 24 }, (_, n) => `BENCH-MUG-${String(n).padStart(2, '0')}`);
const PLENTY = 1_000_000;

const BUYERS = 200;
const UNITS = 100;

export const checkouts = ([1, 8, 32] as const).map(
  (inFlight): RatioBench => ({
    kind: 'ratio',
    name: 'checkout',
    inFlight,
    target: 0.5,
    how: 'guest checkouts of two lines, in seven HTTP requests each ÷ the same requests to a bare server that inserts the same commits, one statement each, and gives the same answers',
    async open(engines) {
      const { product, shop } = await engines.product();
      for (const sku of SKUS) await product.sell(sku, PLENTY);
      const bareLoop = await startBare('bare-loop', await sample(product, shop));
      const side = (client: Client): Side => ({
        callers: inFlight,
        tasks: CHECKOUTS[inFlight],
        async prepare(tasks) {
          await product.atRest();
          return stories(client, tasks);
        },
      });
      return { ours: side(product.client), raw: side(bareLoop.client), close: bareLoop.stop };
    },
  }),
);

export const races = [BUYERS, 8].map(
  (inFlight): TimeBench => ({
    kind: 'time',
    name: 'race',
    inFlight,
    target: 1,
    how: `seconds in which ${BUYERS} buyers with full carts check out for ${UNITS} units of one SKU; the bench fails unless ${UNITS} are sold and the other buyers get out_of_stock`,
    async open(engines) {
      const { product } = await engines.product();
      return { ours: race(product, inFlight), close: async () => {} };
    },
  }),
);

function stories(client: Client, count: number) {
  return Array.from({ length: count }, (_, n) => async () => {
    const skus = [SKUS[n % SKUS.length]!, SKUS[(n + 7) % SKUS.length]!];
    expectOrder(await checkOut(client, await fillCart(client, skus)));
  });
}

function race(product: Product, callers: number): Side {
  let told: Answered[] = [];
  const buy = (cart: FilledCart) => async () => {
    told.push(await checkOut(product.client, cart));
  };
  return {
    callers,
    tasks: BUYERS,
    async prepare(buyers) {
      told = [];
      const sku = `RACE-${randomId(Date.now())}`;
      await product.sell(sku, UNITS);
      const carts: FilledCart[] = [];
      for (let n = 0; n < buyers; n++) carts.push(await fillCart(product.client, [sku]));
      await product.atRest();
      return carts.map(buy);
    },
    verify() {
      const sold = told.filter(({ status }) => status === 201).length;
      const short = told.filter(
        ({ status, text }) => status === 409 && JSON.parse(text).code === 'out_of_stock',
      ).length;
      if (sold === UNITS && short === BUYERS - UNITS) return;
      const others = told.find(({ status }) => status !== 201 && status !== 409);
      throw new Error(
        `Of ${UNITS} units ${sold} were sold, and ${short} buyers got out_of_stock.${others ? ` One got ${others.status}: ${others.text}` : ''}`,
      );
    },
  };
}

function expectOrder({ status, text }: Answered): void {
  if (status !== 201) throw new Error(`A checkout got the answer ${status}: ${text}`);
}

// ── The bare loop ───────────────────────────────────────────────────────────────────────────────────────────────────

async function sample(product: Product, { url }: FreshShop): Promise<BareLoopOrder> {
  const pool = createPool({ url, max: 1 });
  try {
    await createRawTable(pool);
    return { databaseUrl: url, answers: await sampleAnswers(product, pool) };
  } finally {
    await pool.end();
  }
}

/**
 * The answers and commits of the product in a story. The second story is used, because caches and order numbers are ready then.
 */
async function sampleAnswers({ client, atRest }: Product, pool: Pool): Promise<BareLoopOrder['answers']> {
  const answers: BareLoopOrder['answers'] = {};
  const sampling = recording(client, async (asked, { status, headers, text }) => {
    const { date, connection, 'keep-alive': _, 'content-length': __, ...own } = headers;
    await atRest();
    const { before, behind } = byAnswer(await commitsOf(pool, own['x-request-id'] as string));
    answers[`${asked.method} ${asked.path.slice(asked.path.lastIndexOf('/') + 1)}`] = {
      status,
      text,
      headers: own as Record<string, string>,
      commits: sideBySide(before),
      behind: sideBySide(behind),
    };
  });
  for (const task of stories(sampling, 2)) await task();
  await atRest();
  return answers;
}

function recording(client: Client, record: (asked: Asked, answered: Answered) => Promise<void>): Client {
  async function send(asked: Asked): Promise<Answered> {
    const answered = await client.send(asked);
    await record(asked, answered);
    return answered;
  }
  return { ...client, send, expect: expecting(send) };
}

/** The commits of a request, whose id is their correlation id. */
async function commitsOf(pool: Pool, requestId: string): Promise<StoredCommit[]> {
  const sql = `select ${COMMIT_COLUMNS} from events where ev::json->0->>'correlationId' = $1 order by tx, seq`;
  return (await pool.query<CommitRow>(sql, [requestId])).rows.map(storedCommit);
}

/** The product answers once the order is confirmed. Only stock follows. */
function byAnswer(commits: readonly StoredCommit[]): Record<'before' | 'behind', StoredCommit[]> {
  const last = commits.findLastIndex(({ pk }) => pk.startsWith('order#'));
  const answered = last < 0 ? commits.length : last + 1;
  return { before: commits.slice(0, answered), behind: commits.slice(answered) };
}

/** The stock of both lines is written in parallel, everything else in sequence. */
function sideBySide(commits: readonly StoredCommit[]): StoredCommit[][] {
  const steps: StoredCommit[][] = [];
  for (const commit of commits) {
    const together = steps.at(-1);
    const isOtherStock = ({ pk }: StoredCommit) => pk.startsWith('stock#') && pk !== commit.pk;
    if (commit.pk.startsWith('stock#') && together?.every(isOtherStock)) together.push(commit);
    else steps.push([commit]);
  }
  return steps;
}
