// The stock of a SKU by location.
import { z } from 'zod';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { askedId, locationSchema, pathId, skuSchema } from '../../domain/kernel/id.js';
import { stockPolicySchema } from '../../domain/stock/events.js';
import type { StockQueries } from '../../projections/models/stock.js';
import type { ReadModel } from '../../projections/visibility.js';
import { caughtUp } from './caught-up.js';

const stockAnswer = z
  .strictObject({
    sku: skuSchema,
    locations: z.array(
      z.strictObject({
        location: locationSchema,
        onHand: z.int(),
        reserved: z.int(),
        committed: z.int(),
        available: z.int(),
        ...stockPolicySchema.shape,
      }),
    ),
    available: z.int().meta({ description: 'Total of all locations' }),
  })
  .meta({ id: 'Stock' });

export interface StockQueryDeps {
  stock: ReadModel<StockQueries>;
}

export function stockQuery({ stock }: StockQueryDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/stock/{sku}',
    summary: 'Get the stock of a SKU',
    description: 'Returns the stock at each location.',
    roles: ['catalogue', 'support'],
    params: z.strictObject({ sku: pathId(skuSchema, 'MUG-BLUE') }),
    answers: { 200: stockAnswer },
    async handle(request) {
      const sku = askedId(skuSchema, request.params.sku);
      const queries = await caughtUp('The stock', stock, request);
      const found = await queries.bySku(sku);
      if (!found) throw new Problem('not_found', `${sku} was never in stock.`);
      return { status: 200, body: found };
    },
  });
}
