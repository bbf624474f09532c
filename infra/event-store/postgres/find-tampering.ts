// Finds the changed and removed commits of the log in Postgres. It reads the whole log, so it runs on a suspicion only. Each commit is
// compared with its own hash, with the commit before it, and with the hash that the index of the archive has of it.
import type { Pool } from 'pg';
import { lastOf } from '../../../domain/kernel/collections.js';
import type { StreamId } from '../../../domain/kernel/stream.js';
import { createPostgresArchiveIndex } from '../../archive/postgres-archive-index.js';
import { type Chains, checkChains } from '../../log-file/chains.js';
import { onlyRow, statement } from '../../postgres.js';
import { COMMIT_COLUMNS, type CommitRow, storedCommit } from './postgres-events-table.js';

const PAGE_ROWS = 500;
const PAGE_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 10 * 60_000;

export interface Tampering {
  stream: StreamId;
  commitNo: number;
  what: 'modified' | 'removed';
}

/** One stream after the other, so that the memory of the chains is that of one stream. */
const PAGE_SQL = `
  select ${COMMIT_COLUMNS} from (
    select *, sum(octet_length(ev)) over (order by pk, sk) - octet_length(ev) as bytes_before
    from (select * from events where (pk, sk) > ($1::text, $2::int) order by pk, sk limit ${PAGE_ROWS}) as rows
  ) as page
  where bytes_before < ${PAGE_BYTES}
  order by pk, sk`;

const MISSING_SQL = `
  select stream, commit_no as "commitNo" from archive_commits
  where not exists (select from events where pk = stream collate "C" and sk = commit_no)
  order by index limit $1`;

/** Until `limit` are found or the signal aborts. Of a stream whose chain is broken, the first bad commit only. */
export async function findTampering(pool: Pool, limit: number, signal: AbortSignal): Promise<Tampering[]> {
  const index = createPostgresArchiveIndex(pool);
  const isArchived = onlyRow(
    await query<{ isArchived: boolean }>(`select to_regclass('archive_commits') is not null as "isArchived"`),
  ).isArchived;
  const found = isArchived ? await missing() : [];
  let chains: Chains = checkChains();
  let last: Pick<CommitRow, 'pk' | 'sk'> = { pk: '' as StreamId, sk: 0 };
  while (found.length < limit && !signal.aborted) {
    const { rows } = await query<CommitRow>(PAGE_SQL, [last.pk, last.sk]);
    if (rows.length === 0) break;
    const archived = isArchived ? await index.find(rows.map(({ pk, sk }) => ({ stream: pk, commitNo: sk }))) : [];
    for (const [n, row] of rows.entries()) {
      if (row.pk !== last.pk) chains = checkChains();
      last = row;
      const isBroken = chains.bad.has(row.pk);
      check(row, chains);
      const bad = chains.bad.get(row.pk);
      if (bad && !isBroken)
        note(row.pk, bad.commitNo, bad.problem.startsWith('it is missing') ? 'removed' : 'modified');
      const expected = archived[n];
      if (expected && expected.h !== row.h) note(row.pk, row.sk, 'modified');
    }
    last = lastOf(rows);
  }
  return found.slice(0, limit);

  function note(stream: StreamId, commitNo: number, what: Tampering['what']): void {
    if (!found.some((one) => one.stream === stream && one.commitNo === commitNo))
      found.push({ stream, commitNo, what });
  }

  async function missing(): Promise<Tampering[]> {
    const { rows } = await query<Omit<Tampering, 'what'>>(MISSING_SQL, [limit]);
    return rows.map((row) => ({ ...row, what: 'removed' }));
  }

  /** Not prepared: the table may have been altered. */
  function query<R extends object>(text: string, values: unknown[] = []) {
    return pool.query<R>(statement('', text, values, TIMEOUT_MS));
  }
}

function check(row: CommitRow, chains: Chains): void {
  try {
    chains.add(storedCommit(row));
  } catch (error) {
    chains.report({ stream: row.pk, commitNo: row.sk, problem: String(error) });
  }
}
