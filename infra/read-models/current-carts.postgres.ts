// The current carts in Postgres.
import type { Pool } from 'pg';
import { type CurrentCartQueries, currentCarts, isInUse } from '../../projections/models/current-carts.js';
import { fieldSql } from '../sinks/postgres.js';
import { postgresTable } from './postgres-documents.js';

export function createPostgresCurrentCarts(pool: Pool, projection = currentCarts): CurrentCartQueries {
  const table = postgresTable(pool, projection);
  const customerId = table.field('customerId');
  const openAt = fieldSql('openAt', 'time');

  return {
    async of(customer) {
      const [row] = await table.select<{ key: string }>(
        `select key from ${table.name} where ${customerId} = $1 and ${openAt} is not null
         order by ${openAt} desc, key desc limit 1`,
        [customer],
      );
      return row?.key;
    },
    async inUse(cartIds) {
      const documents = await table.load(cartIds);
      return new Map([...documents].map(([cartId, document]) => [cartId, isInUse(document)]));
    },
  };
}
