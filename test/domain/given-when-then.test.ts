import { expect } from 'chai';
import { z } from 'zod';
import type { Decider } from '../../domain/kernel/decider.js';
import type { DomainEvent } from '../../domain/kernel/event.js';
import { reject } from '../../domain/kernel/rejection.js';
import { decider, issuedTwiceChangesNothing } from './given-when-then.js';

type Counted = DomainEvent<'Counted', { to: number }>;
type Count = { type: 'Count'; to: number };

const counter: Decider<Count, { to: number }, Counted> = {
  category: 'counter',
  events: { Counted: { version: 1, data: z.strictObject({ to: z.int() }) } },
  initialState: { to: 0 },
  decide: ({ to }, state) => {
    if (to < 0) return reject('rule_violated', 'Counts are not negative.', { refundable: to });
    return to === state.to ? [] : [{ type: 'Counted', data: { to } }];
  },
  evolve: (_, { data }) => data,
};
const counted = (to: number): Counted => ({ type: 'Counted', data: { to } });
const count = (to: number): Count => ({ type: 'Count', to });

describe('The test kit for deciders', () => {
  const { given } = decider(counter);

  it('compares a decision with the expected one', () => {
    given([counted(1)])
      .when(count(2))
      .then([counted(2)]);
    expect(() =>
      given([])
        .when(count(2))
        .then([counted(3)]),
    ).to.throw('other events');
    expect(() =>
      given([counted(2)])
        .when(count(2))
        .then([counted(2)]),
    ).to.throw('other events');
    expect(() => given([]).when(count(-1)).then([])).to.throw('Rejected as rule_violated');
  });

  it("compares a rejection's code and members", () => {
    given([]).when(count(-1)).thenRejected('rule_violated', { refundable: -1 });
    expect(() => given([]).when(count(-1)).thenRejected('conflict')).to.throw('another rejection');
    expect(() => given([]).when(count(-1)).thenRejected('rule_violated', { refundable: 1 })).to.throw(
      'another rejection',
    );
    expect(() => given([]).when(count(1)).thenRejected('rule_violated')).to.throw('not rejected');
  });

  it('requires that a rejection states its reason in a sentence', () => {
    for (const detail of [
      '',
      'Negative',
      'Counts are not .',
      'There is no  count.',
      'There is , no count.',
      'undefined is not a count.',
    ]) {
      const mute = decider({ ...counter, decide: () => reject('conflict', detail) });
      expect(() => mute.given([]).when(count(1)).thenRejected('conflict')).to.throw('no sentence');
    }
  });

  it('rejects events that do not fit their schema', () => {
    expect(() => given([counted(0.5)])).to.throw('Counted to');
    expect(() =>
      given([])
        .when(count(0.5))
        .then([counted(0.5)]),
    ).to.throw('Counted to');
  });

  it('rejects events with undefined members, which the log would not keep', () => {
    const optional = {
      ...counter,
      events: { Counted: { version: 1, data: z.strictObject({ to: z.int(), by: z.string().optional() }) } },
    };
    expect(() => decider(optional).given([{ type: 'Counted', data: { to: 1, by: undefined } as never }])).to.throw(
      'undefined',
    );
  });

  it('rejects states that JSON does not keep', () => {
    for (const to of [Number.NaN, new Map(), new Date(), () => 0, [undefined], { deep: 1n }]) {
      const odd = decider({ ...counter, evolve: () => ({ to: to as never }) });
      expect(() => odd.given([counted(1)])).to.throw('JSON');
    }
    for (const to of [null, 'a', true, [1, { deep: [] }], { left: undefined }]) {
      decider({ ...counter, evolve: () => ({ to: to as never }) }).given([counted(1)]);
    }
  });

  it('detects a decider that executes a repeated command again', () => {
    const forgetful = { ...counter, evolve: () => ({ to: 0 }) };
    issuedTwiceChangesNothing(counter, { Count: { given: [], when: count(1) } });
    expect(() => issuedTwiceChangesNothing(forgetful, { Count: { given: [], when: count(1) } })).to.throw(
      'issued again',
    );
  });

  it('requires examples that have an effect', () => {
    expect(() => issuedTwiceChangesNothing(counter, { Count: { given: [], when: count(0) } })).to.throw('no effect');
    expect(() => issuedTwiceChangesNothing(counter, { Count: { given: [], when: count(-1) } })).to.throw('no effect');
  });
});
