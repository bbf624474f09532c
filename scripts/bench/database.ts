// Databases for single benches.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { EngineUnavailable } from '../../infra/engines/errors.js';
import { createPool } from '../../infra/postgres.js';

/** An autovacuum of a database with new data belongs to the server's own user, and nobody else may end it. */
const NOT_OURS_TO_END = '42501';
const RETRY_MS = 200;
const PATIENCE_MS = 20_000;

export interface Database {
  url: string;
  drop(): Promise<void>;
}

/** Created on the server at `serverUrl`. Throws `EngineUnavailable`. */
export async function createDatabase(serverUrl: string): Promise<Database> {
  const server = createPool({ url: serverUrl, max: 1 });
  const name = `commerce_bench_${randomBytes(6).toString('hex')}`;
  try {
    await server.query(`create database ${name}`);
  } catch (error) {
    await server.end();
    throw new EngineUnavailable(
      'postgres',
      `the database for the bench cannot be created: ${(error as Error).message}`,
    );
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async drop() {
      try {
        await dropDatabase(server, name);
      } finally {
        await server.end();
      }
    },
  };
}

async function dropDatabase(server: Pool, name: string): Promise<void> {
  for (const deadline = performance.now() + PATIENCE_MS; ; await delay(RETRY_MS)) {
    try {
      await server.query(`drop database ${name} with (force)`);
      return;
    } catch (error) {
      const isBusy = (error as { code?: string }).code === NOT_OURS_TO_END;
      if (!isBusy || performance.now() > deadline) throw error;
    }
  }
}
