// The agenda in Postgres.
import type { Pool } from 'pg';
import type { Agenda } from '../../domain/processes/agenda.js';
import { type AgendaDocument, agenda } from '../../projections/models/agenda.js';
import { postgresTable } from './postgres-documents.js';

export function createPostgresAgenda(pool: Pool, projection = agenda): Agenda {
  const table = postgresTable(pool, projection);
  const dueAt = table.field('dueAt');

  return {
    async due(before, limit) {
      const rows = await table.select<{ document: AgendaDocument }>(
        `select document from ${table.name} where ${dueAt} < $1 order by ${dueAt} limit $2`,
        [new Date(before).toISOString(), limit],
      );
      return rows.flatMap(({ document: { item } }) => item ?? []);
    },
  };
}
