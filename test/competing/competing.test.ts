// Four consumers of one change feed on each store, without a lease: each delivers its shards and those of another. The read models
// end as the fold of the log. In a normal run one of them is a process of its own, in the long form all.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import { physicalName } from '../../projections/runtime/projection.js';
import { positionFor } from '../../projections/runtime/sink.js';
import { describeWith, freshName } from '../engines.js';
import { everyOr } from '../every-case.js';
import { createModel } from '../model/fold.js';
import type { StorePlace } from '../sinks.js';
import { the } from '../the.js';
import type { Task } from './worker.js';
import { CONSUMERS, logOf, openConsumer, PROJECTIONS, type Scenario } from './world.js';

const STORES = ['postgres', 'mongodb', 'opensearch', 'redis'] as const;

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const SCENARIOS = everyOr<Scenario>(
  [0, 1].map((n) => ({ seed: seed + n, streams: 100, commits: 1_000 })),
  [{ seed, streams: 25, commits: 200 }],
);
const PROCESSES = everyOr([0, 1, 2, 3], [0]);

describe('Projectors that compete for one read model', function () {
  this.timeout(600_000);
  const workers: ChildProcess[] = [];
  after(() => {
    for (const worker of workers) worker.kill();
  });

  for (const engine of STORES) {
    describeWith(engine, `on ${engine}`, (engines) => {
      for (const scenario of SCENARIOS) {
        it(`leave what the fold of the log is (seed ${scenario.seed})`, async () => {
          const address = engine === 'postgres' ? await engines.freshDatabase() : engines[engine]();
          const place = { engine, address, name: freshName('competing') };
          const consumers = await Promise.all(
            Array.from({ length: CONSUMERS }, (_, n) =>
              PROCESSES.includes(n) ? inProcess(n, { place, scenario, consumer: n }) : openConsumer(place, scenario, n),
            ),
          );
          await Promise.all(consumers.map(({ consume }) => consume()));
          await Promise.all(consumers.map(({ close }) => close()));
          await expectFold(place, scenario);
        });
      }
    });
  }

  async function inProcess(n: number, task: Exclude<Task, 'begin'>) {
    workers[n] ??= fork(join(import.meta.dirname, 'worker.ts'), { execArgv: ['--import', 'tsx'] });
    const worker = the(workers[n]);
    const send = (message: Task) => worker.send(message);
    const says = async (what: string) => expect((await nextOf(worker))[0]).to.equal(what);
    send(task);
    await says('ready');
    return {
      async consume() {
        send('begin');
        await says('done');
      },
      close: async () => {},
    };
  }
});

/** Its next message. */
async function nextOf(worker: ChildProcess): Promise<unknown[]> {
  const heard = new AbortController();
  const { signal } = heard;
  const ended = once(worker, 'exit', { signal }).then(() => {
    throw new Error('A consumer ended.');
  });
  return Promise.race([once(worker, 'message', { signal }), ended]).finally(() => heard.abort());
}

/** No document is missing, none is too many, and each position is the end of its stream. */
async function expectFold(place: StorePlace, scenario: Scenario): Promise<void> {
  const { commits } = await logOf(scenario);
  const { documents, close } = await openConsumer(place, scenario, 0);
  const ends = new Map(commits.map(({ stream, position }) => [stream, position.commitNo]));
  for (const projection of PROJECTIONS) {
    const table = physicalName(projection);
    const expected = createModel(projection, commits).documents();
    const ids = [...expected.keys()].map((key) => ({ table, key }));
    const stored = await documents.load(ids, [...ends.keys()]);
    const found = new Map(stored.documents.map(({ key, document }) => [key, document]));
    expect(Object.fromEntries(found), table).to.deep.equal(Object.fromEntries(expected));
    expect(await documents.count(table)).to.equal(expected.size);
    const positions = [...ends.keys()].map((stream) => [stream, positionFor(table, stored.positions.get(stream))]);
    expect(new Map(positions as [string, number][])).to.deep.equal(ends);
  }
  await close();
}
