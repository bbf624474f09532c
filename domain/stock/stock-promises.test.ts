// Stock promises under any sequence of commands, repeated, late and in any order, compared with a model that knows only the
// events.
import { expect } from 'chai';
import fc from 'fast-check';
import { fold, TEST_NOW } from '../../test/domain/given-when-then.js';
import { the } from '../../test/the.js';
import { RETRY_HORIZON_MS } from '../kernel/limits.js';
import { isRejection } from '../kernel/rejection.js';
import type { StockEvent } from './events.js';
import { availableOf, promisableOf, type StockCommand, type StockItem, stockItem } from './stock-item.js';

const key = { sku: 'MUG-1', location: 'main' };

/** `after`: ms since the previous command. */
interface Issued {
  after: number;
  command: StockCommand;
}

const commands: fc.Arbitrary<StockCommand> = (() => {
  const movement = fc
    .constantFrom('m1', 'm2', 'm3', 'm4', 'm5', 'm6')
    .map((movementId) => ({ ...key, productId: 'product_mug', movementId }));
  const reservation = fc
    .constantFrom('order_1', 'order_2', 'order_3')
    .map((reservationId) => ({ ...key, reservationId }));
  const quantity = fc.integer({ min: 1, max: 6 });
  const expiresAt = fc.integer({ min: 0, max: 3 }).map((n) => TEST_NOW + n * RETRY_HORIZON_MS);
  const part = fc.oneof(
    fc.constant({}),
    fc.record({ operationId: fc.constantFrom('o1', 'o2', 'o3') }),
    fc.record({ operationId: fc.constantFrom('o1', 'o2', 'o3'), quantity: fc.integer({ min: 1, max: 3 }) }),
  );
  const some = <T>(type: StockCommand['type'], ...fields: fc.Arbitrary<T>[]): fc.Arbitrary<StockCommand> =>
    fc.tuple(...fields).map((parts) => Object.assign({ type }, ...parts));
  const field = <T>(name: string, of: fc.Arbitrary<T>) => of.map((value): object => ({ [name]: value }));

  return fc.oneof(
    some('ReceiveStock', movement, field('quantity', quantity)),
    some('AdjustStock', movement, field('delta', fc.integer({ min: -6, max: 6 })), fc.constant({ reason: 'r' })),
    some('CountStock', movement, field('quantity', fc.integer({ min: 0, max: 9 }))),
    some('TransferOut', movement, field('quantity', quantity), fc.constant({ to: 'leeds' })),
    some('TransferIn', movement, field('quantity', quantity), fc.constant({ from: 'leeds' })),
    some('ReturnStock', movement, field('quantity', quantity), field('writtenOff', fc.boolean())),
    some(
      'SetStockPolicy',
      fc.constant({ ...key, productId: 'product_mug' }),
      field('backorderLimit', fc.integer({ min: 0, max: 4 })),
      fc.oneof(fc.constant({}), field('lowStockAt', fc.integer({ min: 0, max: 4 }))),
    ),
    some('ReserveStock', reservation, field('quantity', quantity), field('expiresAt', expiresAt)),
    some('ExtendReservation', reservation, field('expiresAt', expiresAt)),
    some('ParkReservation', reservation),
    some('CommitReservation', reservation),
    some('ShipReservation', reservation, part),
    some('ReleaseReservation', reservation, part),
    some('ExpireReservation', reservation),
  );
})();

const histories: fc.Arbitrary<Issued[]> = fc.array(
  fc.record({
    after: fc.constantFrom(0, 0, 0, 1, RETRY_HORIZON_MS + 1),
    command: commands,
  }),
  { maxLength: 80, size: 'max' },
);

