import { expect } from 'chai';
import fc from 'fast-check';
import { isRejection } from '../kernel/errors.js';
import { RETRY_HORIZON_MS } from '../kernel/limits.js';
import { decider, fold, issuedTwiceChangesNothing, TEST_NOW } from '../testing/given-when-then.js';
import { MAX_QUANTITY, type StockEvent } from './events.js';
import { availableOf, type StockCommand, type StockItem, stockItem, stockStream } from './stock-item.js';

const key = { sku: 'MUG-1', location: 'main' };
const item = { ...key, productId: 'product_mug' };
const id = { ...key, reservationId: 'order_1' };

const opened: StockEvent = { type: 'StockItemOpened', data: item };
const received: StockEvent = { type: 'StockReceived', data: { ...key, movementId: 'receipt', quantity: 5 } };
const reserved: StockEvent = { type: 'StockReserved', data: { ...id, quantity: 3 } };
const committed: StockEvent = { type: 'ReservationCommitted', data: { ...id, quantity: 3 } };
const shipped: StockEvent = { type: 'StockShipped', data: { ...id, quantity: 3 } };
const released: StockEvent = { type: 'ReservationReleased', data: { ...id, quantity: 3 } };
const tombstone: StockEvent = { type: 'ReservationReleased', data: { ...id, quantity: 0 } };
const depleted: StockEvent = { type: 'StockDepleted', data: item };
const replenished: StockEvent = { type: 'StockReplenished', data: item };

const receive: StockCommand = { type: 'ReceiveStock', ...item, movementId: 'receipt', quantity: 5 };
const reserve = { type: 'ReserveStock', ...id, quantity: 3 } as const;
const commit: StockCommand = { type: 'CommitReservation', ...id };
const release: StockCommand = { type: 'ReleaseReservation', ...id };
const expire: StockCommand = { type: 'ExpireReservation', ...id };
const ship: StockCommand = { type: 'ShipReservation', ...id };

