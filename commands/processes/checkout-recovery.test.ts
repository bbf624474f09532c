// The recovery finds every checkout that stands still, and none keeps it from the others.
import { expect } from 'chai';
import type { CheckoutResult } from './checkout-process.js';
import { recoverCheckouts, STUCK_AFTER_MS } from './checkout-recovery.js';

const NOW = 1_700_000_000_000;
const orderIds = Array.from({ length: 300 }, (_, index) => `order_${index}`);

describe('The recovery of checkouts', () => {
  it('tries each stuck checkout once, however many others cannot go on', async () => {
    const tried: string[] = [];
    const failed: (string | undefined)[] = [];
    await recoverCheckouts(
      {
        unfinished: {
          async stuck(before, limit) {
            expect(before).to.equal(NOW - STUCK_AFTER_MS);
            return orderIds.slice(0, limit).map((orderId) => ({ orderId }));
          },
        },
        process: {
          async resume(orderId): Promise<CheckoutResult | undefined> {
            tried.push(orderId);
            if (orderId !== orderIds.at(-1)) throw new Error('not yet');
            return undefined;
          },
        },
        clock: () => NOW,
        onError: (orderId) => void failed.push(orderId),
      },
      new AbortController().signal,
    );
    expect(tried).to.deep.equal(orderIds);
    expect(failed).to.deep.equal(orderIds.slice(0, -1));
  });

  it('stops between two checkouts when it is asked to', async () => {
    const stop = new AbortController();
    const tried: string[] = [];
    await recoverCheckouts(
      {
        unfinished: { stuck: async (_, limit) => orderIds.slice(0, limit).map((orderId) => ({ orderId })) },
        process: {
          async resume(orderId): Promise<undefined> {
            tried.push(orderId);
            stop.abort();
          },
        },
        clock: () => NOW,
        onError: (_, error) => expect.fail(String(error)),
      },
      stop.signal,
    );
    expect(tried).to.deep.equal(orderIds.slice(0, 1));
  });
});
