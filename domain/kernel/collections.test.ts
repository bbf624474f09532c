import { expect } from 'chai';
import { pairs, valueAt } from './collections.js';

describe('Two lists', () => {
  it('are paired by the places of their items', () => {
    expect(pairs(['a', 'b'], [1, 2])).to.deep.equal([
      ['a', 1],
      ['b', 2],
    ]);
  });

  it('are not paired if one is longer', () => {
    expect(() => pairs(['a', 'b'], [1])).to.throw('A list of 2 was paired with a list of 1.');
    expect(() => pairs(['a'], [1, 2])).to.throw('A list of 1 was paired with a list of 2.');
  });
});

describe('A key that a map must have', () => {
  it('gives its value, or an error that names the key', () => {
    const stock = new Map([['MUG', 0]]);
    expect(valueAt(stock, 'MUG')).to.equal(0);
    expect(() => valueAt(stock, 'CUP')).to.throw('There is no value for CUP.');
  });
});