describe('What stock promises', () => {
  it('holds under any sequence of commands, repeated, late and in any order', () => {
    fc.assert(fc.property(histories, playAgainstModel), { numRuns: 500 });
  });

  it('medusajs/medusa#16569: concurrent reservations never oversell', () => {
    const racing = fc.tuple(
      fc.integer({ min: 0, max: 10 }),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 20 }),
    );
    fc.assert(
      fc.property(racing, ([onHand, wanted]) => {
        let state = played(stockItem.initialState, [
          { type: 'CountStock', ...key, productId: 'product_mug', movementId: 'm', quantity: onHand },
        ]);
        for (const [n, quantity] of wanted.entries()) {
          const decision = stockItem.decide(
            { type: 'ReserveStock', ...key, reservationId: `order_${n}`, quantity },
            state,
            TEST_NOW,
          );
          expect(isRejection(decision), 'refused only what there is not').to.equal(availableOf(state) < quantity);
          if (!isRejection(decision)) state = fold(stockItem, state, decision, TEST_NOW);
        }
        expect(state.reserved).to.be.at.most(onHand);
      }),
    );
  });

  it('vendurehq/vendure#3508: the last item is sold once', () => {
    const one = played(stockItem.initialState, [
      { type: 'ReceiveStock', ...key, productId: 'product_mug', movementId: 'm', quantity: 1 },
      { type: 'ReserveStock', ...key, reservationId: 'order_1', quantity: 1 },
    ]);
    expect(
      stockItem.decide({ type: 'ReserveStock', ...key, reservationId: 'order_2', quantity: 1 }, one, TEST_NOW),
    ).to.include({ rejected: 'out_of_stock' });
  });

  it('saleor/saleor#11257: an unpaid reservation expires by itself, and reserved never goes below zero', () => {
    const held = played(stockItem.initialState, [
      { type: 'ReceiveStock', ...key, productId: 'product_mug', movementId: 'm', quantity: 3 },
      { type: 'ReserveStock', ...key, reservationId: 'order_1', quantity: 3, expiresAt: TEST_NOW },
      { type: 'ExpireReservation', ...key, reservationId: 'order_1' },
    ]);
    expect(held).to.include({ reserved: 0, onHand: 3 });
    const released = played(held, [
      { type: 'ReleaseReservation', ...key, reservationId: 'order_1' },
      { type: 'ReleaseReservation', ...key, reservationId: 'order_1' },
    ]);
    expect(released).to.deep.include({ reserved: 0, onHand: 3, reservations: {} });
  });

  it('takes little space after a long time of sales', () => {
    let state = played(stockItem.initialState, [
      { type: 'ReceiveStock', ...key, productId: 'product_mug', movementId: 'm', quantity: 1_000 },
    ]);
    for (let n = 0; n < 1_000; n++) {
      const id = { ...key, reservationId: `order_${n}` };
      const sold: StockCommand[] = [
        { type: 'ReserveStock', ...id, quantity: 1 },
        { type: 'CommitReservation', ...id },
        { type: 'ShipReservation', ...id, operationId: `shipment_${n}` },
      ];
      state = played(state, sold, TEST_NOW + n * 60_000);
    }
    // Ids of the last half hour, and ids in the same batches.
    expect(JSON.stringify(state).length).to.be.lessThan(10_000);
  });

  it('takes little space while thousands of sold units wait to be sent: those belong to their orders', () => {
    let state = played(stockItem.initialState, [
      { type: 'ReceiveStock', ...key, productId: 'product_mug', movementId: 'm', quantity: 3_000 },
    ]);
    for (let n = 0; n < 3_000; n++) {
      const id = { ...key, reservationId: `order_${n}` };
      const sold: StockCommand[] = [
        { type: 'ReserveStock', ...id, quantity: 1 },
        { type: 'CommitReservation', ...id },
      ];
      state = played(state, sold, TEST_NOW + n * 60_000);
    }
    expect(state.committed).to.equal(3_000);
    expect(JSON.stringify(state).length).to.be.lessThan(10_000);
  });

  it('changes fast while thousands of orders wait to be sent: few of the others are copied', () => {
    const reserve = (n: number): StockCommand => ({
      type: 'ReserveStock',
      ...key,
      reservationId: `order_${n}`,
      quantity: 1,
    });
    const before = played(stockItem.initialState, [
      { type: 'ReceiveStock', ...key, productId: 'product_mug', movementId: 'm', quantity: 4_000 },
      ...Array.from({ length: 3_000 }, (_, n) => reserve(n)),
    ]);
    const after = played(before, [reserve(3_000)]);
    const copied = Object.entries(after.reservations).filter(([name, bucket]) => before.reservations[name] !== bucket);
    expect(copied).to.have.length(1);
    const sizes = Object.values(after.reservations).map((bucket) => Object.keys(bucket).length);
    expect(Math.max(...sizes)).to.be.lessThan(50);
  });
});

function played(from: StockItem, sequence: readonly StockCommand[], now = TEST_NOW): StockItem {
  return sequence.reduce((state, command) => {
    const decision = stockItem.decide(command, state, now);
    if (isRejection(decision)) throw new Error(decision.detail);
    return fold(stockItem, state, decision, now);
  }, from);
}

/** The state of a reservation by the events alone; `since` in ms of the log's clock. */
interface Promised {
  quantity: number;
  at: 'reserved' | 'parked' | 'committed' | 'ended';
  since: number;
}

/** Facts (found, lost or counted units) are never rejected because of promises. All other commands keep the promises. */
const FACTS: readonly StockCommand['type'][] = ['AdjustStock', 'CountStock'];

