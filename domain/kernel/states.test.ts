import { expect } from 'chai';
import { customer } from '../customer/customer.js';
import { START } from './commit.js';
import { loadExisting, type States } from './states.js';

describe('The state of a stream that must exist', () => {
  const position = { ...START, commitNo: 2 };
  const asked: unknown[] = [];
  const holding = (state: unknown) =>
    ({
      async load(...question: unknown[]) {
        asked.push(question);
        return { state, position };
      },
    }) as unknown as States;

  it('is loaded as asked', async () => {
    const found = await loadExisting(holding('state'), customer, 'customer#1', { maxAgeMs: 5 });
    expect(found).to.deep.equal({ state: 'state', position });
    expect(asked).to.deep.equal([[customer, 'customer#1', { maxAgeMs: 5 }]]);
  });

  it('is a fault if it is missing', async () => {
    for (const state of [null, undefined]) {
      const error = await loadExisting(holding(state), customer, 'customer#1').catch((error) => error);
      expect(error).to.be.an('error');
      expect(error.message).to.equal('customer#1 does not exist, although it is referred to.');
    }
    expect((await loadExisting(holding(0), customer, 'customer#1')).state).to.equal(0);
  });
});
