import { expect } from 'chai';
import fc from 'fast-check';
import { type Reservations, reservationOf, withoutReservation, withReservation } from './reservations.js';

describe('The reservations of a stock item', () => {
  const ids = Array.from({ length: 1_000 }, (_, n) => `order_${n}`);
  const held = (quantity: number) => ({ quantity });

  it('are separate, however many there are: a change or the end of one leaves the others as they are', () => {
    const changes = fc.array(
      fc.record({ id: fc.constantFrom(...ids), quantity: fc.option(fc.integer({ min: 1, max: 9 })) }),
      { minLength: 100, maxLength: 1_000, size: 'max' },
    );
    fc.assert(
      fc.property(changes, (all) => {
        const expected = new Map<string, number>();
        let reservations: Reservations = {};
        for (const { id, quantity } of all) {
          if (quantity === null) {
            expected.delete(id);
            reservations = withoutReservation(reservations, id);
          } else {
            expected.set(id, quantity);
            reservations = withReservation(reservations, id, held(quantity));
          }
        }
        for (const id of ids) expect(reservationOf(reservations, id)?.quantity, id).to.equal(expected.get(id));
      }),
    );
  });

  it('leave nothing behind', () => {
    const all = ids.reduce<Reservations>((some, id) => withReservation(some, id, held(1)), {});
    expect(ids.reduce(withoutReservation, all)).to.deep.equal({});
  });

  it('are not confused with members that every object has', () => {
    const some = withReservation({}, 'order_1', held(1));
    for (const id of ['constructor', 'toString', '__proto__']) expect(reservationOf(some, id), id).to.equal(undefined);
  });

  it('are spread over many buckets, but not one each, and a change copies one of them', () => {
    const all = ids.reduce<Reservations>((some, id) => withReservation(some, id, held(1)), {});
    const largest = Math.max(...Object.values(all).map((bucket) => Object.keys(bucket).length));
    expect(largest).to.be.below(30);
    expect(Object.keys(all)).to.have.length.at.most(256);
    const changed = withReservation(all, 'order_7', held(2));
    expect(Object.keys(all).filter((name) => changed[name] !== all[name])).to.have.length(1);
  });
});
