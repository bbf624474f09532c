// What a rate of orders needs of each service, which limit it reaches first, and what a month costs.
import { PRICES } from './prices.js';
import { IDEMPOTENCY_WRITES, ORDER, QUERIES_PER_ORDER } from './units.js';

const HOURS_PER_MONTH = 730;
const GB = 2 ** 30;

/** Service times in ms that the model assumes of AWS: a warm function with its requests to the engines. */
export const SERVICE_MS = { command: 60, query: 25, batch: 15, commit: 0.5 } as const;

/** Batches of one shard that a projector takes at once, and most commits of a batch: as in infra/lambda/functions.ts. */
export const PARALLEL_BATCHES = 2;
export const BATCH_COMMITS = 500;

/** Memory of the functions. */
const FUNCTION_GB = 1;

/** Writes of documents that one node takes in a second, a tenth of what single upserts in batches reached on a test machine. */
const WRITES_PER_NODE = { postgres: 3_000, mongodb: 500, opensearch: 200, redis: 5_000 } as const;

/** Queries that one node takes in a second, of the share that each store answers. */
const QUERIES_PER_NODE = { postgres: 2_000, mongodb: 2_000, opensearch: 150, redis: 20_000 } as const;
const QUERY_SHARE = { postgres: 0.2, mongodb: 0.2, opensearch: 0.2, redis: 0.4 } as const;

/** Nodes of the stage `prod`: fewer are never used. */
const LEAST_NODES = { postgres: 1, mongodb: 3, opensearch: 3, redis: 6 } as const;

const NODE_OF = {
  postgres: 'db.r7g.xlarge, two zones',
  mongodb: 'db.r6g.large (DocumentDB)',
  opensearch: 'r7g.large.search',
  redis: 'cache.r7g.large (Valkey)',
} as const;

const SHARD = { recordsPerSecond: 1_000, bytesPerSecond: 2 ** 20 };

/** Quotas of a new account, in the unit of the need. All of them can be raised on request, but for a single writer. */
const QUOTAS = {
  'DynamoDB: write units a second of one table': 40_000,
  'DynamoDB: read units a second of one table': 40_000,
  'Kinesis: shards of a stream on demand': 200,
  'Lambda: functions at once': 1_000,
  'API Gateway: requests a second': 10_000,
  'RDS: writing instances': 1,
} as const;

type Store = keyof typeof NODE_OF;
const STORES = Object.keys(NODE_OF) as Store[];

export interface Need {
  service: string;
  need: string;
  /** Dollars of a month. */
  cost: number;
}

export interface Limit {
  quota: keyof typeof QUOTAS;
  allowed: number;
  used: number;
  /** Orders per hour at which it is reached. */
  reachedAt: number;
}

export interface Capacity {
  ordersPerHour: number;
  needs: Need[];
  /** The first to be reached comes first. */
  limits: Limit[];
  costPerMonth: number;
  costPerOrder: number;
}

