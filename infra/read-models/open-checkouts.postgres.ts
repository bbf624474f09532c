// The open checkouts in Postgres.
import type { Pool } from 'pg';
import {
  type OpenCheckoutDocument,
  type OpenCheckoutQueries,
  openCheckouts,
} from '../../projections/models/open-checkouts.js';
import { postgresTable } from './postgres.js';

export function createPostgresOpenCheckouts(pool: Pool, projection = openCheckouts): OpenCheckoutQueries {
  const table = postgresTable(pool, projection);
  const openAt = table.field('openAt');

  return {
    async stuck(before, limit) {
      const rows = await table.select<{ document: OpenCheckoutDocument }>(
        `select document from ${table.name} where ${openAt} < $1 order by ${openAt} limit $2`,
        [new Date(before).toISOString(), limit],
      );
      return rows.map(({ document: { orderId, cartId } }) => ({ orderId, ...(cartId && { cartId }) }));
    },
  };
}
