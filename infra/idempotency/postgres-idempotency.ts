// Idempotency records in Postgres. A claim is an upsert that takes effect only if the run is free. Claims and ends of runs that
// wait at the same time share one statement.
import { randomBytes } from 'node:crypto';
import type { Pool, QueryConfig } from 'pg';
import { Unavailable } from '../../domain/kernel/errors.js';
import { coalesce } from '../coalesce.js';
import {
  bytesArray,
  createTableOnce,
  ENGINE,
  isTransient,
  queryWithin,
  RELAXED,
  statement,
  textArray,
} from '../postgres.js';
import { withinBudget } from '../retry.js';
import {
  type Begun,
  type IdempotencyStore,
  RECORD_BUDGET_MS,
  RECORD_TTL_MS,
  type RequestRun,
  RUN_LEASE_MS,
  recordsOf,
} from './port.js';

const TABLE = 'idempotency';

/** More statements in flight would make each smaller, and a transaction costs more than a row. */
const STATEMENTS_IN_FLIGHT = 1;
const MAX_ROWS_PER_STATEMENT = 500;
const MAX_BYTES_PER_STATEMENT = 1024 * 1024;

/** The end of a run is not waited for. It is written with the next claim, or alone after this time. */
const END_PATIENCE_MS = 20;

/** 96 random bits. */
const OWNER_BYTES = 12;

/** No answer is empty. */
const NO_ANSWER = new Uint8Array();

/**
 * Times are ms since 1970 by the program's clock. Pages are filled with claims to a fifth, so that the answers have room beside
 * them: then an answer changes no index, and the WAL contains only the columns that change, which are the last.
 */
const DDL = `
  create table ${TABLE} (
    id text collate "C" primary key,
    request text collate "C" not null,
    owner text collate "C" not null,
    issued_at bigint not null,
    expires_at bigint not null,
    leased_until bigint not null,
    answer bytea
  ) with (fillfactor = 20);
  create index on ${TABLE} (expires_at)`;

/**
 * Ends runs, with an answer or without one (no bytes: the run is free again), and claims others. No id occurs twice. An expired
 * record is ignored. A free run of the same request is taken over and keeps its `issued_at`. Returns the successful claims.
 *
 * The transaction does not wait for the disk. The log does, and the disk receives writes in order, so a commit that survives a
 * crash has the claim that was made before it. A run that has lost its claim in a crash, and then commits, writes it again when
 * it ends.
 */
const WRITE = `
  with ${RELAXED},
  run as (
    select id, request, owner, issued_at, nullif(answer, '') as answer
    from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bytea[]) run (id, request, owner, issued_at, answer)
  ),
  ended as (
    update ${TABLE} kept set leased_until = 0, answer = run.answer
    from run where kept.id = run.id and kept.owner = run.owner
    returning kept.id
  ),
  restored as (
    insert into ${TABLE} (id, request, owner, issued_at, expires_at, leased_until, answer)
    select id, request, owner, issued_at, issued_at + ${RECORD_TTL_MS}, 0, answer
    from run where id not in (select id from ended)
    order by id
    on conflict do nothing
  ),
  claimed as (
    insert into ${TABLE} as kept (id, request, owner, issued_at, expires_at, leased_until)
    select id, request, owner, now, now + ${RECORD_TTL_MS}, now + ${RUN_LEASE_MS}
    from unnest($6::text[], $7::text[], $8::text[], $9::bigint[]) claim (id, request, owner, now)
    order by id
    on conflict (id) do update set
      request = excluded.request,
      owner = excluded.owner,
      issued_at = case when kept.expires_at <= excluded.issued_at then excluded.issued_at else kept.issued_at end,
      expires_at = excluded.expires_at,
      leased_until = excluded.leased_until,
      answer = null
    where kept.expires_at <= excluded.issued_at
       or (kept.request = excluded.request and kept.answer is null and kept.leased_until <= excluded.issued_at)
       or kept.owner = excluded.owner
    returning id, issued_at
  )
  select id, issued_at as "issuedAt" from relaxed left join claimed on true`;

const READ = `select id, request, answer from ${TABLE} where id = any($1)`;

/** The collation compares bytes, and `~` comes after every character of an id. */
const FORGET = `delete from ${TABLE} where id >= $1 and id < $1 || '~'`;

const PURGE = `delete from ${TABLE} where expires_at <= $1`;

/** Without an id: no claim was successful. */
interface Claimed {
  id: string | null;
  issuedAt: number;
}

interface Row {
  id: string;
  request: string;
  answer: Buffer | null;
}

interface Claim {
  id: string;
  request: string;
  /** Made before the first attempt, so that a repeat after a lost reply recognises its own claim. */
  owner: string;
  now: number;
}

interface End extends RequestRun {
  /** `NO_ANSWER`: the run is released. */
  answer: Uint8Array;
}

/** What became of a claim. Undefined for the end of a run, and for a claim that lost against a record that was deleted since. */
type Outcome = Begun | undefined;

export interface PostgresIdempotencyOptions {
  pool: Pool;
  /** Called if the end of a run could not be written before its lease expired. The run then counts as crashed. */
  onLostEnd?: (error: unknown) => void;
}

