import { expect } from 'chai';
import fc from 'fast-check';
import { defined } from '../kernel/json.js';
import { commitmentsOf, missingOf } from './commitments.js';
import type { StockEvent } from './events.js';

const key = { sku: 'MUG', location: 'main' };
const commit = (reservationId: string, quantity: number): StockEvent => {
  return { type: 'ReservationCommitted', data: { ...key, reservationId, quantity } };
};
const ship = (reservationId: string, quantity: number): StockEvent => {
  return { type: 'StockShipped', data: { ...key, reservationId, operationId: 's', quantity } };
};
const release = (reservationId: string, quantity: number, committed?: true): StockEvent => {
  return { type: 'ReservationReleased', data: { ...key, reservationId, quantity, ...defined({ committed }) } };
};

describe('The committed units of a stock item', () => {
  it('belong to orders, whatever the id of the reservation, until they are sent or released', () => {
    const events = [
      commit('order_1', 3),
      commit('order_2/2', 2),
      ship('order_1', 1),
      release('order_3', 5),
      commit('order_1/reallocation/1', 2),
      release('order_2', 1, true),
      commit('order_4', 1),
      ship('order_4', 1),
    ];
    expect([...commitmentsOf(events)]).to.deep.equal([
      ['order_2', 1],
      ['order_1', 4],
    ]);
  });

  it('are missing in reverse order of commitment, the latest first, and only as many as are missing', () => {
    const commitments = new Map([
      ['order_1', 3],
      ['order_2', 2],
      ['order_3', 1],
    ]);
    expect([...missingOf(commitments, 2)]).to.deep.equal([
      ['order_3', 1],
      ['order_2', 1],
    ]);
    expect([...missingOf(commitments, 0)]).to.deep.equal([]);
    const units = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 8 });
    fc.assert(
      fc.property(units, fc.nat(50), (each, shortfall) => {
        const all = new Map(each.map((quantity, n) => [`order_${n}`, quantity]));
        const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, one) => total + one, 0);
        const missing = missingOf(all, shortfall);
        expect(sum(missing.values())).to.equal(Math.min(shortfall, sum(all.values())));
        const whole = [...missing].filter(([orderId, quantity]) => quantity === all.get(orderId));
        expect(whole.length, 'all but the first that is hit go without whole').to.be.at.least(missing.size - 1);
      }),
    );
  });
});