describe('Stock', () => {
  const { given } = decider(stockItem);

  it('has a stream for each SKU and location', () => {
    expect(stockStream(key)).to.equal('stock#MUG-1@main');
  });

  it('is opened by its first movement, whatever that is', () => {
    given([]).when(receive).then([opened, received, replenished]);
    given([opened])
      .when({ ...receive, type: 'ReceiveStock', quantity: 1, reason: 'found' })
      .then([
        { type: 'StockReceived', data: { ...key, movementId: 'receipt', quantity: 1, reason: 'found' } },
        replenished,
      ]);
    given([])
      .when({ type: 'AdjustStock', ...item, movementId: 'a', delta: 1, reason: 'found' })
      .then([
        opened,
        { type: 'StockAdjusted', data: { ...key, movementId: 'a', delta: 1, reason: 'found' } },
        replenished,
      ]);
    given([])
      .when({ type: 'CountStock', ...item, movementId: 'c', quantity: 0 })
      .then([opened, { type: 'StockCounted', data: { ...key, movementId: 'c', delta: 0, quantity: 0 } }]);
  });

  it('says when none is left, and when there is some again', () => {
    given([opened, received])
      .when({ ...reserve, quantity: 5 })
      .then([{ type: 'StockReserved', data: { ...id, quantity: 5 } }, depleted]);
    given([opened, received]).when(reserve).then([reserved]);
    given([opened, received, { type: 'StockReserved', data: { ...id, quantity: 5 } }])
      .when(release)
      .then([{ type: 'ReservationReleased', data: { ...id, quantity: 5 } }, replenished]);
    given([opened, received])
      .when({ type: 'AdjustStock', ...item, movementId: 'a', delta: -5, reason: 'lost' })
      .then([{ type: 'StockAdjusted', data: { ...key, movementId: 'a', delta: -5, reason: 'lost' } }, depleted]);
  });

  it('is never promised twice', () => {
    given([opened, received])
      .when({ ...reserve, quantity: 6 })
      .thenRejected('out_of_stock', { available: { 'MUG-1': 5 } });
    given([opened, received, reserved])
      .when({ ...reserve, reservationId: 'order_2' })
      .thenRejected('out_of_stock', { available: { 'MUG-1': 2 } });
    given([])
      .when(reserve)
      .thenRejected('out_of_stock', { available: { 'MUG-1': 0 } });
  });

  it('cannot lose what is promised', () => {
    const lose = { type: 'AdjustStock', ...item, movementId: 'a', delta: -3, reason: 'lost' } as const;
    const count = { type: 'CountStock', ...item, movementId: 'c', quantity: 2 } as const;
    given([opened, received, reserved]).when(lose).thenRejected('rule_violated');
    given([opened, received, reserved, committed]).when(count).thenRejected('rule_violated');
    given([opened, received, reserved])
      .when({ ...count, quantity: 3 })
      .then([{ type: 'StockCounted', data: { ...key, movementId: 'c', delta: -2, quantity: 3 } }, depleted]);
  });

  it('is counted against what the counter expected', () => {
    const count = { type: 'CountStock', ...item, movementId: 'c', quantity: 4 } as const;
    given([opened, received])
      .when({ ...count, expected: 6 })
      .thenRejected('conflict');
    given([opened, received])
      .when({ ...count, expected: 5 })
      .then([{ type: 'StockCounted', data: { ...key, movementId: 'c', delta: -1, quantity: 4 } }]);
  });

  it('refuses a count or a reservation of more units than one movement has, even where there are as many', () => {
    const full = (movementId: string): StockEvent => {
      return { type: 'StockReceived', data: { ...key, movementId, quantity: MAX_QUANTITY } };
    };
    const twice = [opened, full('m1'), full('m2')];
    given(twice)
      .when({ type: 'CountStock', ...item, movementId: 'c', quantity: MAX_QUANTITY - 1 })
      .thenRejected('rule_violated');
    given(twice)
      .when({ ...reserve, quantity: MAX_QUANTITY + 1 })
      .thenRejected('rule_violated');
    given(twice)
      .when({ type: 'CountStock', ...item, movementId: 'c', quantity: MAX_QUANTITY })
      .then([
        { type: 'StockCounted', data: { ...key, movementId: 'c', delta: -MAX_QUANTITY, quantity: MAX_QUANTITY } },
      ]);
  });

  it('is reserved, committed and shipped', () => {
    given([opened, received])
      .when({ ...reserve, expiresAt: 7 })
      .then([{ type: 'StockReserved', data: { ...id, quantity: 3, expiresAt: 7 } }]);
    given([opened, received, reserved]).when(commit).then([committed]);
    given([opened, received, reserved, committed]).when(ship).then([shipped]);
    const { acted, ...left } = given([opened, received, reserved, committed, shipped]).state;
    expect(left).to.deep.equal({ productId: 'product_mug', onHand: 2, reserved: 0, committed: 0, reservations: {} });
  });

  it('is given back by a release, before or after the commitment', () => {
    const releasedLate: StockEvent = { type: 'ReservationReleased', data: { ...id, quantity: 3, committed: true } };
    given([opened, received, reserved]).when(release).then([released]);
    given([opened, received, reserved, committed]).when(release).then([releasedLate]);
    for (const history of [
      [reserved, released],
      [reserved, committed, releasedLate],
    ]) {
      const { onHand, reserved: r, committed: c } = given([opened, received, ...history]).state;
      expect([onHand, r, c]).to.deep.equal([5, 0, 0]);
    }
  });

  it('is given back when the reservation has run out, unless it is committed', () => {
    const limited: StockEvent = { type: 'StockReserved', data: { ...id, quantity: 3, expiresAt: TEST_NOW } };
    const expired: StockEvent = { type: 'ReservationExpired', data: { ...id, quantity: 3 } };
    given([opened, received, limited])
      .when(expire, TEST_NOW - 1)
      .thenRejected('rule_violated');
    given([opened, received, limited]).when(expire, TEST_NOW).then([expired]);
    given([opened, received, reserved]).when(expire).thenRejected('rule_violated');
    given([opened, received, limited, committed]).when(expire).then([]);
    given([opened, received, limited, expired]).when(commit).thenRejected('conflict');
    given([opened, received, limited, expired]).when(reserve).thenRejected('conflict');
    const { onHand, reserved: r, reservations } = given([opened, received, limited, expired]).state;
    expect([onHand, r, reservations]).to.deep.equal([5, 0, {}]);
  });

  it('refuses a late first reservation behind a release or an expiry that came before it', () => {
    given([opened, received]).when(release).then([tombstone]);
    given([opened, received, tombstone]).when(reserve).thenRejected('conflict');
    given([]).when(release).then([tombstone]);
    const early: StockEvent = { type: 'ReservationExpired', data: { ...id, quantity: 0 } };
    given([opened, received]).when(expire).then([early]);
    given([opened, received, early]).when(reserve).thenRejected('conflict');
    given([opened, received, tombstone])
      .when({ ...reserve, reservationId: 'order_2' })
      .then([{ type: 'StockReserved', data: { ...key, reservationId: 'order_2', quantity: 3 } }]);
  });

  it('lets each reservation go one way only', () => {
    const history = [opened, received, reserved];
    given(history)
      .when({ ...reserve, quantity: 2 })
      .thenRejected('conflict');
    given(history).when(ship).thenRejected('conflict');
    given([opened, received]).when(commit).thenRejected('conflict');
    given([opened, received]).when(ship).thenRejected('conflict');
    given([...history, released])
      .when(reserve)
      .thenRejected('conflict');
    given([...history, released])
      .when(commit)
      .thenRejected('conflict');
    given([...history, released])
      .when(ship)
      .thenRejected('conflict');
    given([...history, released])
      .when(expire)
      .then([]);
    given([...history, committed, shipped])
      .when(release)
      .thenRejected('conflict');
    for (const late of [reserve, commit, expire])
      given([...history, committed, shipped])
        .when(late)
        .then([]);
    given([...history, committed])
      .when(reserve)
      .then([]);
  });

  it('remembers ended reservations for the retry horizon, in batches', () => {
    const tombstones = Array.from({ length: 65 }, (_, n): StockEvent => {
      return { type: 'ReservationReleased', data: { ...key, reservationId: `order_${n}`, quantity: 0 } };
    });
    for (const reservationId of ['order_0', 'order_63', 'order_64']) {
      given([opened, received, ...tombstones])
        .when({ ...reserve, reservationId })
        .thenRejected('conflict');
    }
    const { acted } = given(tombstones).state;
    expect(acted.map(({ ids }) => Object.keys(ids).length)).to.deep.equal([64, 1]);
    const later = (ms: number) => fold(stockItem, given(tombstones).state, [received], TEST_NOW + ms).acted;
    expect(later(RETRY_HORIZON_MS).map(({ ids }) => Object.keys(ids).length)).to.deep.equal([64, 2]);
    expect(later(RETRY_HORIZON_MS + 1)).to.deep.equal([
      { lastAt: TEST_NOW + RETRY_HORIZON_MS + 1, ids: { receipt: 'moved' } },
    ]);
  });

  it('takes ids for what they are, even those that every object has', () => {
    given([opened, received])
      .when({ ...reserve, reservationId: 'constructor' })
      .then([{ type: 'StockReserved', data: { ...key, reservationId: 'constructor', quantity: 3 } }]);
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(stockItem, {
      ReceiveStock: { given: [], when: { ...receive, type: 'ReceiveStock', quantity: 5 } },
      AdjustStock: { given: [], when: { type: 'AdjustStock', ...item, movementId: 'a', delta: 1, reason: 'found' } },
      CountStock: { given: [], when: { type: 'CountStock', ...item, movementId: 'c', quantity: 3, expected: 0 } },
      ReserveStock: { given: [opened, received], when: reserve },
      CommitReservation: { given: [opened, received, reserved], when: { type: 'CommitReservation', ...id } },
      ReleaseReservation: { given: [], when: { type: 'ReleaseReservation', ...id } },
      ExpireReservation: { given: [], when: { type: 'ExpireReservation', ...id } },
      ShipReservation: { given: [opened, received, reserved, committed], when: { type: 'ShipReservation', ...id } },
    });
  });

  it('keeps every promise under any sequence of commands', () => {
    fc.assert(fc.property(fc.array(commands, { maxLength: 60, size: 'max' }), playAgainstModel), { numRuns: 300 });
  });
});

