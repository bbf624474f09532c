// Concurrent work: limited, complete, and stopped after a failure.
import { expect } from 'chai';
import fc from 'fast-check';
import { inFlight } from './in-flight.js';

const never = new AbortController().signal;
const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('Concurrent work', () => {
  it('is all done, with as much at once as the limit allows and never more', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat()), fc.integer({ min: 1, max: 10 }), async (items, limit) => {
        let underWay = 0;
        let most = 0;
        const done: number[] = [];
        await inFlight(items, limit, never, async (item) => {
          most = Math.max(most, ++underWay);
          await tick();
          underWay--;
          done.push(item);
        });
        expect(done).to.have.members(items);
        expect(most).to.equal(Math.min(limit, items.length));
      }),
    );
  });

  it('starts nothing after a failure, and reports the first one when all running work has ended', async () => {
    const started: number[] = [];
    let rested = 0;
    const error = await inFlight([1, 2, 3, 4], 2, never, async (item) => {
      started.push(item);
      if (item === 1) throw new Error('the first');
      await tick();
      rested++;
    }).catch((reason) => reason);
    expect(error.message).to.equal('the first');
    expect(started).to.deep.equal([1, 2]);
    expect(rested).to.equal(1);
  });

  it('stops when it is aborted, with the reason', async () => {
    const stop = new AbortController();
    const started: number[] = [];
    const error = await inFlight([1, 2, 3], 1, stop.signal, async (item) => {
      started.push(item);
      stop.abort(new Error('enough'));
    }).catch((reason) => reason);
    expect(error.message).to.equal('enough');
    expect(started).to.deep.equal([1]);
  });
});
