// The customers in Postgres.
import type { Pool } from 'pg';
import { type CustomerDocument, type CustomerQueries, customers } from '../../projections/models/customers.js';
import { postgresTable } from './postgres-documents.js';

export function createPostgresCustomers(pool: Pool, projection = customers): CustomerQueries {
  const table = postgresTable(pool, projection);

  return {
    byId: async (customerId) => (await table.load([customerId])).get(customerId),
    async byEmailKey(emailKey) {
      const [row] = await table.select<{ document: CustomerDocument }>(
        `select document from ${table.name} where ${table.field('emailKey')} = $1`,
        [emailKey],
      );
      return row?.document;
    },
  };
}
