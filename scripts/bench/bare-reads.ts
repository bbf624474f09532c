// The bare server that reads are compared with, in its own process: Express, one route, the statements of the product, and their
// rows as JSON. It checks, limits, counts and opens nothing.
import type { AddressInfo } from 'node:net';
import express from 'express';
import { createPool } from '../../infra/postgres.js';
import type { BareReady } from './bare-process.js';

/** The size of the product's pool. */
const CONNECTIONS = 32;

/** A statement as the product's adapter sends it to the driver. */
export interface Statement {
  name: string;
  text: string;
  values: unknown[];
}

export interface BareReadsOrder {
  databaseUrl: string;
  schema: string;
  /** The statements of each request. `GET /n` runs those with the index n side by side. */
  reads: Statement[][];
}

process.once('message', ({ databaseUrl, schema, reads }: BareReadsOrder) => {
  const pool = createPool({ url: databaseUrl, searchPath: [schema], max: CONNECTIONS });
  const app = express();
  app.get('/:read', async (req, res) => {
    const results = await Promise.all(reads[Number(req.params.read)]!.map((statement) => pool.query(statement)));
    res.json(results.map(({ rows }) => rows));
  });
  const server = app.listen(0, '127.0.0.1', () => {
    const ready: BareReady = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    process.send!(ready);
  });
});

process.once('disconnect', () => process.exit());
