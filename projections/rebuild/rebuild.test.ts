// Rebuilds by example and by property, in memory: killed at any call, beside writers and projectors, they end equal to the log.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { hlcOf } from '../../domain/kernel/clock.js';
import { START } from '../../domain/kernel/commit.js';
import { isProblem, Unavailable } from '../../domain/kernel/errors.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../../infra/event-store/memory.js';
import { createFileSpill } from '../../infra/rebuild/file-spill.js';
import { noteCommit, notes } from '../../test/contracts/notes.js';
import { runsOf } from '../../test/every-case.js';
import { createMemorySink } from '../../test/memory-sink.js';
import { endPrograms, freshFolder } from '../../test/running-shop.js';
import { the } from '../../test/the.js';
import { type BuildList, createBuildList, tableOf } from '../runtime/build-list.js';
import { followBuilds } from '../runtime/follow-builds.js';
import type { Projection } from '../runtime/projection.js';
import { createProjector, type Projector } from '../runtime/projector.js';
import type { DocumentStore } from '../runtime/sink.js';
import { createServed } from '../served.js';
import { RebuildFailed } from './rebuild.js';
import { createRebuilds, type RebuildOptions } from './rebuilds.js';
import type { Spill } from './spill.js';

const STREAMS = ['note#a', 'note#b', 'note#c', 'note#d'] as const;
const PROPERTY_TIMEOUT_MS = 60_000;

