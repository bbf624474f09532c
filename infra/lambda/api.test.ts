import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { createInBackground } from '../mail/in-background.js';
import { settled } from './api.js';

describe('A function of the API', () => {
  it('waits for the mails of a request before it answers', async () => {
    const failures: string[] = [];
    const background = createInBackground({ onFailed: (name) => failures.push(name) });
    let sent = false;
    background.start('mail', async () => {
      await delay(20);
      sent = true;
    });
    background.start('lost mail', async () => {
      throw new Error('no mail server');
    });
    await settled(background, new AbortController().signal);
    expect([sent, failures]).to.deep.equal([true, ['lost mail']]);
  });

  it('answers in time all the same', async () => {
    const background = createInBackground({ onFailed: () => {} });
    let finish = () => {};
    background.start('mail', () => new Promise<void>((resolve) => (finish = resolve)));
    await settled(background, AbortSignal.timeout(20));
    finish();
    await background.settled();
  });
});
