import { expect } from 'chai';
import { createTurns } from './turns.js';

describe('Turns', () => {
  it('run a limited number of works at once, in order of arrival, and continue after a failure', async () => {
    const inTurn = createTurns(2);
    const begun: number[] = [];
    let most = 0;
    let running = 0;
    const work = (n: number) => async () => {
      begun.push(n);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      if (n === 1) throw new Error('failed');
      return n;
    };
    const results = await Promise.allSettled([0, 1, 2, 3, 4].map((n) => inTurn(work(n))));
    expect(results.map(({ status }) => status).filter((status) => status === 'rejected')).to.have.length(1);
    expect(begun).to.deep.equal([0, 1, 2, 3, 4]);
    expect(most).to.equal(2);
    expect(await inTurn(work(5))).to.equal(5);
  });
});