describe('A rebuild', () => {
  after(endPrograms); // deletes the folders

  it('makes a new build that equals the log, and switches to it', async () => {
    const world = await createWorld();
    await world.write('note#a', 'x', 'y', 'x');
    await world.write('note#b', 'x');
    await world.feed();
    const report = await world.rebuild();
    expect(report).to.deep.equal({ build: 2, version: '1.2', phase: 'serving' });
    expect(await world.shown()).to.deep.equal(world.expected());
    expect((await world.report()).builds.map(({ phase }) => phase)).to.deep.equal(['serving', 'previous']);
  });

  it('keeps the old build fed, so that a rollback is not a step back in time', async () => {
    const world = await createWorld();
    await world.write('note#a', 'x');
    await world.feed();
    await world.rebuild();
    await world.write('note#a', 'y');
    await world.write('note#e', 'x');
    await world.feed();
    expect(await world.shown()).to.deep.equal(world.expected());
    expect(await world.rebuilds.rollback('texts')).to.deep.equal({ build: 1, version: '1.1', phase: 'serving' });
    expect(await world.shown()).to.deep.equal(world.expected());
    await world.write('note#a', 'z');
    await world.feed();
    await world.rebuilds.rollback('texts');
    expect(await world.shown()).to.deep.equal(world.expected());
    expect((await world.report()).version).to.equal('1.2');
  });

  it('drops the builds before the last two, some time after the switch', async () => {
    const world = await createWorld();
    await world.write('note#a', 'x');
    await world.feed();
    await world.rebuild();
    await world.rebuild();
    await world.attend();
    expect(await world.documents.count('texts_v1')).to.be.greaterThan(0);
    world.clock.now += 60_000;
    await world.attend();
    expect(await world.documents.count('texts_v1')).to.equal(0);
    await world.write('note#a', 'y');
    await world.feed();
    expect(the((await world.documents.load([], ['note#a'])).positions.get('note#a'))).to.deep.equal({
      of: ['sizes_v1', 'texts_v1_b2', 'texts_v1_b3'],
      commitNo: 2,
    });
    expect(await world.shown()).to.deep.equal(world.expected());
  });

  it('of a projection whose version was raised begins by itself, and the old build serves meanwhile', async () => {
    const world = await createWorld();
    await world.write('note#a', 'x', 'y');
    await world.feed();
    const raised = await world.restart({ version: 2 });
    expect((await raised.report()).version).to.equal('1.1');
    expect(await raised.shown()).to.deep.equal(world.expected());
    await raised.write('note#a', 'x');
    await raised.feed();
    expect(await raised.shown()).to.deep.equal(world.expected());
    await raised.attend();
    expect((await raised.report()).version).to.equal('2.2');
    expect(await raised.shown()).to.deep.equal(world.expected());
    await raised.rebuilds.rollback('texts');
    await raised.attend();
    expect((await raised.report()).version, 'a rollback is not undone').to.equal('1.1');
  });

  it('of a projection that does not continue the old build leaves that build alone, and cannot be rolled back to it', async () => {
    const world = await createWorld();
    await world.write('note#a', 'x');
    await world.feed();
    const before = await world.shown();
    const raised = await world.restart({ version: 2, isNew: true });
    await raised.write('note#a', 'x');
    await raised.feed();
    expect(await raised.shown()).to.deep.equal(before);
    await raised.attend();
    expect((await raised.report()).version).to.equal('2.2');
    expect(await raised.shown()).to.deep.equal(world.expected());
    const error = await raised.rebuilds.rollback('texts').catch((caught: unknown) => caught);
    expect(isProblem(error, 'conflict') && error.message).to.equal(
      'The build 1.1 of texts is not up to date, because version 2 does not continue it.',
    );
  });

  it('leaves what a program without builds has made, until the new version is built', async () => {
    const world = await createWorld();
    await world.write('note#a', 'x', 'y');
    await world.feed();
    // The list is lost; what that program knew is in the progress of its sweep.
    const { documents } = world;
    await documents.setSweepState({
      of: ['sizes_v1', 'texts_v1'],
      lineage: '',
      sweptTo: 1,
      comparedTo: 0,
      comparedAt: 0,
    });
    await documents.setBuilds({}, (await documents.builds())?.revision);
    const raised = await world.restart({ version: 2 });
    expect((await raised.report()).version).to.equal('1.1');
    expect(await raised.shown()).to.deep.equal(world.expected());
    await raised.attend();
    expect((await raised.report()).version).to.equal('2.2');
    expect(await raised.shown()).to.deep.equal(world.expected());
  });

  it('is finished by the leading process if nobody runs it', async () => {
    const world = await createWorld();
    await world.write('note#a', 'x');
    await world.feed();
    expect(await world.rebuilds.request('texts')).to.include({ build: 2, phase: 'waiting' });
    await world.attend();
    expect((await world.report()).version).to.equal('1.2');
  });

  describe('is refused', () => {
    it('while another one of the same projection is in progress', async () => {
      const world = await createWorld();
      await world.write('note#a', 'x');
      const tried: Promise<unknown>[] = [];
      await world.rebuild({}, () => {
        if (tried.length > 0) return;
        for (const attempt of [world.rebuild(), world.rebuilds.request('texts'), world.rebuilds.rollback('texts')])
          tried.push(attempt.catch((error: unknown) => error));
      });
      for (const error of await Promise.all(tried)) {
        expect(isProblem(error, 'conflict') && error.message).to.match(/^A rebuild of texts is in progress in runner/);
      }
    });

    it('for a projection that does not exist, and says which do', async () => {
      const world = await createWorld();
      const error = await world.rebuilds.request('text').catch((caught: Error) => caught);
      expect((error as Error).message).to.equal('There is no projection text; there are: texts, sizes.');
    });

    it('to roll back if there is no earlier build', async () => {
      const world = await createWorld();
      const error = await world.rebuilds.rollback('texts').catch((caught: unknown) => caught);
      expect(isProblem(error, 'conflict')).to.equal(true);
    });
  });

  it('stops at a commit that the definition cannot process, names it, and the old build serves on', async () => {
    const world = await createWorld();
    await world.write('note#a', 'x', 'poison', 'y');
    await world.feed();
    const raised = await world.restart({ version: 2, poison: 'poison' });
    const error = await raised.rebuild().catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(RebuildFailed);
    expect((error as Error).message).to.equal('it cannot process commit 2 of note#a: poison');
    const { version, builds } = await raised.report();
    expect(version).to.equal('1.1');
    expect(builds.at(-1)).to.include({ phase: 'failed', error: 'it cannot process commit 2 of note#a: poison' });
    await raised.attend();
    expect((await raised.report()).version, 'it is not tried again by itself').to.equal('1.1');
    await raised.write('note#b', 'x');
    await raised.feed();
    expect(await raised.shown()).to.deep.equal(world.expected());
  });

  it('also stops if the commit comes while the projectors feed it', async () => {
    const world = await createWorld();
    await world.write('note#a', 'x');
    await world.feed();
    const raised = await world.restart({ version: 2, poison: 'poison' });
    raised.atPause = async () => {
      await raised.write('note#a', 'poison');
      await raised.feed();
    };
    const error = await raised.rebuild().catch((caught: unknown) => caught);
    expect((error as Error).message).to.equal('it cannot process commit 2 of note#a: poison');
  });

  it('keeps its positions beside a projector that has worked since before it began', async () => {
    const world = await createWorld();
    await world.write('note#a', 'x');
    await world.feed();
    await world.write('note#a', 'y');
    const late = await world.lateFeed();
    await world.rebuild();
    await late();
    expect(the((await world.documents.load([], ['note#a'])).positions.get('note#a'))).to.deep.equal({
      of: ['sizes_v1', 'texts_v1', 'texts_v1_b2'],
      commitNo: 2,
    });
  });

  it('stops if a document differs from the log', async () => {
    const world = await createWorld();
    await world.write('note#a', 'x', 'y');
    await world.feed();
    world.atPause = async () => {
      const id = { table: 'texts_v1_b2', key: 'x' };
      const [found] = (await world.documents.load([id], [])).documents;
      await world.documents.save([{ ...the(found), document: { versions: [] } }], new Map());
    };
    const error = await world.rebuild().catch((caught: unknown) => caught);
    expect((error as Error).message).to.equal('1 documents differ from the log, such as x');
  });

  it('waits while the store, the log or the disk does not answer, and says for what', async () => {
    const world = await createWorld();
    await world.write('note#a', 'x', 'y');
    await world.feed();
    const waits: (string | undefined)[] = [];
    let calls = 0;
    await world.rebuild({}, ({ waitsFor }) => {
      waits.push(waitsFor);
      world.onCall = () => {
        if (++calls % 3 === 0 && calls < 60) throw new Unavailable('Memory', 'the disk is full');
      };
    });
    world.onCall = () => {};
    expect(waits).to.include('Memory: the disk is full');
    expect(await world.shown()).to.deep.equal(world.expected());
  });

  it('shows its progress', async () => {
    const world = await createWorld();
    for (let n = 0; n < 30; n++) await world.write('note#a', 'x', 'y');
    const phases = new Map<string, number>();
    await world.rebuild({ verify: 'full' }, ({ phase, commits }) => phases.set(phase, the(commits).done));
    expect([...phases.keys()]).to.deep.equal(['reading', 'loading', 'joining', 'following', 'checking']);
  });

  it('killed at any call, beside writers and projectors, ends equal to the log', async function () {
    this.timeout(PROPERTY_TIMEOUT_MS);
    const texts = fc.array(fc.tuple(fc.constantFrom(...STREAMS), fc.constantFrom('x', 'y', 'z', 'idle')), {
      minLength: 1,
      maxLength: 25,
    });
    const history = fc.record({
      before: texts,
      meanwhile: fc.array(fc.tuple(fc.nat(60), texts), { maxLength: 3 }),
      kills: fc.array(fc.nat(40), { maxLength: 4 }),
      midway: fc.boolean(),
      late: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(history, async ({ before, meanwhile, kills, midway, late }) => {
        const world = await createWorld();
        for (const [stream, text] of before) await world.write(stream, text);
        if (!late) await world.feed();
        let calls = 0;
        const writers = async () => {
          calls++;
          for (const [at, written] of meanwhile) {
            if (at !== calls) continue;
            for (const [stream, text] of written) await world.write(stream, text);
            if (!late) await world.feed();
          }
        };
        for (const kill of kills) {
          let left = kill;
          const runner = await world.restart({}, { kill: () => left-- <= 0, midway, onCall: writers });
          await runner.rebuild().catch((error) => {
            if (!(error instanceof Killed)) throw error;
          });
          if (left >= 0) break;
        }
        await (await world.restart({}, { onCall: writers })).attend();
        await world.feed();
        if ((await world.report()).builds[0]?.build === 1) await world.rebuild();
        expect(await world.shown()).to.deep.equal(world.expected());
        expect((await world.report()).lag).to.deep.equal({ commits: 0, seconds: 0, atLeast: false });
        await world.write('note#a', 'x');
        await world.feed();
        expect(await world.shown()).to.deep.equal(world.expected());
        await world.rebuilds.rollback('texts');
        expect(await world.shown()).to.deep.equal(world.expected());
      }),
      { numRuns: runsOf(150) },
    );
  });
});

// ── The world ───────────────────────────────────────────────────────────────────────────────────────────────────────

interface TextDocument {
  versions: number[];
}

class Killed extends Error {}

interface Definition {
  version?: number;
  /** True if it does not say that it continues documents of earlier versions. */
  isNew?: boolean;
  /** A text that the definition cannot process. */
  poison?: string;
}

/** By text: the versions of all notes with it, in any order of streams. */
function textsOf({ version = 1, isNew = false, poison }: Definition): Projection<never, never> {
  return {
    name: 'texts',
    version,
    ...(!isNew && { continues: { [version]: 1 } }),
    categories: ['note'],
    fields: {},
    on: {
      NoteWritten: {
        keys: ({ data: { text } }: { data: { text: string } }) => (text === 'idle' ? [] : [text]),
        evolve(before: TextDocument | undefined, event: { version: number; data: { text: string } }) {
          if (event.data.text === poison) throw new Error('poison');
          return { versions: [...(before?.versions ?? []), event.version].sort((a, b) => a - b) };
        },
      },
    } as never,
  };
}

/** By stream: the number of notes. Another projection of the same store, which is not rebuilt. */
const sizes: Projection<never, never> = {
  name: 'sizes',
  version: 1,
  categories: ['note'],
  fields: {},
  on: {
    NoteWritten: {
      keys: ({ commandId }: { commandId: string }) => [commandId.split('/')[0] as string],
      evolve: (before: { notes: number } | undefined) => ({ notes: (before?.notes ?? 0) + 1 }),
    },
  } as never,
};

interface Faults {
  /** True at the call that kills the process. All later calls fail. */
  kill?: () => boolean;
  /** The call that kills takes effect. */
  midway?: boolean;
  onCall?: () => Promise<void>;
}

async function createWorld(definition: Definition = {}) {
  const clock = { now: Date.parse('2026-01-01T00:00:00Z') };
  const memory = createMemoryLog();
  const folder = await freshFolder();
  const sink = createMemorySink();
  const shared = { clock, memory, folder, sink, expected: new Map<string, number[]>() };
  return openWorld(shared, definition);
}

async function openWorld(
  shared: {
    clock: { now: number };
    memory: ReturnType<typeof createMemoryLog>;
    folder: string;
    sink: ReturnType<typeof createMemorySink>;
    expected: Map<string, number[]>;
  },
  definition: Definition,
  faults: Faults = {},
) {
  const { clock, memory, folder, sink } = shared;
  const codec = createCommitCodec(notes);
  const log = createMemoryEventStore({ codec, log: memory, clock: () => clock.now, watermarkLagMs: 1 });
  const texts = textsOf(definition);
  const projections = [texts, sizes];
  const clean = await sink.open(projections);
  const runner = `runner:${randomBytes(3).toString('hex')}`;
  let isDead = false;

  async function call<T>(work: () => Promise<T>): Promise<T> {
    if (isDead) throw new Killed();
    await faults.onCall?.();
    world.onCall();
    if (faults.kill?.()) {
      if (faults.midway) await work();
      isDead = true;
      throw new Killed();
    }
    return work();
  }
  const through = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(from, name) {
        const member = from[name as keyof T];
        if (typeof member === 'object' && member !== null) return through(member);
        if (typeof member !== 'function' || ['onDoubt', 'read', 'log', 'stored', 'newest'].includes(String(name)))
          return member;
        return (...args: unknown[]) => call(() => (member as (...a: unknown[]) => Promise<unknown>)(...args));
      },
    });

  const documents = through<DocumentStore>(clean);
  const openBuilds = (store: DocumentStore): BuildList =>
    createBuildList({ engine: 'Memory', projections, documents: store, lookEveryMs: 0 });
  const builds = openBuilds(documents);
  const live = openBuilds(clean);
  await live.read();
  const projector: Projector = followBuilds({
    engine: 'Memory',
    documents: clean,
    store: log,
    clock: () => clock.now,
    log: silent,
    builds: live,
    fed: await live.fed(),
  });
  const served = createServed(clean, live, texts);
  const rebuilds = createRebuilds({
    stores: [{ engine: 'Memory', projections, documents, builds, projector }],
    store: log,
    events: codec.events,
    spillOf: (table): Spill => through(createFileSpill(join(folder, 'rebuild', table))),
    runner,
    hasEnded: (by) => !by.startsWith(runner),
    clock: () => clock.now,
    log: silent,
    rest: async () => {},
    sizes: { segment: 4, slice: 6 },
    pause: async (ms) => {
      clock.now += ms;
      await world.atPause();
    },
  });

  const world = {
    clock,
    documents: clean,
    rebuilds,
    atPause: async () => {},
    onCall: () => {},
    async write(stream: StreamId, ...written: string[]) {
      for (const text of written) {
        const last = memory.streams.get(stream)?.at(-1);
        const after = last ? { commitNo: last.sk, version: last.lv, hash: last.h, at: last.at } : START;
        const at = Math.max(hlcOf(clock.now), after.at + 1);
        const commit = noteCommit(after, `${stream}/${after.commitNo}`, { text });
        const { appended } = await log.append(stream, after, { ...commit, at });
        expect(appended).to.equal(true);
        if (text !== 'idle') {
          const versions = [...(shared.expected.get(text) ?? []), after.version + 1];
          shared.expected.set(
            text,
            versions.sort((a, b) => a - b),
          );
        }
        clock.now += 1;
      }
    },
    /** What the feed brings to the process that leads. */
    async feed() {
      const tails = new Map([...memory.streams].map(([stream, commits]) => [stream, commits.length]));
      await projector.catchUp(tails);
    },
    /** What the feed brings to a process that looked at the builds now, and works when the function is called. */
    async lateFeed() {
      const deps = { engine: 'Memory', documents: clean, store: log, clock: () => clock.now, log: silent };
      const before = createProjector({ ...deps, ...(await live.fed()) });
      return () => before.catchUp(new Map([...memory.streams].map(([stream, commits]) => [stream, commits.length])));
    },
    rebuild: (options: RebuildOptions = {}, onProgress?: Parameters<typeof rebuilds.run>[1]['onProgress']) =>
      rebuilds.run('texts', { signal: new AbortController().signal, ...options, ...(onProgress && { onProgress }) }),
    /** One look of the process that leads. */
    async attend() {
      const stop = new AbortController();
      const attending = rebuilds.attend(stop.signal);
      await world.until(async () => {
        const { next, serving } = await live.of('texts');
        return !next && (serving.version === texts.version || (await isSettled()));
      });
      stop.abort();
      await attending;
    },
    async report() {
      return the((await rebuilds.report()).find(({ name }) => name === 'texts'));
    },
    async until(holds: () => Promise<boolean>) {
      for (let look = 0; look < 200; look++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (await holds()) return;
      }
      throw new Error('it did not happen');
    },
    /** The documents of the build that answers, by key. */
    async shown() {
      const build = await served.current();
      const table = tableOf('texts', build as never);
      const ids = ['x', 'y', 'z', 'poison'].map((key) => ({ table, key }));
      const found = (await clean.load(ids, [])).documents;
      return Object.fromEntries(found.map(({ key, document }) => [key, (document as TextDocument | null)?.versions]));
    },
    expected: () =>
      Object.fromEntries(
        ['x', 'y', 'z', 'poison'].flatMap((key) => (shared.expected.has(key) ? [[key, shared.expected.get(key)]] : [])),
      ),
    /** Another process with this definition. */
    async restart(next: Definition, more: Faults = {}) {
      return openWorld(shared, next, more);
    },
  };
  async function isSettled(): Promise<boolean> {
    const { failure, previous } = await live.of('texts');
    return failure !== undefined || previous?.version === texts.version;
  }
  return world;
}

const silent = { info() {}, warn() {}, error() {} };
