// The contract of every event store. Each adapter's test runs this suite on its real engine.
import { expect } from 'chai';
import fc from 'fast-check';
import { type Clock, type Hlc, nextAt } from '../../domain/kernel/clock.js';
import { type Commit, GENESIS_HASH, type Position, START, type StoredCommit } from '../../domain/kernel/commit.js';
import { ClockSkew, CommitTooLarge, InvalidEvent } from '../../domain/kernel/errors.js';
import {
  compareLogEntries,
  type EventStore,
  entryOf,
  type LogEntry,
  type NewCommit,
  type StoredRange,
} from '../../domain/kernel/event-store.js';
import { MAX_CLOCK_SKEW_MS, MAX_COMMIT_BYTES } from '../../domain/kernel/limits.js';
import { type StreamId, streamId } from '../../domain/kernel/stream.js';
import { hashOf, partitionOf } from '../../infra/event-store/codec.js';
import { freshName } from '../engines.js';
import { runsOf } from '../every-case.js';
import { the } from '../the.js';
import { anyNote, noteCommit } from './notes.js';

/** One log that several processes write. */
export interface LogUnderTest {
  /** Opens the log as one more process. Its events are `notes`. */
  open(options?: ProcessOptions): EventStore;
  /** The stored items of a stream in order, read without the adapter. */
  items(stream: StreamId): Promise<StoredCommit[]>;
  /**
   * Attempts to change a stored item, without the adapter but with the product's rights. Missing if the engine cannot prevent
   * changes.
   */
  tamper?: Record<string, (stream: StreamId, commitNo: number) => Promise<unknown>>;
}

export interface ProcessOptions {
  clock?: Clock;
  /** Called after each successful append request. True loses its reply, as a broken connection does. */
  loseReply?: () => boolean;
  /** Default: the product's value. With 0 the log shows everything up to now. */
  watermarkLagMs?: number;
}

