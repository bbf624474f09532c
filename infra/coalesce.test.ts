import { expect } from 'chai';
import fc from 'fast-check';
import { Unavailable } from '../domain/kernel/errors.js';
import { coalesce } from './coalesce.js';

interface Item {
  key: string;
  bytes: number;
  poisoned?: boolean;
  patienceMs?: number;
}

describe('Coalesced writes', () => {
  const limits = { maxInFlight: 2, minItems: 3, maxItems: 5, maxBytes: 100 };

  function recorded(failure?: (batch: readonly Item[]) => Error | undefined) {
    const batches: (readonly Item[])[] = [];
    let inFlight = 0;
    let mostInFlight = 0;
    const write = coalesce<Item, Item>({
      ...limits,
      keyOf: ({ key }) => key,
      bytesOf: ({ bytes }) => bytes,
      patienceOf: ({ patienceMs = 0 }) => patienceMs,
      async write(batch) {
        batches.push(batch);
        mostInFlight = Math.max(mostInFlight, ++inFlight);
        await new Promise(setImmediate);
        inFlight--;
        const error = failure?.(batch);
        if (error) throw error;
        return [...batch];
      },
    });
    return { write, batches, mostInFlight: () => mostInFlight };
  }

  it('give each caller its own outcome and keep every limit', async () => {
    const anyItem = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), bytes: fc.nat(120) });
    await fc.assert(
      fc.asyncProperty(fc.array(anyItem, { minLength: 1, maxLength: 60 }), async (items) => {
        const { write, batches, mostInFlight } = recorded();
        expect(await Promise.all(items.map(write))).to.deep.equal(items);
        expect(batches.flat()).to.have.members(items);
        expect(mostInFlight()).to.be.at.most(limits.maxInFlight);
        for (const batch of batches) {
          expect(new Set(batch.map(({ key }) => key)).size).to.equal(batch.length);
          expect(batch.length).to.be.at.most(limits.maxItems);
          if (batch.length > 1) expect(batch.reduce((sum, { bytes }) => sum + bytes, 0)).to.be.at.most(limits.maxBytes);
        }
      }),
    );
  });

  it('share a batch when they arrive together', async () => {
    const { write, batches } = recorded();
    await Promise.all(['a', 'b', 'c'].map((key) => write({ key, bytes: 1 })));
    expect(batches).to.have.length(1);
  });

  it('wait for the write in flight if they are few, so that there are fewer writes', async () => {
    const { write, batches, mostInFlight } = recorded();
    const first = write({ key: 'a', bytes: 1 });
    await Promise.resolve();
    await Promise.all([first, ...['b', 'c'].map((key) => write({ key, bytes: 1 }))]);
    expect(batches.map((batch) => batch.map(({ key }) => key))).to.deep.equal([['a'], ['b', 'c']]);
    expect(mostInFlight()).to.equal(1);
  });

  it('are divided among the free writes when there are many', async () => {
    const { write, batches } = recorded();
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((key) => write({ key, bytes: 1 })));
    expect(batches.map(({ length }) => length)).to.deep.equal([4, 4]);
  });

  it('with patience are written together with the next one, in order, or alone once their time is over', async () => {
    const { write, batches } = recorded();
    const patient = ['a', 'b'].map((key) => write({ key, bytes: 1, patienceMs: 60_000 }));
    await new Promise(setImmediate);
    expect(batches).to.deep.equal([]);
    await Promise.all([...patient, write({ key: 'c', bytes: 1 })]);
    expect(batches.map((batch) => batch.map(({ key }) => key))).to.deep.equal([['a', 'b', 'c']]);
    await write({ key: 'd', bytes: 1, patienceMs: 1 });
    expect(batches.at(-1)!.map(({ key }) => key)).to.deep.equal(['d']);
  });

  it('fail alone when only one of them causes the failure', async () => {
    const { write } = recorded((batch) => (batch.some(({ poisoned }) => poisoned) ? new Error('poison') : undefined));
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((key) => write({ key, bytes: 1, poisoned: key === 'b' })),
    );
    expect(outcomes.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  });

  it('fail together, without a retry, when the engine does not answer', async () => {
    const { write, batches } = recorded(() => new Unavailable('Engine', 'away'));
    const outcomes = await Promise.allSettled(['a', 'b'].map((key) => write({ key, bytes: 1 })));
    expect(outcomes.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
    expect(batches).to.have.length(1);
  });
});
