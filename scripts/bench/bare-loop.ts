// The bare loop that checkouts are compared with, in its own process: it takes the same requests, writes commits of the same
// bytes with one insert each, and gives the same answers. It decides, checks, remembers and projects nothing.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { createPool } from '../../infra/postgres.js';
import type { BareReady } from './bare-process.js';
import { insertRaw } from './raw-inserts.js';

/** The size of the product's pool. */
const CONNECTIONS = 32;

/** Characters of a stream id that a number replaces, so that each insert finds its position free. */
const REPLACED_CHARS = 8;

export interface BareLoopOrder {
  databaseUrl: string;
  /** By the method and the last part of the path. */
  answers: Record<string, BareAnswer>;
}

export interface BareAnswer {
  status: number;
  headers: Record<string, string>;
  text: string;
  /** Commits in one list do not depend on each other. */
  commits: StoredCommit[][];
  /** Written after the answer. */
  behind: StoredCommit[][];
}

process.once('message', ({ databaseUrl, answers }: BareLoopOrder) => {
  const pool = createPool({ url: databaseUrl, max: CONNECTIONS });
  let inserts = 0;

  async function insert(commit: StoredCommit): Promise<void> {
    const own = String(inserts++).padStart(REPLACED_CHARS, '0');
    await insertRaw(pool, { ...commit, pk: `${commit.pk.slice(0, -REPLACED_CHARS)}${own}` as StreamId });
  }

  const server = createServer((req, res) => {
    let body = '';
    req.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    req.once('end', async () => {
      JSON.parse(body);
      const { status, headers, text, commits, behind } = answers[keyOf(req.method!, req.url!)]!;
      for (const together of commits) await Promise.all(together.map(insert));
      res.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(text) }).end(text);
      for (const together of behind) await Promise.all(together.map(insert));
    });
  });
  server.listen(0, '127.0.0.1', () => {
    const ready: BareReady = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    process.send!(ready);
  });
});

process.once('disconnect', () => process.exit());

function keyOf(method: string, path: string): string {
  return `${method} ${path.slice(path.lastIndexOf('/') + 1)}`;
}
