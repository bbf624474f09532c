import { expect } from 'chai';
import {
  ClockSkew,
  CommitTooLarge,
  Deposed,
  InvalidEvent,
  invalidField,
  invalidFields,
  isProblem,
  MAX_NAMED_FIELDS,
  NotYetVisible,
  OperatorError,
  orThrow,
  Problem,
  problemOf,
  StreamBusy,
  Unavailable,
} from './errors.js';
import { reject } from './rejection.js';

describe('Errors', () => {
  it('state in a log their name, what happened and what to do', () => {
    expect(
      [
        new Problem('conflict', 'cart_1 has changed.'),
        new Unavailable('Redis', 'no answer.'),
        new StreamBusy('stock#1'),
        new NotYetVisible('The order list'),
        new CommitTooLarge('order#1', 9, 8),
        new ClockSkew('PostgreSQL', 3_000, 2_000),
        new Deposed('PostgreSQL', 'leader', 7),
        new OperatorError('The port is in use.'),
        new InvalidEvent('Sold', 'is defined twice'),
      ].map(String),
    ).to.deep.equal([
      'Problem: cart_1 has changed.',
      'Unavailable: Redis: no answer.',
      'StreamBusy: Too many other requests change the same resource; try again.',
      'NotYetVisible: The order list: does not have the commits of the Consistency-Token yet.',
      'CommitTooLarge: The command would store 9 bytes at once, but the limit is 8; split the command.',
      "ClockSkew: PostgreSQL: this machine's clock is 3000 ms off (limit 2000 ms); synchronise it.",
      'Deposed: PostgreSQL: term 7 of the lease leader is over; another process does its work now.',
      'OperatorError: The port is in use.',
      'InvalidEvent: Event Sold is defined twice',
    ]);
  });

  it('have the codes of the API, and the time to try again', () => {
    expect(new StreamBusy('stock#1').code).to.equal('conflict');
    expect(new CommitTooLarge('order#1', 9, 8).code).to.equal('too_large');
    expect(new Unavailable('Redis', 'no answer.')).to.include({ code: 'unavailable', engine: 'Redis', retryAfter: 1 });
    expect(new ClockSkew('Redis', 3_000, 2_000)).to.include({ code: 'unavailable', retryAfter: 30 });
    const { facts, seen } = new Problem('conflict', 'No.');
    expect({ facts, seen: [...seen] }).to.deep.equal({ facts: {}, seen: [] });
  });

  it('name the stream in the log, but not to the caller', () => {
    for (const error of [new StreamBusy('stock#1'), new CommitTooLarge('stock#1', 9, 8)]) {
      expect(error.stream).to.equal('stock#1');
      expect(error.message + JSON.stringify(error.facts)).not.to.include('stock');
    }
  });

  it('are problems if they are for the caller, of one code or of any', () => {
    const busy = new StreamBusy('stock#1');
    expect([isProblem(busy), isProblem(busy, 'conflict'), isProblem(busy, 'too_large')]).to.deep.equal([
      true,
      true,
      false,
    ]);
    expect(isProblem(new InvalidEvent('Sold', 'is odd'))).to.equal(false);
  });

  it('are thrown for a rejection that ends a request, with its code and facts', () => {
    const facts = { available: { MUG: 2 } };
    const outcome = { state: 'sold' };
    expect(orThrow(outcome)).to.equal(outcome);
    const { code, message, ...rest } = problemOf(reject('out_of_stock', 'Two.', facts), [['order#1', 3]]);
    expect({ code, message, ...rest }).to.deep.include({ code: 'out_of_stock', message: 'Two.', facts });
    expect(() => orThrow(reject('conflict', 'No.'))).to.throw(Problem, 'No.');
  });

  it('name the invalid parts of a request, and describe the first three', () => {
    const fields = Array.from({ length: MAX_NAMED_FIELDS + 1 }, (_, n) => ({
      pointer: `/lines/${n}`,
      detail: 'is odd',
    }));
    const problem = invalidFields(fields);
    expect(problem.code).to.equal('invalid_request');
    expect(problem.message).to.equal('/lines/0: is odd; /lines/1: is odd; /lines/2: is odd');
    expect(problem.facts.errors).to.deep.equal(fields.slice(0, MAX_NAMED_FIELDS));
    const whole = invalidField('', 'The body is empty.');
    expect(whole.message).to.equal('The body is empty.');
    expect(whole.facts).to.deep.equal({ errors: [{ pointer: '', detail: 'The body is empty.' }] });
  });
});
