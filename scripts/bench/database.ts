// Databases for single benches.
import { randomBytes } from 'node:crypto';
import { EngineUnavailable } from '../../infra/engines/errors.js';
import { createPool } from '../../infra/postgres.js';

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
      await server.query(`drop database ${name} with (force)`);
      await server.end();
    },
  };
}
