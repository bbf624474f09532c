// The log's table in Postgres, which follows docs/log-format.md column by column, and the conversion of rows to stored commits.
import type { StoredCommit } from '../../../domain/kernel/commit.js';
import { LOG_PARTITIONS } from '../../../domain/kernel/limits.js';
import type { StreamId } from '../../../domain/kernel/stream.js';
import { textArray } from '../../postgres.js';

/**
 * The body of the function that refuses changes. The watch takes any other for an attack, so whoever changes it here has to
 * change it in the tables that exist, too.
 */
export const REFUSAL = `
begin
  raise exception 'The event log is append-only: % on % is refused.', tg_op, tg_table_name
    using errcode = 'insufficient_privilege', hint = 'Correct a fact by appending another event.';
end `;

export const EVENTS_SQL = `
create table events (
  -- Stream id, "<category>#<id>". Compared byte by byte, so that every engine has the same total order.
  pk  text collate "C" not null,
  -- Commit number in the stream: 1, 2, 3 …; with pk the condition of every append.
  sk  int not null check (sk > 0),
  -- Format number.
  f   smallint not null,
  -- First and last event version.
  fv  int not null,
  lv  int not null check (lv >= fv),
  -- The events as one JSON text. Not jsonb, because its bytes are hashed.
  ev  text not null,
  -- Commit time, a hybrid logical clock: ms × 1000 + counter.
  at  bigint not null,
  -- Command ids, a JSON array.
  cs  text not null,
  -- Previous and own hash, lower-case hex.
  ph  text collate "C" not null,
  h   text collate "C" not null,
  -- Log partition, the first byte of SHA-256(pk) modulo ${LOG_PARTITIONS}.
  lp  smallint not null check (lp between 0 and ${LOG_PARTITIONS - 1}),
  -- The change feed's order: the transaction that wrote the row, and a counter within it. Not part of the format: a
  -- restore into another server omits both, so that the server sets them again.
  tx  xid8 not null default pg_current_xact_id(),
  seq bigint generated always as identity (cache 100),
  primary key (pk, sk)
);

-- The log by time. Commits of the same time, which are few, are sorted by stream when they are read: with pk and sk this index
-- would be three times as large.
create index events_log on events (at);

-- The log as the change feed reads it.
create index events_feed on events (tx, seq);

-- The owner may grant these rights again, and the superuser always has them. So there is also a trigger, which fires even where
-- replication disables other triggers.
revoke update, delete, truncate on events from public, current_user;

create function events_refuse_change() returns trigger language plpgsql as $$${REFUSAL}$$;

create trigger events_append_only before update or delete or truncate on events
  for each statement execute function events_refuse_change();
alter table events enable always trigger events_append_only;
`;

const TYPES = {
  pk: 'text',
  sk: 'int',
  f: 'smallint',
  fv: 'int',
  lv: 'int',
  ev: 'text',
  at: 'bigint',
  cs: 'text',
  ph: 'text',
  h: 'text',
  lp: 'smallint',
} as const satisfies Record<keyof StoredCommit, string>;

/** The columns of a stored commit. All but `cs` need no conversion. */
export const COMMIT_COLUMNS = 'pk, sk, f, fv, lv, ev, at, cs, ph, h, lp';

/** Their types, in the same order. */
export const COMMIT_TYPES = COMMIT_COLUMNS.split(', ').map((name) => TYPES[name as keyof StoredCommit]);

/** The values of these columns, for arrays of these types. */
export function commitColumns(commits: readonly StoredCommit[]): unknown[] {
  const column = <K extends keyof StoredCommit>(name: K) => commits.map((commit) => commit[name]);
  return [
    textArray(column('pk')),
    column('sk'),
    column('f'),
    column('fv'),
    column('lv'),
    textArray(column('ev')),
    column('at'),
    textArray(commits.map(({ cs }) => JSON.stringify(cs))),
    textArray(column('ph')),
    textArray(column('h')),
    column('lp'),
  ];
}

export type CommitRow = Omit<StoredCommit, 'cs'> & { pk: StreamId; cs: string };

/** Throws `SyntaxError` or `TypeError` if `cs` is not a JSON array of strings. */
export function storedCommit({ pk, sk, f, fv, lv, ev, at, cs, ph, h, lp }: CommitRow): StoredCommit {
  return { pk, sk, f, fv, lv, ev, at, cs: commandIds(cs), ph, h, lp };
}

function commandIds(text: string): string[] {
  const ids: unknown = JSON.parse(text);
  if (Array.isArray(ids) && ids.every((id) => typeof id === 'string')) return ids;
  throw new TypeError('cs is not an array of strings');
}