function playAgainstModel(sequence: readonly Issued[]): void {
  const promised = new Map<string, Promised>();
  /** The times at which ids of movements and operations acted. */
  const acted = new Map<string, number>();
  let state = stockItem.initialState;
  let onHand = 0;
  let committed = 0;
  let shortfall = 0;
  let inStock = false;
  let low = false;
  let now = TEST_NOW;

  /** An id acts once. It may act again only after the horizon, when nobody can repeat it any more. */
  const actsOnce = (id: string) => {
    expect(now - (acted.get(id) ?? Number.NEGATIVE_INFINITY), `${id} acted before`).to.be.greaterThan(RETRY_HORIZON_MS);
    acted.set(id, now);
  };

  const stand = (reservationId: string, at: Promised['at'], quantity = promised.get(reservationId)?.quantity ?? 0) =>
    promised.set(reservationId, { quantity, at, since: now });

  /** Orders decide about their committed units. Each of their operations takes units once. */
  const take = ({ data }: { data: { reservationId: string; quantity: number; operationId?: string | undefined } }) => {
    const { reservationId, quantity, operationId } = data;
    if (operationId) actsOnce(`${operationId} of ${reservationId}`);
    committed -= quantity;
    expect(committed, 'nothing is taken out of nothing').to.be.at.least(0);
    if (!operationId) stand(reservationId, 'ended');
  };

  const record = (event: StockEvent) => {
    switch (event.type) {
      case 'StockReceived':
      case 'StockTransferredIn':
      case 'StockReturned':
        actsOnce(event.data.movementId);
        onHand += event.data.quantity;
        break;
      case 'StockTransferredOut':
        actsOnce(event.data.movementId);
        onHand -= event.data.quantity;
        break;
      case 'StockAdjusted':
        actsOnce(event.data.movementId);
        onHand += event.data.delta;
        break;
      case 'StockCounted':
        actsOnce(event.data.movementId);
        onHand = event.data.quantity;
        break;
      case 'StockWrittenOff':
        actsOnce(event.data.movementId);
        break;
      case 'StockReserved': {
        const { reservationId, quantity } = event.data;
        const before = promised.get(reservationId);
        const forgotten = before && ['committed', 'ended'].includes(before.at) && now - before.since > RETRY_HORIZON_MS;
        expect(!before || forgotten, 'a reservation id acts once').to.equal(true);
        stand(reservationId, 'reserved', quantity);
        break;
      }
      case 'ReservationParked':
        expect(the(promised.get(event.data.reservationId)).at).to.equal('reserved');
        stand(event.data.reservationId, 'parked');
        break;
      case 'ReservationCommitted': {
        const held = the(promised.get(event.data.reservationId));
        expect(held).to.include({ quantity: event.data.quantity });
        expect(held.at).to.be.oneOf(['reserved', 'parked']);
        committed += event.data.quantity;
        stand(event.data.reservationId, 'committed');
        break;
      }
      case 'ReservationExpired': {
        const held = promised.get(event.data.reservationId);
        const isHeld = held?.at === 'reserved' || held?.at === 'parked';
        expect(event.data.quantity, 'or a tombstone').to.equal(isHeld ? held.quantity : 0);
        stand(event.data.reservationId, 'ended');
        break;
      }
      case 'StockShipped':
        take(event);
        onHand -= event.data.quantity;
        break;
      case 'ReservationReleased':
        if (event.data.committed) take(event);
        else stand(event.data.reservationId, 'ended');
        break;
      case 'StockShortfallRecorded':
      case 'StockShortfallEnded': {
        const units = event.type === 'StockShortfallRecorded' ? event.data.shortfall : 0;
        expect(units, 'says only what is new').not.to.equal(shortfall);
        shortfall = units;
        break;
      }
      case 'StockReplenished':
      case 'StockDepleted':
        expect(inStock, 'says only what is new').to.equal(event.type === 'StockDepleted');
        inStock = !inStock;
        break;
      case 'LowStockReached':
        expect(low, 'is told once on the way down').to.equal(false);
        break;
      case 'StockItemOpened':
      case 'StockPolicySet':
      case 'ReservationExtended':
        break;
    }
  };

  for (const { after, command } of sequence) {
    now += after;
    const before = state;
    const decision = stockItem.decide(command, state, now);
    if (isRejection(decision)) {
      if (command.type === 'CountStock') throw new Error(`A count is never refused: ${decision.detail}`);
      if (command.type === 'AdjustStock') expect(-command.delta, 'a loss of what is there').to.be.greaterThan(onHand);
      continue;
    }
    state = fold(stockItem, state, decision, now);
    decision.forEach(record);

    const total = (...at: Promised['at'][]) =>
      [...promised.values()].reduce((all, p) => all + (at.includes(p.at) ? p.quantity : 0), 0);
    const reserved = total('reserved', 'parked');
    expect(state).to.include({ onHand, reserved, parked: total('parked'), committed, shortfall });
    expect(onHand, 'what is there is never less than nothing').to.be.at.least(0);
    if (!FACTS.includes(command.type)) {
      const least = Math.min(0, promisableOf(before));
      expect(promisableOf(state), 'no promise takes available below −backorderLimit').to.be.at.least(least);
    }
    const { lowStockAt, backorderLimit = 0 } = state.policy;
    if (state.productId !== null) expect(shortfall).to.equal(Math.max(0, committed - onHand - backorderLimit));
    expect(inStock).to.equal(promisableOf(state) > 0);
    const isLow = lowStockAt !== undefined && availableOf(state) <= lowStockAt;
    const told = decision.some(({ type }) => type === 'LowStockReached');
    if (state.productId !== null) expect(told, 'is told exactly when it gets low').to.equal(isLow && !low);
    low = isLow;
  }
}
