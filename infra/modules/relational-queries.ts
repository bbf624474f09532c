// The read models that are in Postgres on every profile.
import type { Pool } from 'pg';
import { createPostgresAgenda } from '../read-models/agenda.postgres.js';
import { createPostgresCurrentCarts } from '../read-models/current-carts.postgres.js';
import { createPostgresCustomers } from '../read-models/customers.postgres.js';
import { stockQueries } from '../read-models/documents.js';
import { createPostgresOrders } from '../read-models/orders.postgres.js';
import { postgresTable } from '../read-models/postgres-documents.js';
import { createPostgresWorkLists } from '../read-models/work-lists.postgres.js';
import type { QueriesOf } from './parts.js';

export function relationalQueries(
  pool: Pool,
): Pick<QueriesOf, 'customers' | 'orders' | 'workLists' | 'stock' | 'currentCarts' | 'agenda'> {
  return {
    customers: (build) => createPostgresCustomers(pool, build),
    orders: (build) => createPostgresOrders(pool, build),
    workLists: (build) => createPostgresWorkLists(pool, build),
    stock: (build) => stockQueries(postgresTable(pool, build)),
    currentCarts: (build) => createPostgresCurrentCarts(pool, build),
    agenda: (build) => createPostgresAgenda(pool, build),
  };
}
