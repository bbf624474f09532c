import { expect } from 'chai';
import fc from 'fast-check';
import { mergeOrdered } from './merge.js';

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

async function* source(values: number[]) {
  yield* values;
}
