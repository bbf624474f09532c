// Tracks which processes use a shop's data. Each holds a shared advisory lock in Postgres, so that data in use is not deleted.
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import { onlyRow } from './postgres.js';

const PRESENCE_LOCK = 7_236_117;
const RETRY_EVERY_MS = 500;

/** Waits while the data is being deleted. After a lost connection it takes the lock again as soon as the server is back. */
export async function holdPresence(pool: Pool, shop: string): Promise<{ release(): void }> {
  let client: PoolClient | undefined;
  let released = false;

  async function take(): Promise<void> {
    const taken = await pool.connect();
    try {
      await taken.query('select pg_advisory_lock_shared($1, hashtext($2))', [PRESENCE_LOCK, shop]);
    } catch (error) {
      taken.release(true);
      throw error;
    }
    taken.once('end', () => {
      if (client === taken) disconnect(); // else the pool would wait for it for ever
      void takeAgain();
    });
    client = taken;
    if (released) release();
  }

  async function takeAgain(): Promise<void> {
    while (!released) {
      await delay(RETRY_EVERY_MS, undefined, { ref: false });
      const isTaken = await take().then(
        () => true,
        () => false,
      );
      if (isTaken) return;
    }
  }

  function release(): void {
    released = true;
    disconnect();
  }

  function disconnect(): void {
    const held = client;
    client = undefined;
    held?.release(true);
  }

  await take();
  return { release };
}

/**
 * Runs the work if no process uses the data, and keeps processes from starting meanwhile. Returns false if the data is in use.
 */
export async function unlessInUse(pool: Pool, shop: string, work: () => Promise<void>): Promise<boolean> {
  const client = await pool.connect();
  try {
    const lock = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1, hashtext($2)) as taken', [
      PRESENCE_LOCK,
      shop,
    ]);
    if (!onlyRow(lock).taken) return false;
    await work();
    return true;
  } finally {
    client.release(true); // closing the session releases the lock
  }
}
