// The processes of a Postgres server of a test, which can be frozen: each connection has one of its own.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Of a server with this data folder: the first process and those that it has started. */
export async function processesOfPostgres(dataDir: string): Promise<number[]> {
  const [first = ''] = (await readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8')).split('\n');
  const { stdout } = await promisify(execFile)('pgrep', ['-P', first]);
  return [first, ...stdout.trim().split('\n')].map(Number);
}
