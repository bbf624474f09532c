// The law of positions: what several writers say of several projections is merged, in any order, and nothing is lost.
import { expect } from 'chai';
import fc from 'fast-check';
import { merged, positionFor, positionOf, type StreamPosition } from './sink.js';

const NAMES = ['a_v1', 'b_v1', 'b_v1_b2'];

const position: fc.Arbitrary<StreamPosition> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...NAMES), fc.nat(5)), { minLength: 1, selector: ([name]) => name })
  .map((places) => positionOf(new Map(places.map(([name, commitNo]) => [name, { commitNo }]))));

describe('A position', () => {
  it('says of each projection the highest commit that anybody has said, whatever the order', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
        fc.array(position, { minLength: 4, maxLength: 4 }),
        (order, said) => {
          const inOrder = order.map((place) => said[place] as StreamPosition);
          const last = inOrder.reduce<StreamPosition | undefined>((stored, next) => merged(stored, next), undefined);
          for (const name of NAMES) {
            expect(positionFor(name, last)).to.equal(Math.max(...said.map((one) => positionFor(name, one))));
          }
          expect(merged(last, inOrder[0] as StreamPosition), 'a repeat changes nothing').to.deep.equal(last);
        },
      ),
    );
  });

  it('keeps an error of the same commit, which a later commit removes', () => {
    const stuck: StreamPosition = { of: ['a_v1'], commitNo: 3, held: { a_v1: { commitNo: 3, error: 'broken' } } };
    expect(merged(stuck, { of: ['a_v1'], commitNo: 3 })).to.deep.equal(stuck);
    expect(merged({ of: ['a_v1'], commitNo: 3 }, stuck)).to.deep.equal(stuck);
    expect(merged(stuck, { of: ['a_v1'], commitNo: 4 })).to.deep.equal({ of: ['a_v1'], commitNo: 4 });
  });

  it('forgets projections that are gone', () => {
    const stored: StreamPosition = { of: ['a_v1', 'b_v1'], commitNo: 5, held: { b_v1: { commitNo: 2 } } };
    expect(merged(stored, { of: ['a_v1'], commitNo: 5, gone: ['b_v1'] })).to.deep.equal({ of: ['a_v1'], commitNo: 5 });
  });
});
