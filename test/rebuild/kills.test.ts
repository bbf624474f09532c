// Rebuilds on each store whose processes are killed, while others write, feed the read models, and read them. Every answer is compared
// with the fold of the log at its position. `npm run test:rebuild` kills fifty processes on Postgres, and five on each other store,
// and freezes each store.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { nextAt } from '../../domain/kernel/clock.js';
import { type Position, START } from '../../domain/kernel/commit.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { openPostgres } from '../../infra/engines/embedded-postgres.js';
import { tableOf } from '../../projections/runtime/build-list.js';
import { randomOf } from '../../scripts/random.js';
import { noteCommit } from '../contracts/notes.js';
import { describeWith, freshName, type TestEngines } from '../engines.js';
import { processesOfPostgres } from '../processes-of-postgres.js';
import { endPrograms, freshFolder } from '../running-shop.js';
import type { StorePlace } from '../sinks.js';
import { openRebuildWorld, type RebuildWorld, type TextDocument } from './world.js';

const IS_LONG = process.env.MANY_KILLS === '1';
/** A store is frozen for longer than it may take to answer, with the repeats of its driver. */
const STORES = [
  { engine: 'postgres', kills: IS_LONG ? 50 : 1, frozenMs: 33_000 },
  { engine: 'mongodb', kills: IS_LONG ? 5 : 1, frozenMs: 13_000 },
  { engine: 'opensearch', kills: IS_LONG ? 5 : 1, frozenMs: 25_000 },
  { engine: 'redis', kills: IS_LONG ? 5 : 1, frozenMs: 6_000 },
] as const;

const TIMEOUT_MS = 120_000;
const TIMEOUT_PER_KILL_MS = 60_000;

const STREAMS = Array.from({ length: IS_LONG ? 40 : 24 }, (_, n): StreamId => `note#${n}`);
const TEXTS = Array.from({ length: IS_LONG ? 30 : 20 }, (_, n) => `text ${n}`);
const FIRST_COMMITS = IS_LONG ? 400 : 160;
/** To the store and the spill, in a rebuild that is not killed. */
const FEWEST_CALLS = 30;
const WHEN = ['before', 'midway', 'after'] as const;

