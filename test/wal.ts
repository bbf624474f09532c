// What the WAL of an embedded Postgres holds, by table and index, as the server's own extension pg_walinspect tells it.
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { eventually } from './running-shop.js';

export interface WalInspector {
  /** Records since this position, in bytes from the start of the WAL. The largest share first. */
  since(bytes: number): Promise<{ name: string; records: number; bytes: number }[]>;
  close(): Promise<void>;
}

/** The extension is for superusers, who may otherwise not log in: this server then also accepts `postgres` from this machine. */
export async function inspectWal(dataDir: string, url: string): Promise<WalInspector> {
  const cluster = join(dataDir, 'cluster');
  await appendFile(join(cluster, 'pg_hba.conf'), 'host all postgres 127.0.0.1/32 trust\n');
  const [pid] = (await readFile(join(cluster, 'postmaster.pid'), 'utf8')).split('\n');
  process.kill(Number(pid), 'SIGHUP');
  const address = new URL(url);
  address.username = 'postgres';
  address.password = '';
  const client = await eventually('the server has read its configuration', async () => {
    const connecting = new pg.Client(address.href);
    await connecting.connect();
    return connecting;
  });
  await client.query('create extension if not exists pg_walinspect');
  return {
    async since(bytes) {
      await client.query('select pg_switch_wal()'); // Only what is flushed can be read.
      const { rows } = await client.query(SINCE_SQL, [bytes]);
      return rows.map(({ name, records, bytes }) => ({ name, records: Number(records), bytes: Number(bytes) }));
    },
    close: () => client.end(),
  };
}

/** Each record counts for the relation of its first block; records without a block count for what wrote them. */
const SINCE_SQL = `
  with bounds as (select '0/0'::pg_lsn + $1::numeric as first, pg_current_wal_flush_lsn() as last),
  records as (
    select r.start_lsn, r.record_length, r.resource_manager, b.relfilenode
    from bounds, pg_get_wal_records_info(bounds.first, bounds.last) r
    left join pg_get_wal_block_info(bounds.first, bounds.last) b on b.start_lsn = r.start_lsn and b.block_id = 0
  )
  select coalesce(owner.relname || ' (TOAST)', found.relname, resource_manager) as name, count(*) as records, sum(record_length) as bytes
  from records
  left join pg_class found on pg_relation_filenode(found.oid) = records.relfilenode
  left join pg_class owner on owner.reltoastrelid = found.oid
  group by 1 order by 3 desc`;
