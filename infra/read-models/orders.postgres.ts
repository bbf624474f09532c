// The orders read model in Postgres.
import type { Pool } from 'pg';
import { markOf, type OrderDocument, type OrderQueries, orders, orderView } from '../../projections/models/orders.js';
import { pageOf } from '../../projections/models/page.js';
import { placeholders, postgresTable } from './postgres-documents.js';

export function createPostgresOrders(pool: Pool, projection = orders): OrderQueries {
  const table = postgresTable(pool, projection);
  const placed = table.field('placedAt');
  const id = table.field('id');

  return {
    async byId(orderId) {
      const document = (await table.load([orderId])).get(orderId);
      return document && orderView(document);
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
      const rows = await table.select<{ document: OrderDocument }>(
        `select document from ${table.name} where ${conditions.join(' and ')}
         order by ${placed} desc, ${id} desc limit ${bind(limit + 1)}`,
        values,
      );
      const views = rows.flatMap(({ document }) => orderView(document) ?? []);
      return pageOf(views, limit, (order) => [order.placedAt, order.id]);
    },
  };
}
