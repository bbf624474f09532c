// The bench of a hot SKU: many buyers for few units over several processes, whose environments have no memory in common, as in
// Lambdas. The environments write the stock item's stream under its condition and spread by themselves after conflicts.
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createDynamoClient } from '../../infra/aws.js';
import * as dynamodb from '../../infra/event-store/dynamodb/dynamodb-event-store.js';
import * as postgres from '../../infra/event-store/postgres/postgres-event-store.js';
import { randomId } from '../../infra/ids.js';
import { createPool } from '../../infra/postgres.js';
import type { FigureBench } from './bench.js';
import { createDatabase } from './database.js';
import type { BenchEngines } from './engines.js';
import { type LogPlace, openLog, type Rush, type Sale, type Served, stockAtRest, stockUp } from './environment.js';

const PROCESSES = 4;
const ENVIRONMENTS = 100;
const BUYERS = 2_000;
const UNITS = 100;

/** Local engines accept any region. */
const REGION = 'us-east-1';

const HOW = `the longest wait of ${BUYERS} buyers who check out ${UNITS} units of one SKU at once, over ${PROCESSES} processes of ${ENVIRONMENTS} environments without common memory; the bench fails unless exactly ${UNITS} are sold, all others are out of stock, and none is reserved after the agenda's recovery`;

export const hotSku: FigureBench = {
  kind: 'figure',
  name: 'hot-sku',
  inFlight: PROCESSES * ENVIRONMENTS,
  target: 5,
  unit: 's',
  how: HOW,
  async open(engines) {
    const database = await createDatabase(await engines.postgres());
    return openRush({ postgres: database.url }, database.drop);
  },
};

export const hotSkuOnDynamo: FigureBench = {
  ...hotSku,
  name: 'hot-sku-aws',
  how: 'the same with the log in DynamoDB',
  open: async (engines) => openRush(await freshTable(engines), async () => {}),
};

async function freshTable(engines: BenchEngines): Promise<LogPlace> {
  const place = {
    dynamodb: await engines.dynamodb(),
    region: REGION,
    table: `bench_${randomBytes(6).toString('hex')}`,
  };
  const client = createDynamoClient({ region: REGION, endpoint: place.dynamodb });
  await dynamodb.createEventsTable({ client, table: place.table });
  client.destroy();
  return place;
}

async function openRush(log: LogPlace, drop: () => Promise<void>) {
  if ('postgres' in log) await createLogTable(log.postgres);
  const { store, close } = openLog(log);
  const sale: Sale = { log, environments: ENVIRONMENTS };
  // The build puts the program beside this file.
  const program = join(import.meta.dirname, 'bench/buyers.js');
  const processes = Array.from({ length: PROCESSES }, () => fork(program, { execArgv: [] }));
  await Promise.all(processes.map((child) => answerOf(child, sale)));
  return {
    async take(): Promise<number> {
      const sku = `RUSH-${randomId(Date.now())}`;
      await stockUp(store, sku, UNITS);
      const rush: Rush = { sku, buyers: BUYERS / PROCESSES };
      const served = (await Promise.all(processes.map((child) => answerOf(child, rush)))) as Served[];
      const sold = served.reduce((sum, each) => sum + each.sold, 0);
      const errors = served.flatMap((each) => each.errors);
      if (errors.length > 0)
        throw new Error(`${errors.length} of ${BUYERS} buyers got an error, the first: ${errors[0]}`);
      const { committed } = await stockAtRest(store, sku);
      if (sold !== UNITS || committed !== UNITS)
        throw new Error(`Of ${UNITS} units ${sold} were sold, and ${committed} are committed.`);
      return Math.max(...served.flatMap(({ waits }) => waits)) / 1000;
    },
    async close() {
      const running = processes.filter(({ connected }) => connected);
      await Promise.all(
        running.map((child) => {
          child.disconnect();
          return once(child, 'exit');
        }),
      );
      await close();
      await drop();
    },
  };
}

async function createLogTable(url: string): Promise<void> {
  const pool = createPool({ url, max: 1 });
  await postgres.createEventsTable(pool);
  await pool.end();
}

async function answerOf(child: ChildProcess, message: Sale | Rush): Promise<unknown> {
  const heard = new AbortController();
  const { signal } = heard;
  child.send(message);
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error('A process of buyers ended.');
  });
  const [answer] = await Promise.race([once(child, 'message', { signal }), ended]).finally(() => heard.abort());
  return answer;
}
