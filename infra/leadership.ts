// Leader election: the process with an advisory lock in Postgres does work that only one process should do. If it dies, the
// server releases the lock and another process takes over. Two leaders for a moment only waste work.
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';

const RETRY_EVERY_MS = 500;

/** Advisory lock of the process that hosts the projectors of the pool's schema. */
export const PROJECTORS_LOCK = 7_236_116;

/**
 * Waits for the lock and leads until `signal` aborts. The signal passed to `lead` also aborts when the lock is lost. Resolves
 * once
 * aborted and stopped; rejects as `lead` does.
 */
export async function leadWhenFree(
  { pool, lock }: { pool: Pool; lock: number },
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const client = await takeLock(pool, lock).catch(() => undefined); // Postgres does not answer: retry later
    if (!client) {
      await delay(RETRY_EVERY_MS, undefined, { signal }).catch(() => {});
      continue;
    }
    const lost = new AbortController();
    client.once('end', () => lost.abort());
    try {
      await lead(AbortSignal.any([signal, lost.signal]));
    } finally {
      client.release(true); // closing the session releases the lock
    }
  }
}

async function takeLock(pool: Pool, lock: number): Promise<PoolClient | undefined> {
  const client = await pool.connect();
  try {
    const { rows } = await client.query<{ taken: boolean }>(
      'select pg_try_advisory_lock($1, hashtext(current_schema())) as taken',
      [lock],
    );
    if (rows[0]?.taken) return client;
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
  return undefined;
}