const commands: fc.Arbitrary<StockCommand> = (() => {
  const movement = { ...item, movementId: '' };
  const reservation = fc
    .constantFrom('order_1', 'order_2', 'order_3')
    .map((reservationId) => ({ ...key, reservationId }));
  const quantity = fc.integer({ min: 1, max: 6 });
  return fc.oneof(
    quantity.map((n): StockCommand => ({ type: 'ReceiveStock', ...movement, quantity: n })),
    fc
      .integer({ min: -6, max: 6 })
      .map((delta): StockCommand => ({ type: 'AdjustStock', ...movement, delta, reason: 'r' })),
    quantity.map((n): StockCommand => ({ type: 'CountStock', ...movement, quantity: n })),
    fc
      .tuple(reservation, quantity)
      .map(([r, n]): StockCommand => ({ type: 'ReserveStock', ...r, quantity: n, expiresAt: TEST_NOW })),
    reservation.map((r): StockCommand => ({ type: 'CommitReservation', ...r })),
    reservation.map((r): StockCommand => ({ type: 'ReleaseReservation', ...r })),
    reservation.map((r): StockCommand => ({ type: 'ExpireReservation', ...r })),
    reservation.map((r): StockCommand => ({ type: 'ShipReservation', ...r })),
  );
})();

/** The model: where each reservation stands, and what is on hand; nothing else is known to it. */
function playAgainstModel(sequence: readonly StockCommand[]): void {
  const promised = new Map<string, { quantity: number; at: 'reserved' | 'committed' | 'ended' }>();
  let onHand = 0;
  let state: StockItem = stockItem.initialState;
  let inStock = false;

  for (const [n, command] of sequence.entries()) {
    const unique = 'movementId' in command ? { ...command, movementId: `m${n}` } : command;
    const decision = stockItem.decide(unique, state, TEST_NOW);
    if (isRejection(decision)) continue;
    state = fold(stockItem, state, decision, TEST_NOW);

    for (const { type, data } of decision) {
      if (type === 'StockReceived') onHand += data.quantity;
      if (type === 'StockAdjusted') onHand += data.delta;
      if (type === 'StockCounted') onHand = data.quantity;
      if (type === 'StockReserved') {
        expect(promised.has(data.reservationId), 'a reservation id acts once').to.equal(false);
        promised.set(data.reservationId, { quantity: data.quantity, at: 'reserved' });
      }
      if (type === 'ReservationCommitted') {
        expect(promised.get(data.reservationId)).to.deep.equal({ quantity: data.quantity, at: 'reserved' });
        promised.set(data.reservationId, { quantity: data.quantity, at: 'committed' });
      }
      if (type === 'StockShipped') {
        expect(promised.get(data.reservationId)).to.deep.equal({ quantity: data.quantity, at: 'committed' });
        onHand -= data.quantity;
      }
      if (type === 'StockShipped' || type === 'ReservationReleased' || type === 'ReservationExpired') {
        const before = promised.get(data.reservationId);
        expect(before?.at, 'a reservation ends once').to.not.equal('ended');
        expect(data.quantity).to.equal(before?.quantity ?? 0);
        promised.set(data.reservationId, { quantity: 0, at: 'ended' });
      }
      if (type === 'StockReplenished' || type === 'StockDepleted') {
        expect(inStock).to.equal(type === 'StockDepleted');
        inStock = !inStock;
      }
    }

    const total = (at: string) => [...promised.values()].reduce((all, p) => all + (p.at === at ? p.quantity : 0), 0);
    expect(state).to.include({ onHand, reserved: total('reserved'), committed: total('committed') });
    expect(availableOf(state)).to.be.at.least(0);
    expect(inStock).to.equal(availableOf(state) > 0);
  }
}
