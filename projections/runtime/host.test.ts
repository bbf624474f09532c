// The host of the projectors: one feed for all of them, and none delays another.
import { expect } from 'chai';
import { type Commit, START } from '../../domain/kernel/commit.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { ChangeFeed } from '../../domain/kernel/feed.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { the } from '../../test/the.js';
import { runProjectors } from './host.js';
import type { Projector, SweepOptions } from './projector.js';

describe('The host of the projectors', () => {
  it('passes every batch to every projector', async () => {
    const { deliver, stop, projectors } = await createHost();
    await deliver(commit('order#1', 1), commit('order#1', 2));
    expect(projectors.map(({ applied }) => applied)).to.deep.equal([
      ['order#1 1', 'order#1 2'],
      ['order#1 1', 'order#1 2'],
    ]);
    await stop();
  });

  it('continues with the others while one store does not answer, names it, and catches up later', async () => {
    const { deliver, stop, tick, host, projectors } = await createHost();
    const [orders, search] = projectors;
    the(search).away = true;
    await deliver(commit('order#1', 1));
    await deliver(commit('order#1', 2), commit('order#2', 1));
    expect(the(orders).applied).to.have.length(3);
    const [{ since, ...told } = { since: '' }, ...more] = host.readiness();
    expect(told).to.deep.equal({ projection: 'search_v1', waitsFor: 'Memory', error: 'Memory: away' });
    expect(more).to.deep.equal([]);
    await tick();
    expect(host.readiness()).to.deep.equal([{ ...told, since }]);

    the(search).away = false;
    await tick();
    expect(the(search).caughtUp).to.deep.equal([{ 'order#1': 2, 'order#2': 1 }]);
    expect(host.readiness()).to.deep.equal([]);
    await deliver(commit('order#1', 3));
    expect(the(search).applied).to.deep.equal(['order#1 3']);
    await stop();
  });

  it('sweeps at the start and periodically, and repeats a failed sweep', async () => {
    const { stop, tick, projectors, host } = await createHost(([orders]) => {
      the(orders).away = true;
    });
    const [orders, search] = projectors;
    expect([the(orders).sweeps, the(search).sweeps]).to.deep.equal([[], [{ full: false, retry: true }]]);
    expect(host.readiness()).to.have.length(1);
    the(orders).away = false;
    await tick();
    expect(the(orders).sweeps).not.to.deep.equal([]);
    expect(host.readiness()).to.deep.equal([]);
    const before = the(search).sweeps.length;
    await tick();
    expect(the(search).sweeps.length).to.be.greaterThan(before);
    await stop();
  });

  it('retries quarantined streams once: at its start, or as soon as the store answers', async () => {
    const { stop, tick, projectors } = await createHost(([orders]) => {
      the(orders).away = true;
    });
    the(projectors[0]).away = false;
    for (let ticks = 0; ticks < 3; ticks++) await tick();
    for (const { sweeps } of projectors) {
      expect(sweeps.map(({ retry }) => retry)).to.deep.equal([true, ...sweeps.slice(1).map(() => false)]);
      expect(sweeps.length).to.be.greaterThan(1);
    }
    await stop();
  });

  it('leaves missed streams that it cannot remember to the sweep', async () => {
    const { deliver, stop, tick, projectors } = await createHost();
    const search = the(projectors[1]);
    search.away = true;
    await deliver(...Array.from({ length: 20_001 }, (_, n) => commit(`order#${n}`, 1)));
    search.away = false;
    const before = search.sweeps.length;
    await tick();
    expect(Object.keys(the(search.caughtUp[0]))).to.have.length(20_000);
    expect(search.sweeps.length).to.be.greaterThan(before);
    await stop();
  });

  it('stops on abort, even while a store does not answer', async () => {
    const { deliver, stop, projectors } = await createHost();
    the(projectors[0]).away = true;
    await deliver(commit('order#1', 1));
    await stop();
  });
});

async function createHost(prepare: (projectors: StubProjector[]) => void = () => {}) {
  const projectors = [stubProjector('orders_v1'), stubProjector('search_v1')];
  prepare(projectors);
  const stopping = new AbortController();
  let handle: Parameters<ChangeFeed['run']>[1] = async () => {};
  const feed: ChangeFeed = {
    run(_consumer, deliver, signal) {
      handle = deliver;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    },
  };

  let pauses: (() => void)[] = [];
  const pause = (_ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      pauses.push(resolve);
      signal.addEventListener('abort', () => resolve());
    });
  const host = runProjectors({ feed, consumer: 'test', projectors, signal: stopping.signal, log: silent, pause });
  await settled();

  return {
    host,
    projectors,
    deliver: (...commits: Commit[]) => handle(commits),
    /** Ends all pauses. */
    async tick() {
      const ended = pauses;
      pauses = [];
      for (const end of ended) end();
      await settled();
    },
    async stop() {
      stopping.abort();
      await host.done;
    },
  };
}

interface StubProjector extends Projector {
  away: boolean;
  applied: string[];
  caughtUp: Record<StreamId, number>[];
  sweeps: SweepOptions[];
}

function stubProjector(name: string): StubProjector {
  const here = () => {
    if (stub.away) throw new Unavailable('Memory', 'away');
  };
  const stub: StubProjector = {
    name,
    away: false,
    applied: [],
    caughtUp: [],
    sweeps: [],
    async apply(commits) {
      here();
      stub.applied.push(...commits.map(({ stream, position }) => `${stream} ${position.commitNo}`));
    },
    async catchUp(tails) {
      here();
      stub.caughtUp.push(Object.fromEntries(tails));
    },
    async sweep(options = {}) {
      here();
      stub.sweeps.push(options);
    },
    retry: async () => undefined,
    status: () => Promise.reject(new Error('not asked for')),
    quarantined: async () => [],
  };
  return stub;
}

function commit(stream: StreamId, commitNo: number): Commit {
  return { stream, position: { ...START, commitNo }, firstVersion: 1, commandIds: [], previousHash: '', events: [] };
}

/** Waits until all promises without pending work have settled. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const silent = { info() {}, warn() {}, error() {} };
