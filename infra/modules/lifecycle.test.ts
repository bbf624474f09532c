import { expect } from 'chai';
import { createLifecycle } from './lifecycle.js';

describe('A lifecycle', () => {
  it('closes in reverse order, once', async () => {
    const lifecycle = createLifecycle();
    const closed: string[] = [];
    lifecycle.onClose(() => closed.push('first'));
    lifecycle.onClose(async () => closed.push('second'));
    await Promise.all([lifecycle.close(), lifecycle.close()]);
    expect(closed).to.deep.equal(['second', 'first']);
  });

  it('closes the rest when a close fails, and reports the failure', async () => {
    const lifecycle = createLifecycle();
    const closed: string[] = [];
    lifecycle.onClose(() => closed.push('first'));
    lifecycle.onClose(() => Promise.reject(new Error('stuck')));
    const error = await lifecycle.close().catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(AggregateError).with.property('message').that.contains('stuck');
    expect(closed).to.deep.equal(['first']);
  });

  it('waits for parts that are opened while it closes', async () => {
    const lifecycle = createLifecycle();
    const closed: string[] = [];
    lifecycle.onClose(async () => {
      lifecycle.onClose(async () => {
        await Promise.resolve();
        closed.push('late');
      });
    });
    await lifecycle.close();
    expect(closed).to.deep.equal(['late']);
  });

  it('closes parts at once that are opened later, and survives a failed close', async () => {
    const lifecycle = createLifecycle();
    await lifecycle.close();
    const closed: string[] = [];
    lifecycle.onClose(() => closed.push('later'));
    lifecycle.onClose(() => {
      throw new Error('stuck');
    });
    lifecycle.onClose(() => Promise.reject(new Error('stuck'))); // unhandled, it would fail this run
    expect(closed).to.deep.equal(['later']);
  });
});