for (const { engine, kills, frozenMs } of STORES) {
  describeWith(['postgres', engine], `Rebuilds on ${engine}`, function (engines) {
    this.timeout(TIMEOUT_MS + kills * TIMEOUT_PER_KILL_MS);
    let url: string;
    let place: StorePlace;
    let folder: string;
    let world: RebuildWorld;
    let seed: number;
    let log: Log;
    let stopEngine = async () => {};
    const workers: ReturnType<typeof startWorker>[] = [];

    beforeEach(async () => {
      url = await engines.freshDatabase();
      folder = await freshFolder();
      seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
    });
    afterEach(async () => {
      for (const worker of workers.splice(0)) await worker.end();
      await world?.close();
      await stopEngine();
      stopEngine = async () => {};
    });
    after(endPrograms);

    async function openWorldAt(address: string): Promise<void> {
      place = { engine, address, name: freshName('rebuilds') };
      world = await openRebuildWorld(url, place, folder);
      log = logOf(world, randomOf(seed));
      await log.write(FIRST_COMMITS);
    }

    it(`that are killed ${kills} times resume and end equal to the log, and every answer meanwhile is right`, async () => {
      await openWorldAt(engine === 'postgres' ? url : engines[engine]());
      workers.push(startWorker());
      const work = async (at: number, when: string) => {
        const worker = workers.pop() ?? startWorker();
        // The next one loads its program while this one works.
        if (kills > 1) workers.push(startWorker());
        return worker.work(at, when);
      };
      const random = randomOf(seed + 1);
      await besideOthers(world, log, async (signal) => {
        const calls = IS_LONG ? (await work(0, 'after')).calls : FEWEST_CALLS;
        expect(calls).to.be.at.least(FEWEST_CALLS);
        for (let done = 0; done < kills; ) {
          signal.throwIfAborted();
          const at = 1 + Math.floor(random() * calls);
          const when = WHEN[Math.floor(random() * WHEN.length)] as (typeof WHEN)[number];
          const { signal: killedBy, stderr } = await work(at, when);
          if (killedBy) done++;
          expect(stderr, `seed ${seed}, killed ${when} call ${at}`).to.equal('');
        }
        await world.rebuilds.run('texts', { signal, segments: 3, verify: 'full' });
        const { version } = (await world.builds.of('texts')).serving;
        await world.rebuilds.rollback('texts');
        expect((await world.builds.of('texts')).serving.version).to.equal(version);
      });
      await expectEqual();
    });

    if (IS_LONG || engine === 'redis')
      it('wait while the engine is frozen, and go on', async () => {
        const { address, signal: toEngine, stop } = await ownEngine(engines, engine);
        stopEngine = stop;
        await openWorldAt(address);
        const waits: string[] = [];
        let thawed: Promise<unknown> | undefined;
        const freeze = async () => {
          await toEngine('SIGSTOP');
          await delay(frozenMs);
          await toEngine('SIGCONT');
        };
        await world.rebuilds.run('texts', {
          signal: new AbortController().signal,
          verify: 'full',
          onProgress({ phase, waitsFor }) {
            if (waitsFor !== undefined) waits.push(waitsFor);
            // At that moment the first documents are written.
            if (phase === 'loading') thawed ??= freeze();
          },
        });
        await thawed;
        expect(waits, `${engine} was waited for`).not.to.deep.equal([]);
        await feed(world);
        await expectEqual();
      });

    async function expectEqual(): Promise<void> {
      await feed(world);
      const { serving, previous, next, failure } = await world.builds.of('texts');
      expect({ next, failure }).to.deep.equal({ next: undefined, failure: undefined });
      for (const build of [serving, previous]) {
        const table = tableOf('texts', build as never);
        expect(await documentsIn(world, table), `seed ${seed}: ${table}`).to.deep.equal(log.documents());
        expect(await world.documents.count(table)).to.equal(Object.keys(log.documents()).length);
      }
      const statuses = await world.projector.status();
      expect(statuses.map(({ lag }) => lag.commits)).to.deep.equal(statuses.map(() => 0));
    }

    /** A process that is ready to rebuild. */
    function startWorker() {
      const child = fork(join(import.meta.dirname, 'worker.ts'), [url, JSON.stringify(place), folder], {
        execArgv: ['--import', 'tsx'],
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      });
      let stderr = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      let calls = 0;
      child.on('message', (counted: number) => {
        calls = counted;
      });
      const ended = once(child, 'close');
      return {
        async work(killAt: number, when: string) {
          child.send({ killAt, when });
          await ended;
          return { calls, stderr, signal: child.signalCode };
        },
        async end() {
          child.kill('SIGKILL');
          await ended;
        },
      };
    }
  });
}

/** An engine of one test alone, and how to send a signal to its processes. */
async function ownEngine(engines: TestEngines, engine: StorePlace['engine']) {
  if (engine !== 'postgres') {
    const { address, pid } = await engines.freshEngine(engine);
    return { address, signal: async (name: NodeJS.Signals) => void process.kill(pid, name), stop: async () => {} };
  }
  const dataDir = join(await freshFolder(), 'postgres');
  const { url, stop } = await openPostgres({ dataDir });
  return {
    address: url,
    async signal(name: NodeJS.Signals) {
      for (const pid of await processesOfPostgres(dataDir)) process.kill(pid, name);
    },
    stop,
  };
}

/** While the work is done, others write, feed the projectors and read. */
async function besideOthers(
  world: RebuildWorld,
  log: Log,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  // Whoever reads may wait for the last commits, so they are still fed.
  const fed = new AbortController();
  const users = Promise.all([writing(log, stop.signal), reading(world, log, stop.signal)]).finally(() => fed.abort());
  const beside = Promise.all([users, feeding(world, fed.signal)]);
  beside.catch(() => stop.abort());
  try {
    await work(stop.signal);
  } finally {
    stop.abort();
    await beside;
  }
}

type Log = ReturnType<typeof logOf>;

