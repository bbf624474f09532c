import { expect } from 'chai';
import fc from 'fast-check';
import { inBatches, mergeOrdered } from './merge.js';

describe('Merging ordered sources', () => {
  it('gives every element of every source, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(fc.nat(50)), { maxLength: 40 }), async (lists) => {
        const ordered = lists.map((list) => list.sort((a, b) => a - b));
        const merged: number[] = [];
        for await (const value of mergeOrdered(ordered.map(source), (a, b) => a - b)) merged.push(value);
        expect(merged).to.deep.equal(ordered.flat().sort((a, b) => a - b));
      }),
    );
  });

  it('is never more than one element ahead of its reader', async () => {
    let read = 0;
    async function* endless() {
      for (;;) yield read++;
    }
    const merged = mergeOrdered([endless(), endless()], (a, b) => a - b);
    for (let n = 1; n <= 10; n++) {
      await merged.next();
      expect(read).to.equal(n + 1);
    }
  });
});

describe('Work in batches', () => {
  it('gives all results in the order of the items, with a few batches at a time', async () => {
    const sizes: number[] = [];
    let running = 0;
    let most = 0;
    const work = async (batch: readonly number[]) => {
      sizes.push(batch.length);
      most = Math.max(most, ++running);
      // Later batches are faster.
      for (let pause = 40 - (batch[0] ?? 0); pause > 0; pause--) await Promise.resolve();
      running--;
      return batch.map(String);
    };
    const numbers = Array.from({ length: 37 }, (_, n) => n);
    const results: string[] = [];
    for await (const result of inBatches(source(numbers), { size: 5, atOnce: 3 }, work)) results.push(result);
    expect(results).to.deep.equal(numbers.map(String));
    expect(sizes).to.deep.equal([5, 5, 5, 5, 5, 5, 5, 2]);
    expect(most).to.equal(3);
  });

  it('fails when the turn of a failed batch comes', async () => {
    const results: number[] = [];
    const work = async (batch: readonly number[]) => {
      if (batch.includes(4)) throw new Error('no');
      return batch;
    };
    let failed: unknown;
    try {
      for await (const n of inBatches(source([1, 2, 3, 4, 5, 6]), { size: 2, atOnce: 5 }, work)) results.push(n);
    } catch (error) {
      failed = error;
    }
    expect(failed).to.have.property('message', 'no');
    expect(results).to.deep.equal([1, 2]);
  });
});

async function* source(values: number[]) {
  yield* values;
}
