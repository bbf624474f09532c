import { expect } from 'chai';
import { stockNeeds, takenFrom, without } from './parcels.js';

const at = (location: string, sku: string, quantity: number) => ({ sku, location, quantity });

describe('The stock that an order needs', () => {
  it('is summed for each SKU and sorted', () => {
    const lines = [
      { sku: 'MUG', quantity: 2 },
      { sku: 'CUP', quantity: 1 },
      { sku: 'MUG', quantity: 1 },
    ];
    expect(stockNeeds(lines)).to.deep.equal([
      { sku: 'CUP', quantity: 1 },
      { sku: 'MUG', quantity: 3 },
    ]);
  });

  it('is taken from the first locations that have it, and the rest is known', () => {
    const parcels = [at('leeds', 'MUG', 2), at('york', 'MUG', 3), at('york', 'CUP', 1)];
    const taken = takenFrom(parcels, [
      { sku: 'MUG', quantity: 1 },
      { sku: 'MUG', quantity: 2 },
    ]);
    expect(taken).to.deep.equal([at('leeds', 'MUG', 2), at('york', 'MUG', 1)]);
    expect(without(parcels, taken)).to.deep.equal([at('york', 'MUG', 2), at('york', 'CUP', 1)]);
  });
});
