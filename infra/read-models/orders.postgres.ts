// The orders read model in Postgres.
import type { Pool } from 'pg';
import { markOf, type OrderQueries, orders, orderView, type SealedOrderView } from '../../projections/models/orders.js';
import { pageOf } from '../../projections/models/page.js';
import { keptViews } from './kept-views.js';
import { placeholders, postgresTable } from './postgres-documents.js';

export function createPostgresOrders(pool: Pool, projection = orders): OrderQueries {
  const table = postgresTable(pool, projection);
  const placed = table.field('placedAt');
  const id = table.field('id');
  const viewOf = keptViews(orderView);

  return {
    async byId(orderId) {
      return (await table.load([orderId], viewOf)).get(orderId);
    },

    async list({ customerId, number, limit, after, ...marked }) {
      const { values, bind } = placeholders();
      const conditions = [`${placed} is not null`];
      if (customerId !== undefined) conditions.push(`${table.field('customerId')} = ${bind(customerId)}`);
      if (number !== undefined) conditions.push(`${table.field('number')} = ${bind(number)}`);
      for (const kind of ['status', 'paymentStatus', 'fulfilmentStatus', 'emailKey'] as const) {
        const value = marked[kind];
        if (value !== undefined) conditions.push(`${table.field('marks')} ? ${bind(markOf(kind, value))}`);
      }
      if (after) conditions.push(`(${placed}, ${id}) < (${bind(after[0])}, ${bind(after[1])})`);
      const rows = await table.select<{ document: SealedOrderView }>(
        `select document from ${table.name} where ${conditions.join(' and ')}
         order by ${placed} desc, ${id} desc limit ${bind(limit + 1)}`,
        values,
        viewOf,
      );
      const views = rows.map(({ document }) => document);
      return pageOf(views, limit, (order) => [order.placedAt, order.id]);
    },
  };
}
