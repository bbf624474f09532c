import { expect } from 'chai';
import { z } from 'zod';
import { InvalidEvent } from './errors.js';
import { eventTypesOf } from './event.js';

const price = z.strictObject({ amount: z.int(), in: z.strictObject({ currency: z.string() }) });

describe('The event types of a program', () => {
  const eventTypes = eventTypesOf(
    {
      Priced: {
        version: 3,
        data: price,
        upcast: {
          1: ({ pounds }: { pounds: number }) => ({ pence: pounds * 100 }),
          2: ({ pence }: { pence: number }) => ({ amount: pence, in: { currency: 'GBP' } }),
        },
      },
    },
    { Forgotten: { version: 2, data: z.strictObject({}) } },
  );
  const refusal = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      if (error instanceof InvalidEvent) return error.message;
    }
    return expect.fail('no invalid event');
  };

  it('upgrades every old version step by step', () => {
    const today = { amount: 200, in: { currency: 'GBP' } };
    expect(eventTypes.read('Priced', 1, { pounds: 2 })).to.deep.equal(today);
    expect(eventTypes.read('Priced', 2, { pence: 200 })).to.deep.equal(today);
    expect(eventTypes.read('Priced', 3, today)).to.deep.equal(today);
  });

  it('refuses to read an event that it does not understand, and says why', () => {
    expect(refusal(() => eventTypes.read('Sold', 1, {}))).to.equal(
      'Event Sold is not a known type; is this program older than the log?',
    );
    expect(refusal(() => eventTypes.read('Priced', 4, {}))).to.equal(
      'Event Priced has version 4, this program knows 3',
    );
    expect(refusal(() => eventTypes.read('Forgotten', 1, {}))).to.equal('Event Forgotten has no upcast from version 1');
    expect(refusal(() => eventTypes.read('Priced', 2, { pence: 0.5 }))).to.match(/^Event Priced amount: /);
  });

  it('refuses to write an invalid event, and names each invalid field', () => {
    eventTypes.check({ type: 'Priced', data: { amount: 1, in: { currency: 'GBP' } } });
    expect(refusal(() => eventTypes.check({ type: 'Priced', data: { amount: 0.5, in: {} } }))).to.match(
      /^Event Priced amount: .+; in\.currency: /,
    );
    expect(refusal(() => eventTypes.check({ type: 'Sold', data: {} }))).to.contain('not a known type');
  });

  it('has one definition of each type', () => {
    expect(eventTypes.definition('Priced').data).to.equal(price);
    const sold = { Sold: { version: 1, data: price } };
    expect(refusal(() => eventTypesOf(sold, sold))).to.equal('Event Sold is defined twice');
  });
});