export function eventStoreContract(name: string, openLog: () => LogUnderTest | Promise<LogUnderTest>): void {
  describe(`${name} as an event store`, () => {
    let log: LogUnderTest;
    let store: EventStore;
    before(async () => {
      log = await openLog();
      store = log.open();
    });

    describe('appends', () => {
      it('the first commit of a stream, and the following ones', async () => {
        const stream = newStream();
        const commits = [noteCommit(START, 'c1', { text: 'one' })];
        const first = await appended(store, stream, START, the(commits[0]));
        commits.push(noteCommit(first, 'c2', { text: 'two' }, { text: 'three' }));
        const second = await appended(store, stream, first, the(commits[1]));

        expect(first).to.include({ commitNo: 1, version: 1, at: the(commits[0]).at });
        expect(second).to.include({ commitNo: 2, version: 3, at: the(commits[1]).at });
        expect(await all(store.read(stream))).to.deep.equal([
          {
            stream,
            position: first,
            firstVersion: 1,
            previousHash: GENESIS_HASH,
            commandIds: ['c1'],
            events: the(commits[0]).events,
          },
          {
            stream,
            position: second,
            firstVersion: 2,
            previousHash: first.hash,
            commandIds: ['c2'],
            events: the(commits[1]).events,
          },
        ]);
      });

      it('nothing after a position that is no longer the end', async () => {
        const stream = newStream();
        const first = await appended(store, stream, START, noteCommit(START, 'c1', {}));
        await appended(store, stream, first, noteCommit(first, 'c2', {}));
        expect(await store.append(stream, START, noteCommit(START, 'late', {}))).to.deep.equal({ appended: false });
        expect(await store.append(stream, first, noteCommit(first, 'late', {}))).to.deep.equal({ appended: false });
        expect(commandsOf(await all(store.read(stream)))).to.deep.equal(['c1', 'c2']);
      });

      it('one of fifty commits that race for the same position', async () => {
        const stream = newStream();
        const processes = [store, log.open(), log.open()];
        const results = await Promise.all(
          Array.from({ length: 50 }, async (_, n) => {
            const result = await the(processes[n % 3]).append(stream, START, noteCommit(START, `c${n}`, {}));
            return result.appended ? `c${n}` : undefined;
          }),
        );
        const winners = results.filter(Boolean);
        expect(winners).to.have.length(1);
        expect(commandsOf(await all(store.read(stream)))).to.deep.equal(winners);
      });

      it('one commit of several commands', async () => {
        const stream = newStream();
        const [one, two] = [noteCommit(START, 'c1', {}), noteCommit({ ...START, version: 1 }, 'c2', {}, {})];
        const commit = { ...one, commandIds: ['c1', 'c2'], events: [...one.events, ...two.events] };
        const position = await appended(store, stream, START, commit);
        expect(position).to.include({ commitNo: 1, version: 3 });
        const [read] = await all(store.read(stream));
        expect(the(read).commandIds).to.deep.equal(['c1', 'c2']);
        expect(the(read).events).to.deep.equal(commit.events);
      });

      it('any text unchanged', async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(anyNote, { minLength: 1, maxLength: 5 }), async (written) => {
            const stream = newStream('Straße 1/☕');
            const commit = noteCommit(START, 'c1', ...written);
            await appended(store, stream, START, commit);
            expect(the((await all(store.read(stream)))[0]).events).to.deep.equal(commit.events);
          }),
          { numRuns: 30 },
        );
      });

      it('once when the acknowledgement is lost', async () => {
        const stream = newStream();
        let lost = 0;
        const unlucky = log.open({ loseReply: () => lost++ < 2 });
        const first = await appended(unlucky, stream, START, noteCommit(START, 'c1', {}));
        expect(lost).to.be.at.least(2);
        const second = await appended(unlucky, stream, first, noteCommit(first, 'c2', {}));
        expect((await all(store.read(stream))).map(({ position }) => position)).to.deep.equal([first, second]);
      });

      it('once when the same commit is sent again, even after the stream has grown', async () => {
        const stream = newStream();
        const commit = noteCommit(START, 'c1', {});
        const first = await appended(store, stream, START, commit);
        await appended(store, stream, first, noteCommit(first, 'c2', {}));
        expect(await store.append(stream, START, commit)).to.deep.equal({ appended: true, position: first });
        expect(commandsOf(await all(store.read(stream)))).to.deep.equal(['c1', 'c2']);
      });

      it('no commit above the limit, and says what to do', async () => {
        const stream = newStream();
        const [below, above] = [MAX_COMMIT_BYTES - 2_000, MAX_COMMIT_BYTES].map((length) =>
          noteCommit(START, 'c1', { text: 'x'.repeat(length) }),
        );
        expect(await failure(store.append(stream, START, the(above))))
          .to.be.instanceOf(CommitTooLarge)
          .with.property('message')
          .that.matches(/split the command/);
        await appended(store, stream, START, the(below));
      });

      it('no event that does not fit its schema, while concurrent appends succeed', async () => {
        const [good, bad] = [newStream(), newStream()];
        const [fine, broken] = await Promise.all([
          store.append(good, START, noteCommit(START, 'c1', {})),
          failure(store.append(bad, START, noteCommit(START, 'c1', { text: 7 as never }))),
        ]);
        expect(fine.appended).to.equal(true);
        expect(broken).to.be.instanceOf(InvalidEvent);
        expect(await all(store.read(bad))).to.deep.equal([]);
      });

      it('nothing by a writer whose clock is more than two seconds off', async () => {
        for (const offset of [-60_000, -MAX_CLOCK_SKEW_MS - 1_500, MAX_CLOCK_SKEW_MS + 1_500, 60_000]) {
          const stream = newStream();
          const skewed = log.open({ clock: () => Date.now() + offset });
          const refused = await failure(skewed.append(stream, START, noteCommit(START, 'c1', {})));
          expect(refused, `${offset} ms`).to.be.instanceOf(ClockSkew);
          expect(await log.items(stream), `${offset} ms`).to.deep.equal([]);
        }
      });

      it('by a writer whose clock is a little off', async () => {
        for (const offset of [-500, 500]) {
          await appended(
            log.open({ clock: () => Date.now() + offset }),
            newStream(),
            START,
            noteCommit(START, 'c1', {}),
          );
        }
      });
    });

    describe('reads', () => {
      it('nothing of a stream that does not exist', async () => {
        expect(await all(store.read(newStream()))).to.deep.equal([]);
      });

      it('only the commits after a position', async () => {
        const stream = newStream();
        const positions = await appendMany(store, stream, 5);
        const numbersBehind = async (after: number) =>
          (await all(store.read(stream, after))).map(({ position }) => position);
        expect(await numbersBehind(0)).to.deep.equal(positions);
        expect(await numbersBehind(3)).to.deep.equal(positions.slice(3));
        expect(await numbersBehind(5)).to.deep.equal([]);
        expect(await numbersBehind(9)).to.deep.equal([]);
      });

      it('a stream of more than a megabyte completely', async () => {
        const stream = newStream();
        const positions = await appendMany(store, stream, 8, 'x'.repeat(200_000));
        expect((await all(store.read(stream))).map(({ position }) => position)).to.deep.equal(positions);
      });

      it('only as far as its reader needs', async () => {
        const stream = newStream();
        const [first] = await appendMany(store, stream, 3);
        for await (const { position } of store.read(stream)) {
          expect(position).to.deep.equal(first);
          break;
        }
      });
    });

    describe('keeps for ever', () => {
      it('items with hashes that form a chain', async () => {
        const stream = newStream('Grün');
        await appendMany(store, stream, 4, 'Ünï ☕');
        const items = await log.items(stream);
        items.forEach((item, n) => {
          expect(item.ph).to.equal(items[n - 1]?.h ?? GENESIS_HASH);
          expect(item).to.include({ pk: stream, sk: n + 1, f: 1, h: hashOf(item), lp: partitionOf(stream) });
        });
        expect(items).to.have.length(4);
      });

      it('items that somebody tries to change', async function () {
        if (!log.tamper) this.skip();
        const stream = newStream();
        await appendMany(store, stream, 2);
        const items = await log.items(stream);
        for (const [attempt, tamper] of Object.entries(log.tamper)) {
          expect(await failure(tamper(stream, 1)), attempt).to.be.instanceOf(Error);
          expect(await log.items(stream), attempt).to.deep.equal(items);
        }
      });
    });

    describe('orders the log', () => {
      let open: EventStore;
      before(() => {
        open = log.open({ watermarkLagMs: 0 });
      });

      /** The entries of these streams. Other tests write to the same log. */
      async function entries(streams: StreamId[], after: Hlc, upTo?: Hlc): Promise<LogEntry[]> {
        const wanted = new Set(streams);
        return (await all(open.log(after, upTo))).filter(({ stream }) => wanted.has(stream));
      }

      async function untilShown(at: Hlc): Promise<void> {
        while ((await open.watermark()) < at) await new Promise(setImmediate);
      }

      it('by time, stream and commit number, over all partitions', async () => {
        const streams = Array.from({ length: 130 }, () => newStream());
        expect(new Set(streams.map(partitionOf)).size).to.be.at.least(40);
        const positions = await Promise.all(
          streams.map(async (stream) => (await appendMany(open, stream, 2)).map((position) => ({ stream, position }))),
        );
        const expected = positions
          .flat()
          .map(({ stream, position: { at, commitNo } }) => ({ at, stream, commitNo }))
          .sort((a, b) => a.at - b.at || (a.stream < b.stream ? -1 : 1));
        await untilShown(the(expected.at(-1)).at);
        expect(await entries(streams, the(expected[0]).at - 1)).to.deep.equal(expected);
      });

      it('in ranges that exclude their start and include their end', async () => {
        const stream = newStream();
        const at = (await appendMany(open, stream, 4)).map((position) => position.at);
        await untilShown(the(at[3]));
        const numbers = async (after: Hlc, upTo?: Hlc) =>
          (await entries([stream], after, upTo)).map(({ commitNo }) => commitNo);
        expect(await numbers(the(at[0]), the(at[2]))).to.deep.equal([2, 3]);
        expect(await numbers(the(at[0]) - 1, the(at[0]))).to.deep.equal([1]);
        expect(await numbers(the(at[1]))).to.deep.equal([3, 4]);
        expect(await numbers(the(at[3]))).to.deep.equal([]);
        expect(await numbers(the(at[2]), the(at[1]))).to.deep.equal([]);
      });

      it('up to the watermark, before which no new commit can appear', async () => {
        const stream = newStream();
        const [position] = await appendMany(store, stream, 1);
        const [shown, hidden] = [await open.watermark(), await store.watermark()];
        expect(hidden).to.be.below(the(position).at);
        expect(shown).to.be.above(hidden);
        const late = await all(store.log(the(position).at - 1));
        expect(late).to.deep.equal([]);
      });
    });

    describe('reads the whole log as it is stored', () => {
      let open: EventStore;
      let streams: StreamId[];
      let stored: StoredCommit[];
      before(async () => {
        open = log.open({ watermarkLagMs: 0 });
        streams = Array.from({ length: 70 }, () => newStream('Ünï'));
        // The first commits have the same time, as commits of several processes may.
        const at = nextAt(Date.now());
        await Promise.all(
          streams.map(async (stream, n) => {
            const text = n < 30 ? 'x'.repeat(200_000) : '☕';
            const end = await appended(open, stream, START, { ...noteCommit(START, 'c1', { text }), at });
            await appended(open, stream, end, noteCommit(end, 'c2', {}, {}));
          }),
        );
        stored = (await Promise.all(streams.map(log.items))).flat();
        stored.sort((a, b) => compareLogEntries(entryOf(a), entryOf(b)));
        while ((await open.watermark()) < the(stored.at(-1)).at) await new Promise(setImmediate);
      });

      /** The commits of these streams. Other tests write to the same log. */
      const read = async (range: StoredRange) =>
        (await all(open.stored(range))).filter(({ pk }) => streams.includes(pk));

      const start = () => the(stored[0]).at;

      it('in total order and byte for byte, over all partitions and pages', async () => {
        const shown = await all(open.stored());
        const order = shown.map(entryOf);
        expect(order).to.deep.equal([...order].sort(compareLogEntries));
        expect(shown.filter(({ pk }) => streams.includes(pk))).to.deep.equal(stored);
      });

      it('after any commit, even between two of the same time, and up to any time', async () => {
        for (const n of [0, 1, 35, 68, 69, 70, 100, 139]) {
          const after = entryOf(the(stored[n]));
          expect(await read({ after }), `after ${n}`).to.deep.equal(stored.slice(n + 1));
        }
        const upTo = the(stored[100]).at;
        const after = entryOf(the(stored[30]));
        const expected = stored.slice(31).filter(({ at }) => at <= upTo);
        expect(await read({ after, upTo })).to.deep.equal(expected);
        expect(await read({ upTo: start() - 1 })).to.deep.equal([]);
        expect(await read({ after, upTo: start() - 1 })).to.deep.equal([]);
      });

      it('only as far as its reader needs', async () => {
        for await (const commit of open.stored({ after: { ...entryOf(the(stored[0])), commitNo: 0 } })) {
          expect(commit).to.deep.equal(stored[0]);
          break;
        }
      });

      it('up to the watermark', async () => {
        const [position] = await appendMany(store, newStream(), 1);
        for await (const { at } of store.stored()) expect(at).to.be.below(the(position).at);
      });
    });

    it('agrees with a model in which each position of a stream is taken once', async () => {
      await fc.assert(fc.asyncProperty(anyHistory, playHistory), { numRuns: runsOf(15) });
    });

    /** Rounds of concurrent appends: the process and the stream of each, and whether its reply is lost. */
    const anyHistory = fc.array(
      fc.array(fc.record({ writer: fc.nat(3), target: fc.nat(2), replyLost: fc.boolean(), note: anyNote }), {
        minLength: 1,
        maxLength: 12,
      }),
      { minLength: 1, maxLength: 5 },
    );

    async function playHistory(rounds: { writer: number; target: number; replyLost: boolean; note: object }[][]) {
      let repliesToLose = 0;
      const loseReply = () => repliesToLose > 0 && repliesToLose-- > 0;
      const writers = Array.from({ length: 4 }, () => ({
        store: log.open({ loseReply }),
        known: new Map<StreamId, Position>(),
      }));
      const streams = Array.from({ length: 3 }, () => newStream());
      const model = new Map<StreamId, NewCommit[]>(streams.map((stream) => [stream, []]));

      for (const [round, appends] of rounds.entries()) {
        repliesToLose = appends.filter(({ replyLost }) => replyLost).length;
        const ends = new Map(streams.map((stream) => [stream, the(model.get(stream)).length]));
        const won = new Map<StreamId, NewCommit[]>();
        const contested = new Set<StreamId>();
        await Promise.all(
          appends.map(async ({ writer, target, note }, n) => {
            const { store, known } = the(writers[writer]);
            const stream = the(streams[target]);
            const after = known.get(stream) ?? START;
            const commit = noteCommit(after, `c${round}.${n}`, note);
            if (after.commitNo === ends.get(stream)) contested.add(stream);
            const result = await store.append(stream, after, commit);
            if (result.appended) {
              won.set(stream, [...(won.get(stream) ?? []), commit]);
              known.set(stream, result.position);
            } else {
              for await (const { position } of store.read(stream, after.commitNo)) known.set(stream, position);
            }
          }),
        );
        for (const stream of streams) {
          expect(won.get(stream) ?? []).to.have.length(contested.has(stream) ? 1 : 0);
          the(model.get(stream)).push(...(won.get(stream) ?? []));
        }
      }

      for (const [stream, commits] of model) {
        const read = await all(store.read(stream));
        expect(read.map(({ events }) => events)).to.deep.equal(commits.map(({ events }) => events));
        read.forEach(({ position, previousHash }, n) => {
          expect(position.commitNo).to.equal(n + 1);
          expect(previousHash).to.equal(read[n - 1]?.position.hash ?? GENESIS_HASH);
        });
      }
    }
  });
}

function newStream(part = ''): StreamId {
  return streamId('note', freshName('n'), part || 'x');
}

async function appended(store: EventStore, stream: StreamId, after: Position, commit: NewCommit): Promise<Position> {
  const result = await store.append(stream, after, commit);
  if (!result.appended) throw new Error(`Commit ${after.commitNo + 1} of ${stream} met a conflict`);
  return result.position;
}

async function appendMany(store: EventStore, stream: StreamId, count: number, text = ''): Promise<Position[]> {
  const positions: Position[] = [];
  for (let end = START; positions.length < count; positions.push(end))
    end = await appended(store, stream, end, noteCommit(end, `c${positions.length + 1}`, { text }));
  return positions;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

function commandsOf(commits: Commit[]): string[] {
  return commits.flatMap(({ commandIds }) => commandIds);
}
