// The work lists of staff in Postgres, from the orders read model.
import type { Pool } from 'pg';
import {
  type Entry,
  markOf,
  type OrderDocument,
  orders,
  refundsOf,
  returnsOf,
  shipmentsOf,
} from '../../projections/models/orders.js';
import { pageOf } from '../../projections/models/page.js';
import type { WorkListRequest, WorkLists } from '../../projections/models/work-lists.js';
import { placeholders, postgresTable } from './postgres-documents.js';

export function createPostgresWorkLists(pool: Pool, projection = orders): WorkLists {
  const table = postgresTable(pool, projection);
  const placed = table.field('placedAt');
  const id = table.field('id');

  /** Every order has an entry, except perhaps the cursor's. So `limit + 2` orders are enough for a page and one entry more. */
  function list<V extends { status: string }>(
    kind: 'shipment' | 'return' | 'refund',
    entriesOf: (document: OrderDocument) => Entry<V>[],
  ) {
    return async ({ status, limit, after }: WorkListRequest<V>) => {
      const { values, bind } = placeholders();
      const conditions = [`${table.field('marks')} ? ${bind(markOf(kind, status))}`];
      if (after) conditions.push(`(${placed}, ${id}) >= (${bind(after[0])}, ${bind(after[1])})`);
      const rows = await table.select<{ placedAt: string; id: string; document: OrderDocument }>(
        `select ${placed} as "placedAt", ${id} as id, document from ${table.name} where ${conditions.join(' and ')}
         order by ${placed}, ${id} limit ${bind(limit + 2)}`,
        values,
      );
      const found = rows.flatMap(({ document, ...order }) =>
        entriesOf(document)
          .filter(({ view }) => status === undefined || view.status === status)
          .filter(({ key }) => order.id !== after?.[1] || key > String(after[2]))
          .map((entry) => ({ ...order, ...entry })),
      );
      const { data, ...rest } = pageOf(found, limit, ({ placedAt, id, key }) => [placedAt, id, key]);
      return { data: data.map(({ view }) => view), ...rest };
    };
  }

  return {
    shipments: list('shipment', shipmentsOf),
    returns: list('return', returnsOf),
    refunds: list('refund', refundsOf),
  };
}
