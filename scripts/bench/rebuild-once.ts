// A process that rebuilds the orders once, and tells how much memory it took.
import { once } from 'node:events';
import { createPool } from '../../infra/postgres.js';
import { createPostgresSink } from '../../infra/sinks/postgres.js';
import { DEFAULT_SEGMENTS } from '../../projections/rebuild/rebuilds.js';
import { openRebuildWorld } from './rebuild-world.js';

/** It answers with its largest resident memory, in MB. */
export interface RebuildOrder {
  url: string;
  /** For the files of the rebuild. */
  folder: string;
}

const [{ url, folder }] = (await once(process, 'message')) as [RebuildOrder];
const pool = createPool({ url });
const world = await openRebuildWorld(pool, createPostgresSink(pool), folder);
await world.rebuild({ segments: DEFAULT_SEGMENTS, isFullSpeed: true });
await pool.end();
process.send?.(process.resourceUsage().maxRSS / 1024, () => process.disconnect());
