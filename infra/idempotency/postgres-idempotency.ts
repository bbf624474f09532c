// Idempotency records in Postgres: a claim is one upsert that takes effect only if the run is free.
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { createTableOnce, queryWithin } from '../postgres.js';
import { type Begun, type IdempotencyStore, RECORD_BUDGET_MS, RECORD_TTL_MS, RUN_LEASE_MS } from './port.js';

const TABLE = 'idempotency';

/** Times are ms since 1970 by the program's clock. */
const DDL = `
  create table ${TABLE} (
    id text primary key,
    request text not null,
    owner text not null,
    leased_until bigint not null,
    issued_at bigint not null,
    expires_at bigint not null,
    answer text
  );
  create index on ${TABLE} (expires_at)`;

/** $5 is now. An expired record is ignored. A free run of the same request is taken over and keeps its `issued_at`. */
const CLAIM = `
  insert into ${TABLE} as kept (id, request, owner, leased_until, issued_at, expires_at)
  values ($1, $2, $3, $4, $5, $6)
  on conflict (id) do update set
    request = excluded.request,
    owner = excluded.owner,
    leased_until = excluded.leased_until,
    issued_at = case when kept.expires_at <= $5 then excluded.issued_at else kept.issued_at end,
    expires_at = excluded.expires_at,
    answer = null
  where kept.expires_at <= $5
     or (kept.request = excluded.request and kept.answer is null and kept.leased_until <= $5)
     or kept.owner = excluded.owner
  returning issued_at`;

const READ = `select request, answer from ${TABLE} where id = $1`;
const FINISH = `update ${TABLE} set answer = $3 where id = $1 and owner = $2`;
const RELEASE = `update ${TABLE} set leased_until = 0 where id = $1 and owner = $2`;
const PURGE = `delete from ${TABLE} where expires_at <= $1`;

interface Row {
  request: string;
  answer: string | null;
}

export interface PostgresIdempotency extends IdempotencyStore {
  /** Deletes expired records and returns their number. To be called periodically. */
  purge(now: number): Promise<number>;
}

export function createPostgresIdempotency(pool: Pool): PostgresIdempotency {
  const server = { pool, budgetMs: RECORD_BUDGET_MS };

  /** Undefined if the record was deleted between the two statements. */
  async function tryBegin(id: string, request: string, now: number): Promise<Begun | undefined> {
    // Made before the first attempt, so that a repeat after a lost reply recognises its own claim.
    const owner = randomUUID();
    const claim = [id, request, owner, now + RUN_LEASE_MS, now, now + RECORD_TTL_MS];
    const { rows: claimed } = await queryWithin<{ issued_at: number }>(server, 'idempotency-claim', CLAIM, claim);
    if (claimed[0]) return { state: 'run', run: { id, owner, issuedAt: claimed[0].issued_at } };

    const { rows } = await queryWithin<Row>(server, 'idempotency-read', READ, [id]);
    const kept = rows[0];
    if (!kept) return undefined;
    if (kept.request !== request) return { state: 'mismatch' };
    return kept.answer === null ? { state: 'running' } : { state: 'answered', answer: kept.answer };
  }

  return {
    async begin(id, request, now) {
      return (await tryBegin(id, request, now)) ?? (await tryBegin(id, request, now)) ?? { state: 'running' };
    },
    async finish({ id, owner }, answer) {
      await queryWithin(server, 'idempotency-finish', FINISH, [id, owner, answer]);
    },
    async release({ id, owner }) {
      await queryWithin(server, 'idempotency-release', RELEASE, [id, owner]);
    },
    async purge(now) {
      return (await queryWithin(server, 'idempotency-purge', PURGE, [now])).rowCount ?? 0;
    },
  };
}

export function prepareIdempotency(pool: Pool): Promise<void> {
  return createTableOnce(pool, TABLE, DDL);
}
