// The benches of the import: the program imports a real file into an empty shop. It is compared with a loop that inserts the same
// commits.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { EngineUnavailable } from '../../infra/engines/errors.js';
import {
  COMMIT_COLUMNS,
  type CommitRow,
  storedCommit,
} from '../../infra/event-store/postgres/postgres-events-table.js';
import { createPool } from '../../infra/postgres.js';
import { findSample, samplesFolder } from '../data-samples.js';
import type { FigureBench, RatioBench, Scale } from './bench.js';
import type { BenchEngines, FreshShop } from './engines.js';
import { residentMb } from './memory.js';
import { PROGRAM } from './product.js';
import { createRawTable, insertRaw } from './raw-inserts.js';

const FILE = 'online-retail-2010-12-to-2011-10.csv.gz';

/** Invoices of a normal run: about two days of the shop. */
const PART_INVOICES = 300;

const MEMORY_EVERY_MS = 100;

export const imports: RatioBench = {
  kind: 'ratio',
  name: 'import',
  inFlight: 1,
  target: 0.5,
  how: `commits of an import of real invoices, from the start of the program until the read models show them ÷ a loop that inserts the same commits, one after the other; ${PART_INVOICES} invoices, or the whole file with --whole`,
  async open(engines, scale) {
    const sample = await imported(engines, scale);
    const commits = await commitsIn(sample.url);
    const pool = createPool({ url: sample.url, max: 1 });
    let shop: FreshShop | undefined;
    return {
      ours: {
        callers: 1,
        tasks: commits.length,
        async prepare() {
          await shop?.drop();
          shop = await engines.freshShop();
          const { environment } = shop;
          return [() => finished(startImport(environment, scale))];
        },
      },
      raw: {
        callers: 1,
        tasks: commits.length,
        async prepare() {
          await createRawTable(pool);
          return commits.map((commit) => () => insertRaw(pool, commit));
        },
      },
      async close() {
        await pool.end();
        await sample.drop();
        await shop?.drop();
      },
    };
  },
};

export const importMemory: FigureBench = {
  kind: 'figure',
  name: 'import-memory',
  inFlight: 1,
  target: 300,
  unit: 'MB',
  once: true,
  how: `largest resident memory of such an import, read every ${MEMORY_EVERY_MS} ms`,
  async open(engines, scale) {
    const shop = await engines.freshShop();
    return {
      async take() {
        const program = startImport(shop.environment, scale);
        let largest = 0;
        const timer = setInterval(async () => {
          largest = Math.max(largest, await residentMb(program.pid!).catch(() => 0));
        }, MEMORY_EVERY_MS);
        await finished(program).finally(() => clearInterval(timer));
        return largest;
      },
      close: shop.drop,
    };
  },
};

async function imported(engines: BenchEngines, scale: Scale): Promise<FreshShop> {
  const shop = await engines.freshShop();
  await finished(startImport(shop.environment, scale));
  return shop;
}

function startImport(environment: FreshShop['environment'], { whole }: Scale): ChildProcess {
  const file = findSample(FILE);
  if (file === undefined) {
    const reason = `${FILE} is not in ${samplesFolder()}; set COMMERCE_DATA_SAMPLES to its folder`;
    throw new EngineUnavailable('real data', reason);
  }
  const limit = whole ? [] : ['--limit', String(PART_INVOICES)];
  return spawn(process.execPath, [PROGRAM, 'import', 'online-retail', file, ...limit, '--json'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function finished(program: ChildProcess): Promise<void> {
  const [code] = await once(program, 'exit');
  if (code !== 0) throw new Error(`The import ended with the code ${code}.`);
}

async function commitsIn(url: string): Promise<StoredCommit[]> {
  const pool = createPool({ url, max: 1 });
  try {
    const { rows } = await pool.query<CommitRow>(`select ${COMMIT_COLUMNS} from events order by tx, seq`);
    return rows.map(storedCommit);
  } finally {
    await pool.end();
  }
}
