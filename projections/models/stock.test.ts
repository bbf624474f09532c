import { expect } from 'chai';
import fc from 'fast-check';
import { availableOf, type StockCommand, stockItem } from '../../domain/stock/stock-item.js';
import { historyOf, interleavingOf, project } from '../../test/read-models.js';
import { the } from '../../test/the.js';
import { stock, stockView } from './stock.js';
import { unitsSold, unitsSoldOf } from './units-sold.js';

const SKU = '85123A';
const LOCATIONS = ['main', 'leeds'];

const reservationId = fc.constantFrom('r1', 'r2', 'r3');
const quantity = fc.integer({ min: 1, max: 9 });

const commandAt = (location: string): fc.Arbitrary<StockCommand> => {
  const key = { sku: SKU, location };
  const movement = fc.record({ movementId: fc.uuid(), productId: fc.constant('product_1') });
  return fc.oneof(
    fc.tuple(movement, quantity).map(([id, units]) => ({ type: 'ReceiveStock', ...key, ...id, quantity: units })),
    fc
      .tuple(movement, fc.integer({ min: -5, max: 5 }))
      .map(([id, delta]) => ({ type: 'AdjustStock', ...key, ...id, delta, reason: 'found' })),
    fc.tuple(movement, quantity).map(([id, units]) => ({ type: 'CountStock', ...key, ...id, quantity: units })),
    fc
      .tuple(movement, quantity, fc.constantFrom('TransferOut', 'TransferIn'))
      .map(([id, units, type]) => ({ type, ...key, ...id, quantity: units, from: 'york', to: 'york' })),
    fc
      .tuple(movement, quantity, fc.boolean())
      .map(([id, units, writtenOff]) => ({ type: 'ReturnStock', ...key, ...id, quantity: units, writtenOff })),
    fc
      .tuple(movement, fc.integer({ min: 0, max: 5 }))
      .map(([{ productId }, limit]) => ({ type: 'SetStockPolicy', ...key, productId, backorderLimit: limit })),
    fc.tuple(reservationId, quantity).map(([id, units]) => ({
      type: 'ShipAtOnce',
      ...key,
      reservationId: `${id} of the past`,
      quantity: units,
    })),
    fc
      .tuple(reservationId, fc.constantFrom('ShipReservation', 'ReleaseReservation'), fc.uuid())
      .map(([id, type, operationId]) => ({ type, ...key, reservationId: id, operationId, quantity: 1 })),
    fc
      .tuple(reservationId, quantity)
      .map(([id, units]) => ({ type: 'ReserveStock', ...key, reservationId: id, quantity: units, expiresAt: 0 })),
    fc
      .tuple(
        reservationId,
        fc.constantFrom('CommitReservation', 'ReleaseReservation', 'ExpireReservation', 'ShipReservation'),
      )
      .map(([id, type]) => ({ type, ...key, reservationId: id })),
  ) as fc.Arbitrary<StockCommand>;
};

const histories = fc
  .tuple(...LOCATIONS.map((location) => fc.array(commandAt(location), { maxLength: 40 })))
  .map((commands) => commands.map((some) => historyOf(stockItem, some)));

describe('The stock read model', () => {
  it('shows the levels that the stock items have, whatever order their streams arrive in', () => {
    const seen = histories.chain((items) =>
      interleavingOf(items.map(({ events }) => events)).map((events) => ({ items, events })),
    );
    fc.assert(
      fc.property(seen, ({ items, events }) => {
        const document = project(stock, events).get(SKU);
        const shown = document ? stockView(document) : { locations: [], available: 0 };
        const expected = items
          .map(({ state }, index) => ({ location: the(LOCATIONS[index]), ...state }))
          .filter(({ productId }) => productId !== null)
          .map(({ location, onHand, reserved, committed, policy }) => {
            const available = availableOf({ onHand, reserved, committed });
            return { location, onHand, reserved, committed, ...policy, available };
          });
        const touched = shown.locations.filter(({ onHand, reserved, committed }) => onHand || reserved || committed);
        const stocked = expected.filter(({ onHand, reserved, committed }) => onHand || reserved || committed);
        expect(touched).to.have.deep.members(stocked);
        expect(shown.available).to.equal(expected.reduce((total, { available }) => total + available, 0));
      }),
    );
  });

  it('takes the units of a released reservation from the count that they were in', () => {
    const key = { sku: SKU, location: 'main' };
    const { events } = historyOf(stockItem, [
      { type: 'ReceiveStock', ...key, movementId: 'm1', productId: 'product_1', quantity: 10 },
      { type: 'ReserveStock', ...key, reservationId: 'r1', quantity: 3 },
      { type: 'ReserveStock', ...key, reservationId: 'r2', quantity: 4 },
      { type: 'CommitReservation', ...key, reservationId: 'r1' },
      { type: 'ReleaseReservation', ...key, reservationId: 'r1' },
    ]);
    expect(stockView(the(project(stock, events).get(SKU)))).to.deep.equal({
      sku: SKU,
      locations: [{ location: 'main', onHand: 10, reserved: 4, committed: 0, available: 6 }],
      available: 6,
    });
  });
});

describe('Units sold', () => {
  it('are the units shipped, over all locations and in any order of their streams', () => {
    const shipped = (location: string, units: number) =>
      historyOf(stockItem, [
        { type: 'ReceiveStock', sku: SKU, location, movementId: 'm1', productId: 'product_1', quantity: 100 },
        { type: 'ReserveStock', sku: SKU, location, reservationId: 'r1', quantity: units },
        { type: 'CommitReservation', sku: SKU, location, reservationId: 'r1' },
        { type: 'ShipReservation', sku: SKU, location, reservationId: 'r1' },
        { type: 'ReserveStock', sku: SKU, location, reservationId: 'r2', quantity: 50 },
      ]).events;
    fc.assert(
      fc.property(interleavingOf([shipped('main', 7), shipped('leeds', 5)]), (events) => {
        expect(unitsSoldOf(the(project(unitsSold, events).get(SKU)))).to.equal(12);
      }),
    );
  });
});