/** The notes that were written, and the documents that they make. */
function logOf({ store }: RebuildWorld, random: () => number) {
  const ends = new Map<StreamId, Position>();
  const written: { stream: StreamId; commitNo: number; text: string; version: number }[] = [];

  async function write(commits: number): Promise<void> {
    const busy = new Map<StreamId, string[]>();
    for (let n = 0; n < commits; n++) {
      // Some streams and texts are much busier than others.
      const stream = STREAMS[Math.floor(random() ** 2 * STREAMS.length)] as StreamId;
      const text = random() < 0.1 ? 'idle' : (TEXTS[Math.floor(random() ** 2 * TEXTS.length)] as string);
      busy.set(stream, [...(busy.get(stream) ?? []), text]);
    }
    await Promise.all([...busy].map(([stream, some]) => writeTo(stream, some)));
  }

  async function writeTo(stream: StreamId, some: readonly string[]): Promise<void> {
    for (const text of some) {
      const after = ends.get(stream) ?? START;
      const commit = noteCommit(after, `${stream}/${after.commitNo}`, { text });
      const result = await store.append(stream, after, { ...commit, at: nextAt(Date.now(), after.at) });
      if (!result.appended) throw new Error('a note was lost');
      ends.set(stream, result.position);
      written.push({ stream, commitNo: after.commitNo + 1, text, version: after.version + 1 });
    }
  }

  /** The notes with this text up to these commits. */
  function notesOf(text: string, upTo: (stream: StreamId) => number): TextDocument['notes'] {
    const notes: TextDocument['notes'] = {};
    for (const note of written) {
      if (note.text !== text || note.commitNo > upTo(note.stream)) continue;
      notes[note.stream] = [...(notes[note.stream] ?? []), note.version];
    }
    return notes;
  }

  return {
    write,
    notesOf,
    seen: () => new Map([...ends].map(([stream, { commitNo }]) => [stream, commitNo] as const)),
    documents: () =>
      Object.fromEntries(
        [...new Set(written.map(({ text }) => text))]
          .filter((text) => text !== 'idle')
          .sort()
          .map((text) => [text, notesOf(text, () => Number.POSITIVE_INFINITY)]),
      ),
  };
}

async function writing(log: Log, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await log.write(3);
    await delay(100);
  }
}

async function feeding(world: RebuildWorld, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await feed(world).catch(unlessUnavailable);
    await delay(30);
  }
}

/** A lane would try again, too. */
function unlessUnavailable(error: unknown): void {
  if (!(error instanceof Unavailable)) throw error;
}

/** The newest commits of the log, as the change feed would bring them. */
async function feed({ store, projector }: RebuildWorld): Promise<void> {
  const tails = new Map<StreamId, number>();
  for await (const { stream, commitNo } of store.newest(0))
    tails.set(stream, Math.max(commitNo, tails.get(stream) ?? 0));
  await projector.catchUp(tails);
}

/** Reads all documents again and again, as a request with a consistency token does. */
async function reading(world: RebuildWorld, log: Log, signal: AbortSignal): Promise<void> {
  const longest = new Map<string, number>();
  while (!signal.aborted) {
    const seen = new Map([...log.seen()].slice(0, 10));
    const build = await world.served.current();
    if (!(await world.served.gateOf(build).wait(seen, 60_000))) {
      const { positions } = await world.documents.load([], [...seen.keys()]);
      const found = { build, seen: [...seen], positions: [...positions], builds: await world.builds.read() };
      expect.fail(`a token is not shown: ${JSON.stringify(found)}`);
    }
    const table = tableOf('texts', build as never);
    const ids = TEXTS.map((key) => ({ table, key }));
    for (const { key, document, positions } of (await world.documents.load(ids, [])).documents) {
      const { notes } = document as unknown as TextDocument;
      expect(notes, `${table} ${key}`).to.deep.equal(log.notesOf(key, (stream) => positions[stream] ?? 0));
      const wanted = log.notesOf(key, (stream) => seen.get(stream) ?? 0);
      for (const [stream, list] of Object.entries(wanted)) {
        expect(notes[stream as StreamId]?.length, `${table} ${key} ${stream} shows the token`).to.be.at.least(
          list.length,
        );
      }
      const length = Object.values(notes).reduce((sum, list) => sum + list.length, 0);
      expect(length, `${table} ${key} does not shrink`).to.be.at.least(longest.get(key) ?? 0);
      longest.set(key, length);
    }
    await delay(50);
  }
}

async function documentsIn({ documents }: RebuildWorld, table: string): Promise<Record<string, TextDocument['notes']>> {
  const found = (
    await documents.load(
      TEXTS.map((key) => ({ table, key })),
      [],
    )
  ).documents;
  const sorted = found.sort((a, b) => (a.key < b.key ? -1 : 1));
  return Object.fromEntries(sorted.map(({ key, document }) => [key, (document as unknown as TextDocument).notes]));
}
