import { expect } from 'chai';
import {
  ClockSkew,
  CommitTooLarge,
  InvalidEvent,
  isProblem,
  isRejection,
  NotYetVisible,
  Problem,
  reject,
  StreamBusy,
  Unavailable,
} from './errors.js';

describe('Errors', () => {
  it('say in a log who they are, what happened and what to do', () => {
    expect(
      [
        new Problem('conflict', 'cart_1 has changed.'),
        new Unavailable('Redis', 'no answer.'),
        new StreamBusy('stock#1'),
        new NotYetVisible('The order list'),
        new CommitTooLarge('order#1', 9, 8),
        new ClockSkew('PostgreSQL', 3_000, 2_000),
        new InvalidEvent('Sold', 'is defined twice'),
      ].map(String),
    ).to.deep.equal([
      'Problem: cart_1 has changed.',
      'Unavailable: Redis: no answer.',
      'StreamBusy: Others change the same thing all the time; try again.',
      'NotYetVisible: The order list: does not show yet what the Consistency-Token names.',
      'CommitTooLarge: This would take 9 bytes at once, the limit is 8; split the command.',
      "ClockSkew: PostgreSQL: this machine's clock is 3000 ms off (limit 2000 ms); synchronise it.",
      'InvalidEvent: Event Sold is defined twice',
    ]);
  });

  it('carry the codes of the API, and when to try again', () => {
    expect(new StreamBusy('stock#1').code).to.equal('conflict');
    expect(new CommitTooLarge('order#1', 9, 8).code).to.equal('too_large');
    expect(new Unavailable('Redis', 'no answer.')).to.include({ code: 'unavailable', engine: 'Redis', retryAfter: 1 });
    expect(new ClockSkew('Redis', 3_000, 2_000)).to.include({ code: 'unavailable', retryAfter: 30 });
    const { extra, seen } = new Problem('conflict', 'No.');
    expect({ extra, seen: [...seen] }).to.deep.equal({ extra: {}, seen: [] });
  });

  it('name the stream to the log, and not to the caller', () => {
    for (const error of [new StreamBusy('stock#1'), new CommitTooLarge('stock#1', 9, 8)]) {
      expect(error.stream).to.equal('stock#1');
      expect(error.message + JSON.stringify(error.extra)).not.to.include('stock');
    }
  });

  it('are problems if the caller is to be told, of one code or of any', () => {
    const busy = new StreamBusy('stock#1');
    expect([isProblem(busy), isProblem(busy, 'conflict'), isProblem(busy, 'too_large')]).to.deep.equal([
      true,
      true,
      false,
    ]);
    expect(isProblem(new InvalidEvent('Sold', 'is odd'))).to.equal(false);
  });

  it('of deciders are values: a code, a sentence, and what goes with it if there is any', () => {
    expect(reject('conflict', 'No.')).to.deep.equal({ rejected: 'conflict', detail: 'No.' });
    const extra = { available: 2 };
    expect(reject('out_of_stock', 'Two.', extra)).to.deep.equal({ rejected: 'out_of_stock', detail: 'Two.', extra });
    expect([isRejection(reject('conflict', 'No.')), isRejection([])]).to.deep.equal([true, false]);
  });
});
