// What a query waits for: the commits that the caller has seen must be in the read model and searchable.
import { expect } from 'chai';
import type { StreamId } from '../domain/kernel/stream.js';
import { the } from '../test/the.js';
import type { StreamPosition } from './runtime/sink.js';
import { createVisibility } from './visibility.js';

const LONG_MS = 10_000;

describe('A commit is visible', () => {
  it('at once if the projection does not follow its stream', async () => {
    const { visibility, table } = createWorld();
    expect(await visibility.wait(new Map([['cart#1', 9]]), 0)).to.equal(true);
    expect(table.asked).to.equal(0);
  });

  it('when the position has reached it', async () => {
    const { visibility, table } = createWorld();
    table.positions.set('order#1', 3);
    expect(
      await visibility.wait(
        new Map([
          ['order#1', 3],
          ['cart#1', 1],
        ]),
        0,
      ),
    ).to.equal(true);
    expect(await visibility.wait(new Map([['order#1', 4]]), 0)).to.equal(false);
    expect(
      await visibility.wait(
        new Map([
          ['order#1', 3],
          ['order#2', 1],
        ]),
        0,
      ),
    ).to.equal(false);
  });

  it('without another query once it was', async () => {
    const { visibility, table } = createWorld();
    table.positions.set('order#1', 3);
    await visibility.wait(new Map([['order#1', 2]]), 0);
    expect(await visibility.wait(new Map([['order#1', 3]]), 0)).to.equal(true);
    expect(table.asked).to.equal(1);
  });

  it('with another query after the store may be another one', async () => {
    const { visibility, table } = createWorld();
    table.positions.set('order#1', 3);
    expect(await visibility.wait(new Map([['order#1', 3]]), 0)).to.equal(true);
    table.positions.set('order#1', 2);
    visibility.doubted();
    expect(await visibility.wait(new Map([['order#1', 3]]), 0)).to.equal(false);
  });

  it('as soon as this process has applied it', async () => {
    const { visibility, table } = createWorld();
    const waiting = visibility.wait(new Map([['order#1', 1]]), LONG_MS);
    await turn();
    const { asked } = table;
    table.positions.set('order#1', 1);
    visibility.advanced();
    expect(await waiting).to.equal(true);
    expect(table.asked).to.be.at.most(asked + 1);
  });

  it('some time after another process has applied it', async () => {
    const { visibility, table } = createWorld();
    const waiting = visibility.wait(new Map([['order#1', 1]]), LONG_MS);
    await turn();
    table.positions.set('order#1', 1);
    expect(await waiting).to.equal(true);
  });

  it('not, if the time ends first', async () => {
    const { visibility } = createWorld();
    expect(await visibility.wait(new Map([['order#1', 1]]), 30)).to.equal(false);
  });

  it('in a search once it is refreshed, by one refresh for all waiting queries', async () => {
    const { visibility, table } = createWorld({ searched: true });
    table.positions.set('order#1', 1).set('order#2', 1).set('order#3', 1);
    const first = visibility.wait(new Map([['order#1', 1]]), 0);
    await turn();
    expect(table.refreshes).to.have.length(1);
    const others = [visibility.wait(new Map([['order#2', 1]]), 0), visibility.wait(new Map([['order#3', 1]]), 0)];
    await turn();
    expect(table.refreshes, 'a refresh under way may miss what is newer').to.have.length(1);
    table.refreshes[0]!();
    expect(await first).to.equal(true);
    await turn();
    expect(table.refreshes).to.have.length(2);
    table.refreshes[1]!();
    expect(await Promise.all(others)).to.deep.equal([true, true]);
  });
});

function createWorld({ searched = false } = {}) {
  const table = {
    positions: new Map<StreamId, number>(),
    asked: 0,
    refreshes: [] as (() => void)[],
    async load(_documents: unknown, streams: readonly StreamId[]) {
      table.asked++;
      const known = streams.filter((stream) => table.positions.has(stream));
      const positions = new Map<StreamId, StreamPosition>(
        known.map((stream) => [stream, { of: ['orders_v1'], commitNo: the(table.positions.get(stream)) }]),
      );
      return { documents: [], positions };
    },
  };
  const refresh = () => new Promise<void>((resolve) => table.refreshes.push(resolve));
  const projection = { name: 'orders', version: 1, categories: ['order'], fields: {}, on: {} };
  return { table, visibility: createVisibility(searched ? { ...table, refresh } : table, projection) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
