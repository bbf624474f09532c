// The contract of every store of leases, and of the log beside it: who leads, and what a leader that was replaced can still do.
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { START } from '../../domain/kernel/commit.js';
import { Deposed } from '../../domain/kernel/errors.js';
import type { EventStore, Fence } from '../../domain/kernel/event-store.js';
import { streamId } from '../../domain/kernel/stream.js';
import { type LeadershipDeps, leadWhenFree, type Timing } from '../../infra/leadership/leadership.js';
import type { Leases } from '../../infra/leadership/port.js';
import { freshName } from '../engines.js';
import { noteCommit } from './notes.js';

export interface LeasesUnderTest {
  leases: Leases;
  /** A log in the same engine. Its events are `notes`. */
  store: EventStore;
}

/** On the clock of the test. */
const TIMING: Timing = {
  leaseMs: 9_000,
  beatEveryMs: 2_000,
  retryBeatMs: 500,
  lookEveryMs: 1_000,
  longestGapMs: 4_000,
};

export function leasesContract(open: () => LeasesUnderTest | Promise<LeasesUnderTest>): void {
  let leases: Leases;
  let store: EventStore;
  let name: string;

  before(async () => {
    ({ leases, store } = await open());
  });
  beforeEach(() => {
    name = freshName('lease');
  });

  const look = () => leases.look(name);
  const take = async (holder: string) => {
    const token = await leases.take(name, holder, await look());
    return token === undefined ? undefined : { lease: name, token };
  };

  describe('a lease', () => {
    it('is held by nobody at first, and then by one of all who want it', async () => {
      expect(await look()).to.equal(undefined);
      const tokens = await Promise.all(['a', 'b', 'c'].map((holder) => leases.take(name, holder, undefined)));
      expect(tokens.filter((token) => token !== undefined)).to.deep.equal([1]);
      const { holder, beatAt, ...rest } = (await look())!;
      expect(rest).to.deep.equal({ token: 1, beat: 0 });
      expect(holder).to.equal(['a', 'b', 'c'][tokens.indexOf(1)]);
      expect(beatAt).to.be.closeTo(Date.now(), 60_000);
    });

    it('is taken over only in the state that was seen, by one of all who saw it', async () => {
      const first = (await take('a'))!;
      const seen = await look();
      expect(await leases.beat(first)).to.equal(true);
      expect(await leases.take(name, 'b', seen)).to.equal(undefined);
      const later = await look();
      expect(later).to.include({ token: 1, beat: 1, holder: 'a' });
      const tokens = await Promise.all(['b', 'c', 'd'].map((holder) => leases.take(name, holder, later)));
      expect(tokens.filter((token) => token !== undefined)).to.deep.equal([2]);
      expect(await look()).to.include({ token: 2, beat: 0 });
    });

    it('tells its former holder that the term is over, and is not freed by it', async () => {
      const first = (await take('a'))!;
      const second = (await take('b'))!;
      expect(await leases.beat(first)).to.equal(false);
      await leases.release(first);
      expect(await look()).to.include({ token: 2, holder: 'b' });
      expect(await leases.beat(second)).to.equal(true);
    });

    it('is free after its release, for one more term', async () => {
      const first = (await take('a'))!;
      await leases.release(first);
      expect(await look())
        .to.include({ token: 1 })
        .and.not.have.property('holder');
      expect(await leases.beat(first)).to.equal(false);
      expect(await take('b')).to.deep.equal({ lease: name, token: 2 });
    });

    it('is independent of leases with other names', async () => {
      await take('a');
      expect(await leases.take(freshName('lease'), 'b', undefined)).to.equal(1);
    });
  });

  describe('an append that carries a fence', () => {
    const newStream = () => streamId('note', freshName('n'));
    const commitOf = (fence: Fence, text: string) => ({ ...noteCommit(START, text, { text }), fence });
    const written = async (stream: ReturnType<typeof newStream>) => {
      const ids: string[] = [];
      for await (const { commandIds } of store.read(stream)) ids.push(...commandIds);
      return ids;
    };

    it('is like any other append while the term runs', async () => {
      const fence = (await take('a'))!;
      const stream = newStream();
      const first = await store.append(stream, START, commitOf(fence, 'one'));
      expect(first).to.have.property('appended', true);
      await leases.beat(fence);
      expect(await store.append(stream, START, commitOf(fence, 'rival'))).to.deep.equal({ appended: false });
      const { position } = first as Extract<typeof first, { appended: true }>;
      const second = { ...noteCommit(position, 'two', { text: 'two' }), fence };
      expect(await store.append(stream, position, second)).to.have.property('appended', true);
      expect(await written(stream)).to.deep.equal(['one', 'two']);
    });

    it('is refused when another process has taken the lease, also if it was decided before', async () => {
      const fence = (await take('a'))!;
      const stream = newStream();
      const late = commitOf(fence, 'late');
      await take('b');
      const error = await store.append(stream, START, late).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(Deposed).with.property('message').that.includes(name);
      expect(await written(stream)).to.deep.equal([]);
    });

    it('is refused if nobody has ever held the lease', async () => {
      const stream = newStream();
      const commit = commitOf({ lease: name, token: 1 }, 'one');
      expect(await store.append(stream, START, commit).catch((reason: unknown) => reason)).to.be.instanceOf(Deposed);
      expect(await written(stream)).to.deep.equal([]);
    });

    it('is recognised as stored, if it was stored while the term ran and its answer was lost', async () => {
      const fence = (await take('a'))!;
      const stream = newStream();
      const commit = commitOf(fence, 'one');
      const stored = await store.append(stream, START, commit);
      await take('b');
      expect(await store.append(stream, START, commit)).to.deep.equal(stored);
    });

    it('is stored in the old term or refused, whenever the lease changes hands', async () => {
      const fence = (await take('a'))!;
      const streams = Array.from({ length: 30 }, newStream);
      const appends = streams.map((stream, n) => store.append(stream, START, commitOf(fence, `${n}`)));
      const seen = await look();
      const taken = await leases.take(name, 'b', seen).catch(() => undefined);
      const outcomes = await Promise.allSettled(appends);
      for (const [n, outcome] of outcomes.entries()) {
        const isStored = (await written(streams[n]!)).length === 1;
        expect(isStored, `${n}`).to.equal(outcome.status === 'fulfilled');
        if (outcome.status === 'rejected') expect(outcome.reason).to.be.instanceOf(Deposed);
      }
      if (taken !== undefined) {
        const late = await store.append(newStream(), START, commitOf(fence, 'late')).catch((reason: unknown) => reason);
        expect(late).to.be.instanceOf(Deposed);
      }
    });
  });

  describe('a leader', () => {
    let clock: { now: number };
    let processes: Candidate[];
    beforeEach(() => {
      clock = { now: 0 };
      processes = [];
    });
    afterEach(() => Promise.all(processes.map((process) => process.stop())));

    interface Candidate {
      hangs: boolean;
      terms: number;
      leads: Fence | undefined;
      /** Until when it pauses; absent while it works. */
      until: number | undefined;
      stop(): Promise<void>;
    }

    /** A process on the test's clock. It pauses until the clock says so, and for ever while it hangs. */
    function candidate(options: Partial<LeadershipDeps> = {}): Candidate {
      const abort = new AbortController();
      const pause = async (ms: number, signal: AbortSignal) => {
        process.until = clock.now + ms;
        while (!signal.aborted && (process.hangs || clock.now < process.until)) await delay(1);
        process.until = undefined;
      };
      const process: Candidate = {
        hangs: false,
        terms: 0,
        leads: undefined,
        until: undefined,
        async stop() {
          abort.abort();
          await done;
          process.until = Number.POSITIVE_INFINITY;
        },
      };
      processes.push(process);
      const done = leadWhenFree(
        { leases, name, holder: freshName('process'), timing: TIMING, monotonic: () => clock.now, pause, ...options },
        async ({ signal, fence }) => {
          process.terms++;
          process.leads = fence;
          await aborted(signal);
          process.leads = undefined;
        },
        abort.signal,
      );
      return process;
    }

    /** Moves the clock, in steps in which every process that does not hang does its work. */
    async function pass(ms: number): Promise<void> {
      const hasWorked = ({ hangs, until = clock.now }: Candidate) => hangs || until > clock.now;
      for (const end = clock.now + ms; clock.now < end; clock.now += 500) {
        await until(() => processes.every(hasWorked));
      }
    }

    async function until(condition: () => boolean): Promise<void> {
      while (!condition()) await delay(1);
    }

    it('is one process at a time, and the next one takes over when it stops', async () => {
      const first = candidate();
      await until(() => first.leads !== undefined);
      const second = candidate();
      await pass(2 * TIMING.leaseMs);
      expect([first.terms, second.terms]).to.deep.equal([1, 0]);
      await first.stop();
      await pass(3 * TIMING.lookEveryMs);
      expect(second.leads).to.deep.equal({ lease: name, token: 2 });
    });

    it('is replaced if it hangs, not before its lease has ended, and stops when it wakes', async () => {
      const first = candidate();
      await until(() => first.leads !== undefined);
      const second = candidate();
      await pass(2 * TIMING.lookEveryMs);
      first.hangs = true;
      await pass(TIMING.leaseMs - TIMING.beatEveryMs - 2 * TIMING.lookEveryMs);
      expect(second.terms).to.equal(0);
      await pass(TIMING.beatEveryMs + 4 * TIMING.lookEveryMs);
      expect(second.leads).to.deep.equal({ lease: name, token: 2 });
      expect(first.leads).to.deep.equal({ lease: name, token: 1 });
      first.hangs = false;
      await until(() => first.leads === undefined);
      await pass(2 * TIMING.leaseMs);
      expect([first.terms, second.terms]).to.deep.equal([1, 1]);
    });

    it('is not replaced by a process that hung itself, or whose store did not answer', async () => {
      const first = candidate();
      await until(() => first.leads !== undefined);
      let isAway = false;
      const patchy: Leases = {
        ...leases,
        look: async (lease) => (isAway ? Promise.reject(new Error('away')) : leases.look(lease)),
      };
      const second = candidate();
      const third = candidate({ leases: patchy });
      await pass(2 * TIMING.lookEveryMs);
      for (const process of [first, second]) process.hangs = true;
      isAway = true;
      await pass(TIMING.lookEveryMs);
      const seen = await look();
      await pass(3 * TIMING.leaseMs);
      expect(await look()).to.deep.equal(seen);
      for (const process of [first, second]) process.hangs = false;
      isAway = false;
      await pass(TIMING.leaseMs);
      expect([first.terms, second.terms, third.terms]).to.deep.equal([1, 0, 0]);
    });

    it('goes on while its store does not answer, because its token protects the log', async () => {
      let isAway = false;
      const errors: unknown[] = [];
      const patchy: Leases = {
        ...leases,
        beat: async (fence) => (isAway ? Promise.reject(new Error('away')) : leases.beat(fence)),
      };
      const leader = candidate({ leases: patchy, onError: (error) => errors.push(error) });
      await until(() => leader.leads !== undefined);
      isAway = true;
      await pass(2 * TIMING.leaseMs);
      expect(leader.leads).to.deep.equal({ lease: name, token: 1 });
      expect(errors).to.have.length.above(5);
      isAway = false;
      const beat = (await look())!.beat;
      await pass(2 * TIMING.beatEveryMs);
      expect((await look())!.beat).to.be.above(beat);
    });

    it('frees the lease when its work fails', async () => {
      const bug = new Error('a bug');
      const failed = leadWhenFree(
        { leases, name, holder: 'a' },
        () => Promise.reject(bug),
        new AbortController().signal,
      );
      expect(await failed.catch((error: unknown) => error)).to.equal(bug);
      expect(await take('b')).to.deep.equal({ lease: name, token: 2 });
    });
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
