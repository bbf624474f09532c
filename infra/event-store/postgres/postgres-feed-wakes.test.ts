import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { Pool } from 'pg';
import { createFeedWakes, WAKE_EVERY_MS } from './postgres-feed-wakes.js';

/** Appends one after the other, for longer than a process without a feed waits between two notifications. */
const APPENDS = 60;
const APPEND_EVERY_MS = 2;

describe('The wakes of feeds', () => {
  async function appendMany(listens: boolean) {
    const sent: string[] = [];
    const pool = { query: async (text: string) => void sent.push(text) } as unknown as Pool;
    const wakes = createFeedWakes(pool);
    let rings = 0;
    const unlisten = listens ? wakes.listen(() => rings++) : () => {};
    const began = performance.now();
    for (let n = 0; n < APPENDS; n++) {
      wakes.appended();
      await delay(APPEND_EVERY_MS);
    }
    // Twice as many as there is time for, because timers are not exact. A busy machine takes longer for the appends.
    const most = 2 + (performance.now() - began) / (WAKE_EVERY_MS / 2);
    return { wakes, unlisten, sent, rings: () => rings, most };
  }

  it('share notifications of many appends, if no feed is in this process', async () => {
    const { sent, most } = await appendMany(false);
    expect(sent.length).to.be.within(2, most);
    expect(sent[0]).to.include('notify commerce_log');
  });

  it('ring the feed of this process, and notify others seldom', async () => {
    const { wakes, unlisten, sent, rings, most } = await appendMany(true);
    expect(rings()).to.be.within(2, most);
    expect(sent.length).to.be.below(rings());
    unlisten();
    const before = rings();
    wakes.appended();
    await delay(4 * APPEND_EVERY_MS);
    expect(rings()).to.equal(before);
  });
});
