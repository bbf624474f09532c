// `commerce capacity`: what a rate of orders needs of the services of AWS, which limit is reached first, what it costs, and a
// simulated flash sale.
import { Command } from 'commander';
import { type FlashSale, type FlashSaleResult, simulate } from '../capacity/flash-sale.js';
import { BATCH_COMMITS, type Capacity, capacityOf, PARALLEL_BATCHES, SERVICE_MS } from '../capacity/needs.js';
import { PRICES } from '../capacity/prices.js';
import { ORDER } from '../capacity/units.js';
import { positiveInteger, withJson } from '../options.js';
import { print } from '../printed.js';
import { table } from '../table.js';

/** A sale of a minute at ten times the usual rate. Larger rates are simulated by a part of the shards and functions. */
const SALE = { times: 10, seconds: 60 };
const MOST_SIMULATED_PER_SECOND = 500;

const MOST_ORDERS_PER_HOUR = 1_000_000_000;

interface Options {
  ordersPerHour: number;
  seed: number;
  json?: boolean;
}

export function capacityCommand(): Command {
  return withJson(new Command('capacity'))
    .description(
      'what a rate of orders needs of the services of AWS, its first limit, its list price, and a simulated flash sale',
    )
    .requiredOption('--orders-per-hour <number>', 'rate of orders of two lines', positiveInteger)
    .option('--seed <number>', 'seed of the simulation', positiveInteger, 1)
    .action(({ ordersPerHour, seed, json }: Options) => {
      const rate = Math.min(ordersPerHour, MOST_ORDERS_PER_HOUR);
      const capacity = capacityOf(rate);
      const sale = saleOf(rate, seed);
      const result = simulate(sale);
      if (json)
        console.log(JSON.stringify({ ...capacity, prices: PRICES, flashSale: { ...sale, ...result } }, null, 2));
      else print(shown(capacity, sale, result));
    });
}

/** The stack has twice the functions and shards that the rate of the sale needs. */
function saleOf(ordersPerHour: number, seed: number): FlashSale {
  const usual = ordersPerHour / 3_600;
  const usualRate = Math.min(usual, MOST_SIMULATED_PER_SECOND / SALE.times);
  const perSecond = ORDER.commits * SALE.times * usualRate;
  return {
    ...SALE,
    usualRate,
    functions: Math.max(10, Math.ceil((2 * SALE.times * usualRate * SERVICE_MS.command) / 1_000)),
    commandMs: SERVICE_MS.command,
    lanes: PARALLEL_BATCHES * Math.max(1, Math.ceil((2 * perSecond) / 1_000)),
    commits: ORDER.commits,
    batchMs: SERVICE_MS.batch,
    commitMs: SERVICE_MS.commit,
    pollMs: 1_000,
    batchCommits: BATCH_COMMITS,
    seed,
  };
}

function shown(
  { needs, limits, costPerMonth, costPerOrder, ordersPerHour }: Capacity,
  sale: FlashSale,
  result: FlashSaleResult,
): string {
  const [first] = limits;
  return [
    table({
      head: ['service', 'need', 'USD a month'],
      rows: [
        ...needs.map(({ service, need, cost }) => [service, need, money(cost)]),
        ['all', `${ordersPerHour.toLocaleString('en-GB')} orders an hour`, money(costPerMonth)],
      ],
      right: [2],
    }),
    `List prices of ${PRICES.region} as of ${PRICES.asOf}, on demand, from memory of ${PRICES.source}: check them. An order costs ${costPerOrder.toFixed(5)} USD.`,
    '',
    table({
      head: ['quota of a new account', 'allowed', 'used', 'reached at orders an hour'],
      rows: limits.map(({ quota, allowed, used, reachedAt }) => [
        quota,
        number(allowed),
        number(used),
        number(reachedAt),
      ]),
      right: [1, 2, 3],
    }),
    ...(first ? [`First limit: ${first.quota}.`] : []),
    '',
    `A simulated flash sale: ${sale.seconds} s at ${sale.times} times ${sale.usualRate.toFixed(1)} orders a second, ${sale.functions} functions, ${sale.lanes} batches at once, ${result.orders} orders (seed ${sale.seed}).`,
    table({
      head: ['', 'p50 ms', 'p99 ms', 'longest ms'],
      rows: [
        ['answer of a checkout', number(result.response.p50), number(result.response.p99), ''],
        ['until the read models show it', number(result.lag.p50), number(result.lag.p99), number(result.lag.max)],
      ],
      right: [1, 2, 3],
    }),
  ].join('\n');
}

function money(dollars: number): string {
  return Math.ceil(dollars).toLocaleString('en-GB');
}

function number(value: number): string {
  return value.toLocaleString('en-GB', { maximumFractionDigits: value < 10 ? 2 : 0 });
}
