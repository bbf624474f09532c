import { expect } from 'chai';
import fc from 'fast-check';
import { basketOf, boughtTogether, MAX_BASKET, MAX_TOGETHER } from './baskets.js';
import { ranked, type Weighted } from './scores.js';

function learn(baskets: readonly (readonly string[])[], sku: string): readonly Weighted[] {
  let list: readonly Weighted[] = [];
  for (const skus of baskets) {
    const basket = basketOf(skus);
    if (basket.includes(sku)) list = boughtTogether(list, sku, basket);
  }
  return list;
}

describe('What is bought together', () => {
  it('counts less in a larger order', () => {
    expect(learn([['mug', 'tea']], 'mug')).to.deep.equal([['tea', 1_000]]);
    expect(learn([['mug', 'tea', 'pot', 'cup', 'jug']], 'mug')).to.deep.equal([
      ['tea', 500],
      ['pot', 500],
      ['cup', 500],
      ['jug', 500],
    ]);
  });

  it('is nothing for an order of one SKU, on however many lines', () => {
    expect(learn([['mug', 'mug']], 'mug')).to.deep.equal([]);
  });

  it('ignores the lines of a huge order beyond the first ones', () => {
    const skus = Array.from({ length: 3 * MAX_BASKET }, (_, n) => `sku${n}`);
    expect(basketOf(skus)).to.deep.equal(skus.slice(0, MAX_BASKET));
  });

  it('does not depend on the order of the orders, as long as the list is not full', () => {
    const basket = fc.uniqueArray(fc.constantFrom(...'abcdefgh'), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(basket), (baskets) => {
        const list = (all: readonly string[][]) => Object.fromEntries(learn(all, 'a'));
        expect(list([...baskets].reverse())).to.deep.equal(list(baskets));
      }),
    );
  });

  it('keeps its bound, and lets a newcomer in that is bought often', () => {
    const old = Array.from({ length: 4 * MAX_TOGETHER }, (_, n) => ['mug', `sku${n % (2 * MAX_TOGETHER)}`]);
    const list = learn([...old, ...Array.from({ length: 5 }, () => ['mug', 'new'])], 'mug');
    expect(list.length).to.be.at.most(MAX_TOGETHER);
    expect(ranked(list, 1)).to.deep.equal(['new']);
  });
});