export function capacityOf(ordersPerHour: number): Capacity {
  const rate = ordersPerHour / 3_600;
  const orders = ordersPerHour * HOURS_PER_MONTH;
  const commands = ORDER.commandRequests * rate;
  const queries = QUERIES_PER_ORDER * rate;
  const partsOfShards = Math.max(
    (ORDER.commits * rate) / SHARD.recordsPerSecond,
    (ORDER.recordBytes * rate) / SHARD.bytesPerSecond,
  );
  const shards = Math.max(1, Math.ceil(partsOfShards));
  const writeUnits = ORDER.tableUnits + ORDER.indexUnits + IDEMPOTENCY_WRITES;
  const projectors = STORES.length * shards * PARALLEL_BATCHES;
  const atOnce = {
    commands: (commands * SERVICE_MS.command) / 1_000,
    queries: (queries * SERVICE_MS.query) / 1_000,
  };
  const functions = Math.ceil(atOnce.commands) + Math.ceil(atOnce.queries) + projectors;
  const nodes = nodesFor(rate);
  const gbSeconds =
    FUNCTION_GB *
    ((atOnce.commands + atOnce.queries) * 3_600 * HOURS_PER_MONTH +
      (orders * ORDER.commits * SERVICE_MS.commit * STORES.length) / 1_000);
  const { dynamodb, kinesis, lambda, s3, apiGateway, loadBalancer } = PRICES;
  const gbOfRecords = (orders * ORDER.recordBytes) / GB;
  const gbOfLog = (orders * ORDER.itemBytes) / GB;

  const needs: Need[] = [
    {
      service: 'DynamoDB',
      need: `${whole(writeUnits * rate)} write and ${whole(ORDER.reads * rate)} read units a second, ${whole(gbOfLog)} GB more each month`,
      cost:
        (orders *
          (writeUnits * dynamodb.writeUnits +
            ORDER.reads * dynamodb.readUnits +
            ORDER.tableUnits * dynamodb.changeUnits)) /
          1e6 +
        gbOfLog * dynamodb.gbMonth,
    },
    {
      service: 'Kinesis',
      need: `${whole(shards)} shards`,
      cost: HOURS_PER_MONTH * kinesis.streamHour + gbOfRecords * (kinesis.gbIn + STORES.length * kinesis.gbOut),
    },
    {
      service: 'Lambda',
      need: `${whole(functions)} at once: ${whole(Math.ceil(atOnce.commands))} commands, ${whole(Math.ceil(atOnce.queries))} queries, ${whole(projectors)} projectors`,
      cost:
        (orders * (ORDER.commandRequests + QUERIES_PER_ORDER) * lambda.millionRequests) / 1e6 +
        gbSeconds * lambda.gbSecond,
    },
    ...STORES.map((store) => ({
      service: SERVICE_OF[store],
      need: `${whole(nodes[store])} × ${NODE_OF[store]}`,
      cost: nodes[store] * PRICES.nodes[NODE_OF[store]] * HOURS_PER_MONTH,
    })),
    {
      service: 'S3',
      need: `${whole(gbOfLog)} GB more each month`,
      cost: gbOfLog * s3.gbMonth + ((HOURS_PER_MONTH * 3_600) / 25) * (s3.thousandPuts / 1_000),
    },
    {
      service: 'API Gateway',
      need: `${whole(commands)} requests a second`,
      cost: (orders * ORDER.commandRequests * apiGateway.millionRequests) / 1e6,
    },
    {
      service: 'Load balancer',
      need: `${whole(queries)} requests a second`,
      cost: HOURS_PER_MONTH * (loadBalancer.hour + Math.ceil(queries / 25) * loadBalancer.unitHour),
    },
  ];
  const used: Record<keyof typeof QUOTAS, number> = {
    'DynamoDB: write units a second of one table': (ORDER.tableUnits + ORDER.indexUnits) * rate,
    'DynamoDB: read units a second of one table': ORDER.reads * rate,
    'Kinesis: shards of a stream on demand': partsOfShards,
    'Lambda: functions at once': atOnce.commands + atOnce.queries + STORES.length * PARALLEL_BATCHES * partsOfShards,
    'API Gateway: requests a second': commands,
    'RDS: writing instances': (ORDER.documents.postgres * rate) / WRITES_PER_NODE.postgres,
  };
  const costPerMonth = needs.reduce((sum, { cost }) => sum + cost, 0);
  return {
    ordersPerHour,
    needs,
    limits: Object.entries(QUOTAS)
      .map(([name, allowed]) => {
        const quota = name as keyof typeof QUOTAS;
        return { quota, allowed, used: used[quota], reachedAt: Math.floor((ordersPerHour * allowed) / used[quota]) };
      })
      .sort((a, b) => a.reachedAt - b.reachedAt),
    costPerMonth,
    costPerOrder: costPerMonth / orders,
  };
}

const SERVICE_OF = { postgres: 'RDS', mongodb: 'DocumentDB', opensearch: 'OpenSearch', redis: 'ElastiCache' } as const;

function nodesFor(rate: number): Record<Store, number> {
  const nodes = STORES.map((store) => {
    const writes = (ORDER.documents[store] * rate) / WRITES_PER_NODE[store];
    const reads = (QUERIES_PER_ORDER * rate * QUERY_SHARE[store]) / QUERIES_PER_NODE[store];
    return [store, Math.max(LEAST_NODES[store], Math.ceil(writes + reads))];
  });
  return Object.fromEntries(nodes) as Record<Store, number>;
}

function whole(count: number): string {
  return Math.ceil(count).toLocaleString('en-GB');
}
