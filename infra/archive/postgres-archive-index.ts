// The index of the archive in Postgres, beside the read models. It is made from the archive, like a read model.
import type { Pool, PoolClient } from 'pg';
import type { Hlc } from '../../domain/kernel/clock.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import {
  bytesArray,
  createTableOnce,
  ENGINE,
  inTransaction,
  isTransient,
  queryWithin,
  statement,
  textArray,
} from '../postgres.js';
import { withinBudget } from '../retry.js';
import { EMPTY_ROOT, type Node } from './merkle-tree.js';
import type { ArchivedCommit, ArchiveHead, ArchiveIndex } from './port.js';
import { hashInTile, type TilePlace, tileOf, tilePartsOf } from './tiles.js';

const BUDGET_MS = 10_000;
const ADD_TIMEOUT_MS = 30_000;

const TABLES_SQL = `
create table archive_commits (
  stream     text not null,
  commit_no  int not null,
  index      bigint not null,
  h          bytea not null,
  primary key (stream, commit_no)
);
create table archive_tiles (
  level   smallint not null,
  index   bigint not null,
  hashes  bytea not null,
  primary key (level, index)
);
-- One row. It is the last of the three to be created, so where it is, the others are, too.
create table archive_head (
  id        int primary key check (id = 1),
  segments  int not null,
  size      bigint not null,
  root      bytea not null,
  up_to     bigint not null
)`;

/** Creates the tables if they do not exist. */
export function createArchiveTables(pool: Pool): Promise<void> {
  return createTableOnce(pool, 'archive_head', TABLES_SQL, 'read models');
}

const HEAD_SQL = 'select segments, size, root, up_to as "upTo" from archive_head';

/** Changes nothing unless the segment is the next one. */
const MOVE_SQL = `
  insert into archive_head as head (id, segments, size, root, up_to)
  select 1, $1::int, $2::bigint, $3::bytea, $4::bigint
  where $1 = 1 or exists (select from archive_head where segments = $1 - 1)
  on conflict (id) do update
    set segments = excluded.segments, size = excluded.size, root = excluded.root, up_to = excluded.up_to
    where head.segments = excluded.segments - 1`;

const COMMITS_SQL = `
  insert into archive_commits (stream, commit_no, index, h)
  select * from unnest($1::text[], $2::int[], $3::bigint[], $4::bytea[])`;

const TILES_SQL = `
  insert into archive_tiles as tile (level, index, hashes)
  select level, index, hashes from unnest($1::int[], $2::bigint[], $3::bytea[]) as part (level, index, hashes)
  on conflict (level, index) do update set hashes = tile.hashes || excluded.hashes`;

const LAST_SQL = `
  select last.* from unnest($1::text[]) as wanted (stream) cross join lateral (
    select stream, commit_no as "commitNo", index, encode(h, 'hex') as h
    from archive_commits where stream = wanted.stream order by commit_no desc limit 1
  ) as last`;

const FIND_SQL = `
  select stream, commit_no as "commitNo", index, encode(h, 'hex') as h
  from unnest($1::text[], $2::int[]) as wanted (stream, commit_no) join archive_commits using (stream, commit_no)`;

const READ_TILES_SQL = `
  select level, index, hashes from unnest($1::int[], $2::bigint[]) as wanted (level, index)
  join archive_tiles using (level, index)`;

/** `prepare` resolves when the tables are there. Every call waits for it. Default: they are there. */
export function createPostgresArchiveIndex(pool: Pool, prepare: () => Promise<void> = async () => {}): ArchiveIndex {
  const rows = async <R extends object>(name: string, text: string, values: unknown[]): Promise<R[]> => {
    await prepare();
    return (await queryWithin<R>({ pool, budgetMs: BUDGET_MS }, name, text, values)).rows;
  };

  const inTransactionWithin = async <T>(work: (client: PoolClient) => Promise<T>): Promise<T> => {
    await prepare();
    const budget = { engine: ENGINE, budgetMs: BUDGET_MS, isRetryable: isTransient };
    return withinBudget(budget, () => inTransaction(pool, work));
  };

  return {
    async head() {
      const [head] = await rows<ArchiveHead & { upTo: Hlc }>('archive-head', HEAD_SQL, []);
      return head ?? { segments: 0, size: 0, root: EMPTY_ROOT, upTo: 0 };
    },

    /** A repeat after a lost acknowledgement finds its own segment, and answers as if another process had added it. */
    add: ({ segments, size, root, upTo }, commits, nodes) =>
      inTransactionWithin(async (client) => {
        const run = (name: string, text: string, values: unknown[]) =>
          client.query(statement(name, text, values, ADD_TIMEOUT_MS));
        const moved = await run('archive-move', MOVE_SQL, [segments, size, root, upTo]);
        if (moved.rowCount !== 1) return false;
        await run('archive-commits', COMMITS_SQL, [
          textArray(commits.map(({ stream }) => stream)),
          commits.map(({ commitNo }) => commitNo),
          commits.map(({ index }) => index),
          bytesArray(commits.map(({ h }) => Buffer.from(h, 'hex'))),
        ]);
        const parts = tilePartsOf(nodes);
        await run('archive-tiles', TILES_SQL, [
          parts.map(({ level }) => level),
          parts.map(({ index }) => index),
          bytesArray(parts.map(({ hashes }) => hashes)),
        ]);
        return true;
      }),

    async lastOf(streams) {
      const found = await rows<ArchivedCommit>('archive-last', LAST_SQL, [textArray([...new Set(streams)])]);
      return new Map(found.map((commit) => [commit.stream, commit]));
    },

    async find(places) {
      const found = await rows<ArchivedCommit>('archive-find', FIND_SQL, [
        textArray(places.map(({ stream }) => stream)),
        places.map(({ commitNo }) => commitNo),
      ]);
      const nameOf = (stream: StreamId, commitNo: number) => `${commitNo} ${stream}`;
      const byName = new Map(found.map((commit) => [nameOf(commit.stream, commit.commitNo), commit]));
      return places.map(({ stream, commitNo }) => byName.get(nameOf(stream, commitNo)));
    },

    async nodes(nodes: readonly Node[]) {
      const nameOf = ({ level, index }: TilePlace) => `${level}/${index}`;
      const places = [...new Map(nodes.map((node) => [nameOf(tileOf(node)), tileOf(node)])).values()];
      const tiles = await rows<TilePlace & { hashes: Buffer }>('archive-read-tiles', READ_TILES_SQL, [
        places.map(({ level }) => level),
        places.map(({ index }) => index),
      ]);
      const byName = new Map(tiles.map((tile) => [nameOf(tile), tile.hashes]));
      return nodes.map((node) => hashInTile(node, byName.get(nameOf(tileOf(node))) ?? Buffer.alloc(0)));
    },
  };
}
