import { expect } from 'chai';
import { z } from 'zod';
import { InvalidEvent } from './errors.js';
import { eventCatalogue } from './event.js';

const price = z.strictObject({ amount: z.int(), in: z.strictObject({ currency: z.string() }) });

describe('The catalogue of events', () => {
  const catalogue = eventCatalogue(
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
    expect(catalogue.read('Priced', 1, { pounds: 2 })).to.deep.equal(today);
    expect(catalogue.read('Priced', 2, { pence: 200 })).to.deep.equal(today);
    expect(catalogue.read('Priced', 3, today)).to.deep.equal(today);
  });

  it('refuses to read an event that it does not understand, and says why', () => {
    expect(refusal(() => catalogue.read('Sold', 1, {}))).to.equal(
      'Event Sold is not in the catalogue; is this program older than the log?',
    );
    expect(refusal(() => catalogue.read('Priced', 4, {}))).to.equal('Event Priced has version 4, this program knows 3');
    expect(refusal(() => catalogue.read('Forgotten', 1, {}))).to.equal('Event Forgotten has no upcast from version 1');
    expect(refusal(() => catalogue.read('Priced', 2, { pence: 0.5 }))).to.match(/^Event Priced amount: /);
  });

  it('refuses to write an invalid event, and names each invalid field', () => {
    catalogue.check({ type: 'Priced', data: { amount: 1, in: { currency: 'GBP' } } });
    expect(refusal(() => catalogue.check({ type: 'Priced', data: { amount: 0.5, in: {} } }))).to.match(
      /^Event Priced amount: .+; in\.currency: /,
    );
    expect(refusal(() => catalogue.check({ type: 'Sold', data: {} }))).to.contain('not in the catalogue');
  });

  it('has one definition of each type', () => {
    expect(catalogue.definition('Priced').data).to.equal(price);
    const sold = { Sold: { version: 1, data: price } };
    expect(refusal(() => eventCatalogue(sold, sold))).to.equal('Event Sold is defined twice');
  });
});
