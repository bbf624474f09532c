import { expect } from 'chai';
import { isRejection, reject } from './rejection.js';

describe('A rejection', () => {
  it('is a value: a code, a sentence, and the facts for its caller', () => {
    expect(reject('conflict', 'No.')).to.deep.equal({ rejected: 'conflict', detail: 'No.', facts: {} });
    const facts = { available: { MUG: 2 } };
    expect(reject('out_of_stock', 'Two.', facts)).to.deep.equal({ rejected: 'out_of_stock', detail: 'Two.', facts });
  });

  it('can be told from a result, and has a code', () => {
    const rejection = reject('conflict', 'No.');
    expect([isRejection(rejection), isRejection([]), isRejection({ state: null })]).to.deep.equal([true, false, false]);
    expect(isRejection(rejection, 'conflict')).to.equal(true);
    expect(isRejection(rejection, 'not_found')).to.equal(false);
  });
});
