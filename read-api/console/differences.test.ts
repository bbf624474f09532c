import { expect } from 'chai';
import fc from 'fast-check';
import { sameJson } from '../../domain/kernel/json.js';
import { differences } from './differences.js';

describe('The differences between two states', () => {
  it('name each member that was added, removed or changed', () => {
    const before = { status: 'placed', lines: [{ sku: 'A', quantity: 1 }], note: 'x' };
    const after = { status: 'confirmed', lines: [{ sku: 'A', quantity: 2 }, { sku: 'B' }], paid: null };
    expect(differences(before, after)).to.deep.equal([
      { path: 'status', before: 'placed', after: 'confirmed' },
      { path: 'lines[0].quantity', before: 1, after: 2 },
      { path: 'lines[1]', after: { sku: 'B' } },
      { path: 'note', before: 'x' },
      { path: 'paid', after: null },
    ]);
  });

  it('compare the state of a stream with none', () => {
    expect(differences(null, { a: 1 })).to.deep.equal([{ path: '', before: null, after: { a: 1 } }]);
  });

  it('are none exactly if the values are equal', () => {
    const value = fc.jsonValue({ maxDepth: 3 }).map((json) => JSON.parse(JSON.stringify(json)));
    fc.assert(
      fc.property(value, value, (before, after) => {
        expect(differences(before, structuredClone(before))).to.deep.equal([]);
        expect(differences(before, after).length === 0).to.equal(sameJson(before, after));
      }),
    );
  });
});
