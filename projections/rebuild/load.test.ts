// The load of a rebuild: what it makes of commits that change no document, one, or several, and how often it checks their data.
import { expect } from 'chai';
import { type Position, START, type StoredCommit } from '../../domain/kernel/commit.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../../infra/event-store/memory.js';
import { noteCommit, notes } from '../../test/contracts/notes.js';
import type { Projection } from '../runtime/projection.js';
import type { NewDocument } from '../runtime/sink.js';
import { Indigestible, type LoadDeps, loadSlice, planLoad, readSegment } from './load.js';
import type { SpillPlan } from './spill.js';

const STREAM: StreamId = 'note#a';

/** By word: the versions of the notes that have it. */
const words: Projection<never, never> = {
  name: 'words',
  version: 1,
  categories: ['note'],
  fields: {},
  on: {
    NoteWritten: {
      keys: ({ data: { text } }: { data: { text: string } }) => text.split(' ').filter((word) => word !== 'idle'),
      evolve: (before: { versions: number[] } | undefined, { version }: { version: number }) => ({
        versions: [...(before?.versions ?? []), version],
      }),
    },
  } as never,
};

describe('The load of a rebuild', () => {
  it('folds commits that change no document, one, or several', async () => {
    const { documents } = await loaded(['x'], ['idle'], ['x y', 'y', 'z'], ['y']);
    expect(documents).to.deep.equal({ x: [1, 3], y: [3, 4, 6], z: [5] });
  });

  it('checks the data of a commit once, unless it changes several documents', async () => {
    const { checks } = await loaded(['x'], ['idle'], ['x', 'x']);
    expect(checks).to.deep.equal([1, 2, 3]);
  });

  it('reads a stored text with line breaks', async () => {
    const { documents } = await loadedFrom([['x'], ['x']], (stored) => ({
      ...stored,
      ev: stored.ev.replace('{', '{\n'),
    }));
    expect(documents).to.deep.equal({ x: [1, 2] });
  });

  for (const texts of [['x'], ['idle'], ['x y']]) {
    it(`refuses a commit of "${texts}" whose data is not of its schema, and names it`, async () => {
      const spoilt = (stored: StoredCommit) => ({ ...stored, ev: stored.ev.replace('"data":{', '"data":{"more":1,') });
      const error = await loadedFrom([texts], spoilt).catch((caught: unknown) => caught);
      expect(error).to.be.instanceOf(Indigestible).and.include({ stream: STREAM, commitNo: 1 });
    });
  }
});

const loaded = (...commits: string[][]) => loadedFrom(commits, (stored) => stored);

/** Loads commits with notes of these texts. Returns the documents, and the commits whose data was checked, in order. */
async function loadedFrom(commits: readonly string[][], change: (stored: StoredCommit) => StoredCommit) {
  const codec = createCommitCodec(notes);
  const log = createMemoryLog();
  const memory = createMemoryEventStore({ codec, log, watermarkLagMs: 0 });
  let after: Position = START;
  for (const texts of commits) {
    const commit = noteCommit(after, `${STREAM}/${after.commitNo}`, ...texts.map((text) => ({ text })));
    const result = await memory.append(STREAM, after, { ...commit, at: after.at + 1_000 });
    if (!result.appended) throw new Error('it was not appended');
    after = result.position;
  }
  const upTo = after.at;
  const checks: number[] = [];
  const spilled: (readonly string[])[][] = [];
  const deps: LoadDeps = {
    projection: words,
    store: {
      ...memory,
      async *log() {
        for (const { pk: stream, sk: commitNo, at } of log.arrivals) yield { stream, commitNo, at };
      },
      async *stored() {
        yield* log.arrivals.map(change);
      },
    },
    events(stored, options) {
      if (options?.isChecked ?? true) checks.push(stored.sk);
      return codec.events(stored, options);
    },
    spill: {
      plan: async () => undefined,
      setPlan: async () => {},
      segments: async () => new Set(),
      write: async (_, slices) => void spilled.push([...slices]),
      async *read(slice) {
        for (const slices of spilled) yield slices[slice] ?? [];
      },
      remove: async () => {},
    },
    rest: async () => {},
    isSkipped: () => false,
    sizes: { segment: 1_000, slice: 1_000 },
  };
  const plan: SpillPlan = await planLoad(deps, upTo);
  await readSegment(deps, plan, 0, () => {});
  const found: NewDocument[] = [];
  await loadSlice(deps, 0, async (some) => void found.push(...some));
  const documents = Object.fromEntries(found.map(({ key, document }) => [key, document?.versions]));
  return { documents, checks: [...checks].sort() };
}
