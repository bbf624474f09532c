// Work side by side: bounded, complete, and at rest when it fails.
import { expect } from 'chai';
import fc from 'fast-check';
import { inFlight } from './in-flight.js';

const never = new AbortController().signal;
const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('Work in flight', () => {
  it('is all done, and never weighs more at once than the window allows', async () => {
    const weights = fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(weights, fc.integer({ min: 1, max: 10 }), async (items, limit) => {
        const under: number[] = [];
        let done = 0;
        await inFlight(items, { limit, weightOf: (weight) => weight, signal: never }, async (weight) => {
          under.push(weight);
          const sum = under.reduce((a, b) => a + b, 0);
          if (under.length > 1) expect(sum).to.be.at.most(limit);
          await tick();
          under.splice(under.indexOf(weight), 1);
          done++;
        });
        expect(done).to.equal(items.length);
      }),
    );
  });

  it('starts nothing after a failure, and tells the first one when all is at rest', async () => {
    const started: number[] = [];
    let resting = 0;
    const error = await inFlight([1, 2, 3, 4], { limit: 2, weightOf: () => 1, signal: never }, async (item) => {
      started.push(item);
      if (item === 1) throw new Error('the first');
      await tick();
      resting++;
    }).catch((reason) => reason);
    expect(error.message).to.equal('the first');
    expect(started.length - 1).to.equal(resting);
    expect(started).not.to.include(4);
  });

  it('stops when it is told to, with the reason', async () => {
    const stop = new AbortController();
    const started: number[] = [];
    const error = await inFlight([1, 2, 3], { limit: 1, weightOf: () => 1, signal: stop.signal }, async (item) => {
      started.push(item);
      stop.abort(new Error('enough'));
    }).catch((reason) => reason);
    expect(error.message).to.equal('enough');
    expect(started).to.deep.equal([1]);
  });
});