export interface PostgresIdempotency extends IdempotencyStore {
  /** Resolves once the runs that have ended by now are written, or cannot be. */
  close(): Promise<void>;
  /** Deletes expired records and returns their number. To be called periodically. */
  purge(now: number): Promise<number>;
}

export function createPostgresIdempotency({
  pool,
  onLostEnd = () => {},
}: PostgresIdempotencyOptions): PostgresIdempotency {
  const server = { pool, budgetMs: RECORD_BUDGET_MS };
  const ending = new Set<Promise<void>>();
  let isClosing = false;

  /** The claim of a run that is just ending comes after that end, because items of one id keep their order. */
  const enqueue = coalesce<{ since: number; change: Claim | End }, Outcome>({
    write: (batch) =>
      write(
        batch.map(({ change }) => change),
        Math.min(...batch.map(({ since }) => since)),
      ),
    keyOf: ({ change: { id } }) => id,
    bytesOf: ({ change }) => (isEnd(change) ? change.answer.length : 0),
    patienceOf: ({ change }) => (isEnd(change) ? END_PATIENCE_MS : 0),
    maxInFlight: STATEMENTS_IN_FLIGHT,
    minItems: MAX_ROWS_PER_STATEMENT,
    maxItems: MAX_ROWS_PER_STATEMENT,
    maxBytes: MAX_BYTES_PER_STATEMENT,
  });

  async function write(changes: readonly (Claim | End)[], since: number): Promise<Outcome[]> {
    const ends = changes.filter(isEnd);
    const claims = changes.filter((change): change is Claim => !isEnd(change));
    const claimed = await withinBudget(
      { engine: ENGINE, budgetMs: since + RECORD_BUDGET_MS - performance.now(), isRetryable: isTransient },
      () => pool.query<Claimed>(writeStatement(ends, claims)),
    );
    const issuedAt = new Map(claimed.rows.map((row) => [row.id, row.issuedAt]));
    const kept = await read(claims.filter(({ id }) => !issuedAt.has(id)).map(({ id }) => id));
    return changes.map((change) => {
      if (isEnd(change)) return undefined;
      const { id, owner, request } = change;
      const at = issuedAt.get(id);
      return at === undefined
        ? refused(kept.get(id), request)
        : { state: 'run', run: { id, request, owner, issuedAt: at } };
    });
  }

  async function read(ids: readonly string[]): Promise<ReadonlyMap<string, Row>> {
    if (ids.length === 0) return new Map();
    const { rows } = await queryWithin<Row>(server, 'idempotency-read', READ, [ids]);
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** If the reply to the claim is lost, it may be there. It is released, so that a repeat need not wait for its lease to expire. */
  async function tryBegin(id: string, request: string, now: number): Promise<Outcome> {
    const owner = randomBytes(OWNER_BYTES).toString('base64url');
    try {
      return await enqueue({ change: { id, request, owner, now }, since: performance.now() });
    } catch (error) {
      end({ id, request, owner, issuedAt: now, answer: NO_ANSWER });
      throw error;
    }
  }

  function end(change: End): void {
    const written = writeEnd(change)
      .catch(onLostEnd)
      .finally(() => ending.delete(written));
    ending.add(written);
  }

  /** Tries again while Postgres does not answer, because repeats of the request are refused until the lease expires. */
  async function writeEnd(change: End): Promise<void> {
    const until = performance.now() + RUN_LEASE_MS;
    for (;;) {
      try {
        await enqueue({ change, since: performance.now() });
        return;
      } catch (error) {
        if (!(error instanceof Unavailable) || isClosing || performance.now() > until) throw error;
      }
    }
  }

  return {
    async begin(id, request, now) {
      return (await tryBegin(id, request, now)) ?? (await tryBegin(id, request, now)) ?? { state: 'running' };
    },
    async finish(run, answer) {
      end({ ...run, answer });
    },
    async release(run) {
      end({ ...run, answer: NO_ANSWER });
    },
    async forget(caller) {
      await Promise.all(ending);
      await queryWithin(server, 'idempotency-forget', FORGET, [recordsOf(caller)]);
    },
    async close() {
      isClosing = true;
      await Promise.all(ending);
    },
    async purge(now) {
      return (await queryWithin(server, 'idempotency-purge', PURGE, [now])).rowCount ?? 0;
    },
  };
}

export function prepareIdempotency(pool: Pool): Promise<void> {
  return createTableOnce(pool, TABLE, DDL);
}

function writeStatement(ends: readonly End[], claims: readonly Claim[]): QueryConfig {
  const values = [
    textArray(ends.map(({ id }) => id)),
    textArray(ends.map(({ request }) => request)),
    textArray(ends.map(({ owner }) => owner)),
    ends.map(({ issuedAt }) => issuedAt),
    bytesArray(ends.map(({ answer }) => answer)),
    textArray(claims.map(({ id }) => id)),
    textArray(claims.map(({ request }) => request)),
    textArray(claims.map(({ owner }) => owner)),
    claims.map(({ now }) => now),
  ];
  return statement('idempotency-write', WRITE, values, RECORD_BUDGET_MS);
}

function refused(kept: Row | undefined, request: string): Outcome {
  if (!kept) return undefined;
  if (kept.request !== request) return { state: 'mismatch' };
  return kept.answer === null ? { state: 'running' } : { state: 'answered', answer: kept.answer };
}

function isEnd(change: Claim | End): change is End {
  return 'answer' in change;
}
