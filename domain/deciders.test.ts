import { expect } from 'chai';
import { CATEGORIES, DECIDERS, deciderOf } from './deciders.js';

describe('The deciders', () => {
  it('are found by their category, in alphabetical order', () => {
    expect(CATEGORIES).to.deep.equal(DECIDERS.map(({ category }) => category).sort());
    expect(new Set(CATEGORIES)).to.have.length(CATEGORIES.length);
    for (const decider of DECIDERS) expect(deciderOf(decider.category)).to.equal(decider);
    expect(deciderOf('none')).to.equal(undefined);
  });
});
