import { expect } from 'chai';
import { decider, fold, issuedTwiceChangesNothing, TEST_NOW } from '../../test/domain/given-when-then.js';
import { RETRY_HORIZON_MS } from '../kernel/limits.js';
import { MAX_QUANTITY, type StockEvent } from './events.js';
import {
  availableOf,
  heldByCheckoutsOf,
  heldFor,
  promisableOf,
  refusalToSell,
  type StockCommand,
  stockItem,
  stockStream,
} from './stock-item.js';

const key = { sku: 'MUG-1', location: 'main' };
const item = { ...key, productId: 'product_mug' };
const id = { ...key, reservationId: 'order_1' };

const opened: StockEvent = { type: 'StockItemOpened', data: item };
const delivery = { reason: 'found', cost: { amount: 350, currency: 'EUR' }, supplier: 'Hearth', lot: 'L7' };
const received: StockEvent = { type: 'StockReceived', data: { ...key, movementId: 'receipt', quantity: 5 } };
const reserved: StockEvent = { type: 'StockReserved', data: { ...id, quantity: 3 } };
const committed: StockEvent = { type: 'ReservationCommitted', data: { ...id, quantity: 3 } };
const shipped: StockEvent = { type: 'StockShipped', data: { productId: 'product_mug', ...id, quantity: 3 } };
const released: StockEvent = { type: 'ReservationReleased', data: { ...id, quantity: 3 } };
const tombstone: StockEvent = { type: 'ReservationReleased', data: { ...id, quantity: 0 } };
const depleted: StockEvent = { type: 'StockDepleted', data: item };
const replenished: StockEvent = { type: 'StockReplenished', data: item };

const receive: StockCommand = { type: 'ReceiveStock', ...item, movementId: 'receipt', quantity: 5 };
const reserve = { type: 'ReserveStock', ...id, quantity: 3 } as const;
const commit = { type: 'CommitReservation', ...id } as const;
const release = { type: 'ReleaseReservation', ...id } as const;
const expire = { type: 'ExpireReservation', ...id } as const;
const ship = { type: 'ShipReservation', ...id } as const;

describe('Stock', () => {
  const { given } = decider(stockItem);

  it('has a stream for each SKU and location', () => {
    expect(stockStream(key)).to.equal('stock#MUG-1@main');
  });

  it('is opened by its first movement, whatever that is', () => {
    given([]).when(receive).then([opened, received, replenished]);
    given([opened])
      .when({ ...receive, type: 'ReceiveStock', quantity: 1, ...delivery })
      .then([
        { type: 'StockReceived', data: { ...key, movementId: 'receipt', quantity: 1, ...delivery } },
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

  it('records units that came and left earlier, whatever is here and promised, and leaves that as it is', () => {
    const shipAtOnce = { type: 'ShipAtOnce', ...id, reservationId: 'order_2', quantity: 7 } as const;
    const passed: StockEvent[] = [
      { type: 'StockReceived', data: { ...key, movementId: 'order_2', quantity: 7 } },
      {
        type: 'StockShipped',
        data: { productId: 'product_mug', ...key, reservationId: 'order_2', quantity: 7, atOnce: true },
      },
    ];
    given([opened]).when(shipAtOnce).then(passed);
    const before = [opened, received, reserved, committed];
    given(before).when(shipAtOnce).then(passed);
    given([...before, ...passed])
      .when(shipAtOnce)
      .then([]);
    const { acted: _, ...levels } = given(before).state;
    expect(given([...before, ...passed]).state).to.deep.include(levels);
  });

  it('ships nothing at once of a SKU that was never opened, nor more than one movement allows', () => {
    given([])
      .when({ type: 'ShipAtOnce', ...id, quantity: 1 })
      .thenRejected('rule_violated');
    given([opened])
      .when({ type: 'ShipAtOnce', ...id, quantity: MAX_QUANTITY + 1 })
      .thenRejected('rule_violated');
  });

  it('knows the units of a reservation that can still be taken elsewhere', () => {
    const held = (...events: StockEvent[]) => heldFor(given([opened, received, ...events]).state, id.reservationId);
    expect(held()).to.equal(0);
    expect(held(reserved)).to.equal(3);
    expect(held(reserved, committed)).to.equal(0);
    expect(held(reserved, { type: 'ReservationExpired', data: { ...id, quantity: 3 } })).to.equal(0);
    expect(held({ type: 'StockReserved', data: { ...id, reservationId: 'order_2', quantity: 3 } })).to.equal(0);
  });

  it('reports when no units are left, and when there are some again', () => {
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

  it('records losses and counts, even of promised units, and then the shortfall', () => {
    const lose = { type: 'AdjustStock', ...item, movementId: 'a', delta: -3, reason: 'fire' } as const;
    const lost: StockEvent = { type: 'StockAdjusted', data: { ...key, movementId: 'a', delta: -3, reason: 'fire' } };
    const count = { type: 'CountStock', ...item, movementId: 'c', quantity: 1 } as const;
    const counted: StockEvent = { type: 'StockCounted', data: { ...key, movementId: 'c', delta: -4, quantity: 1 } };
    const missing = (shortfall: number): StockEvent => ({
      type: 'StockShortfallRecorded',
      data: { ...item, shortfall },
    });
    const ended: StockEvent = { type: 'StockShortfallEnded', data: item };
    const sold = [opened, received, reserved, committed];
    given([opened, received, reserved]).when(lose).then([lost, depleted]);
    given(sold)
      .when(lose)
      .then([lost, depleted, missing(1)]);
    given(sold)
      .when(count)
      .then([counted, depleted, missing(2)]);
    const short = [...sold, counted, depleted, missing(2)];
    given(short)
      .when({ ...receive, movementId: 'more', quantity: 1 })
      .then([{ type: 'StockReceived', data: { ...key, movementId: 'more', quantity: 1 } }, missing(1)]);
    given(short)
      .when({ ...release, operationId: 'c', quantity: 2 })
      .then([{ type: 'ReservationReleased', data: { ...id, operationId: 'c', quantity: 2, committed: true } }, ended]);
    given(short)
      .when({ type: 'SetStockPolicy', ...item, backorderLimit: 2 })
      .then([{ type: 'StockPolicySet', data: { ...item, backorderLimit: 2 } }, ended]);
    given(short)
      .when({ type: 'SetStockPolicy', ...item, backorderLimit: 0, lowStockAt: 0 })
      .then([
        { type: 'StockPolicySet', data: { ...item, lowStockAt: 0 } },
        { type: 'LowStockReached', data: { ...item, available: -2, lowStockAt: 0 } },
      ]);
  });

  it('rejects a loss of more than there is, and a transfer of promised units: the one is a mistake, the other a plan', () => {
    const lose = { type: 'AdjustStock', ...item, movementId: 'a', delta: -6, reason: 'fire' } as const;
    const send = { type: 'TransferOut', ...item, movementId: 't', quantity: 3, to: 'leeds' } as const;
    given([opened, received]).when(lose).thenRejected('rule_violated');
    given([opened, received, reserved]).when(send).thenRejected('rule_violated');
    given([opened, received])
      .when({ ...send, quantity: 6 })
      .thenRejected('rule_violated');
  });

  it('says before a sale if the units of a reservation were lost since; earlier commitments go first', () => {
    const other = { ...id, reservationId: 'order_2' };
    const held: StockEvent = { type: 'StockReserved', data: { ...other, quantity: 2 } };
    const lost: StockEvent = { type: 'StockAdjusted', data: { ...key, movementId: 'a', delta: -2, reason: 'fire' } };
    const history = [opened, received, reserved, held, lost];
    for (const reservation of [id, other]) {
      expect(refusalToSell(given(history).state, reservation)).to.equal(undefined);
    }
    const refusal = refusalToSell(given([...history, committed]).state, other);
    expect(refusal).to.deep.include({ rejected: 'out_of_stock', facts: { available: { 'MUG-1': 0 } } });
    const backorders: StockEvent = { type: 'StockPolicySet', data: { ...item, backorderLimit: 2 } };
    expect(refusalToSell(given([...history, committed, backorders]).state, other)).to.equal(undefined);
    expect(refusalToSell(given([opened, received]).state, id)).to.include({ rejected: 'conflict' });
    given([...history, committed])
      .when({ ...commit, reservationId: 'order_2' })
      .then([
        { type: 'ReservationCommitted', data: { ...other, quantity: 2 } },
        { type: 'StockShortfallRecorded', data: { ...item, shortfall: 2 } },
      ]);
  });

  it('that was shipped must have been there, whatever the records said', () => {
    const none: StockEvent = { type: 'StockCounted', data: { ...key, movementId: 'c', delta: -5, quantity: 0 } };
    const short: StockEvent = { type: 'StockShortfallRecorded', data: { ...item, shortfall: 3 } };
    const reason = 'sent, although fewer were recorded';
    given([opened, received, reserved, committed, none, depleted, short])
      .when({ ...ship, operationId: 's', quantity: 3 })
      .then([
        { type: 'StockAdjusted', data: { ...key, movementId: 's of order_1: found', delta: 3, reason } },
        { type: 'StockShipped', data: { productId: 'product_mug', ...id, operationId: 's', quantity: 3 } },
        { type: 'StockShortfallEnded', data: item },
      ]);
  });

  it('distinguishes units of running checkouts from units that wait for the customer or the provider', () => {
    const parked: StockEvent = { type: 'ReservationParked', data: id };
    given([opened, received, reserved])
      .when({ type: 'ParkReservation', ...id })
      .then([parked]);
    given([opened, received, reserved, parked])
      .when({ type: 'ParkReservation', ...id })
      .then([]);
    given([opened, received])
      .when({ type: 'ParkReservation', ...id })
      .then([]);
    const held = (...events: StockEvent[]) => heldByCheckoutsOf(given([opened, received, ...events]).state);
    expect(held(reserved)).to.equal(3);
    expect(held(reserved, parked)).to.equal(0);
    expect(held(reserved, parked, committed)).to.equal(0);
    expect(given([opened, received, reserved, parked, committed]).state.parked).to.equal(0);
    expect(given([opened, received, reserved, parked, released]).state.parked).to.equal(0);
  });

  it('keeps the sum of the committed units, and lets orders say which of them they send or release', () => {
    const state = { ...given([opened, received, reserved, committed]).state, acted: [] };
    const shipped = stockItem.decide({ ...ship, operationId: 's', quantity: 3 }, state, TEST_NOW);
    expect(shipped).to.deep.equal([
      { type: 'StockShipped', data: { productId: 'product_mug', ...id, operationId: 's', quantity: 3 } },
    ]);
    expect(stockItem.decide({ ...ship, operationId: 's', quantity: 4 }, state, TEST_NOW)).to.include({
      rejected: 'conflict',
    });
    expect(JSON.stringify(state)).not.to.include('order_1');
  });

  it('can be counted with the number that the counter expected', () => {
    const count = { type: 'CountStock', ...item, movementId: 'c', quantity: 4 } as const;
    given([opened, received])
      .when({ ...count, expected: 6 })
      .thenRejected('conflict');
    given([opened, received])
      .when({ ...count, expected: 5 })
      .then([{ type: 'StockCounted', data: { ...key, movementId: 'c', delta: -1, quantity: 4 } }]);
  });

  it('rejects a count or a reservation of more units than one movement allows, even if there are as many', () => {
    const full = (movementId: string): StockEvent => {
      return { type: 'StockReceived', data: { ...key, movementId, quantity: MAX_QUANTITY } };
    };
    const twice = [opened, full('m1'), full('m2')];
    given(twice)
      .when({ type: 'CountStock', ...item, movementId: 'c', quantity: MAX_QUANTITY - 1 })
      .thenRejected('rule_violated');
    given(twice)
      .when({ ...reserve, quantity: MAX_QUANTITY })
      .then([{ type: 'StockReserved', data: { ...id, quantity: MAX_QUANTITY } }]);
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
    expect(left).to.deep.equal({
      productId: 'product_mug',
      onHand: 2,
      reserved: 0,
      parked: 0,
      committed: 0,
      shortfall: 0,
      policy: {},
      reservations: {},
    });
  });

  it('is released, before or after the commitment', () => {
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

  it('is released when the reservation expires, unless it is committed', () => {
    const limited: StockEvent = { type: 'StockReserved', data: { ...id, quantity: 3, expiresAt: TEST_NOW } };
    const expired: StockEvent = { type: 'ReservationExpired', data: { ...id, quantity: 3 } };
    given([opened, received, limited])
      .when(expire, TEST_NOW - 1)
      .thenRejected('rule_violated');
    given([opened, received, limited]).when(expire, TEST_NOW).then([expired]);
    given([opened, received, reserved]).when(expire).thenRejected('rule_violated');
    given([opened, received, limited, committed]).when(expire).then([]);
    given([opened, received, limited, expired]).when(expire).then([]);
    given([opened, received, limited, expired]).when(reserve).thenRejected('conflict');
    expect(given([opened, received, limited, expired]).state).to.include({ onHand: 5, reserved: 0 });
    given([opened, received, limited, expired]).when(release).then([]);
    given([opened, received, limited, expired]).when(commit).thenRejected('conflict');
    expect(given([opened, received, limited, expired]).state.reservations).to.deep.equal({});
  });

  it('is committed in the reserved quantity', () => {
    given([opened, received, reserved])
      .when({ type: 'CommitReservation', ...id, quantity: 2 })
      .thenRejected('conflict');
    given([opened, received, reserved])
      .when({ type: 'CommitReservation', ...id, quantity: 3 })
      .then([committed]);
  });

  it('is held longer when the reservation is extended; an extension never shortens it', () => {
    const limited: StockEvent = { type: 'StockReserved', data: { ...id, quantity: 3, expiresAt: TEST_NOW } };
    const extend = { type: 'ExtendReservation', ...id, expiresAt: TEST_NOW + 5 } as const;
    const extended: StockEvent = { type: 'ReservationExtended', data: { ...id, expiresAt: TEST_NOW + 5 } };
    const history = [opened, received, limited];
    given(history).when(extend).then([extended]);
    given([...history, extended])
      .when(expire, TEST_NOW + 4)
      .thenRejected('rule_violated');
    given([...history, extended])
      .when(expire, TEST_NOW + 5)
      .then([{ type: 'ReservationExpired', data: { ...id, quantity: 3 } }]);
    given(history)
      .when({ ...extend, expiresAt: TEST_NOW - 1 })
      .then([]);
    given([opened, received, reserved]).when(extend).then([]);
    given([...history, committed])
      .when(extend)
      .then([]);
    given([...history, committed, shipped])
      .when(extend)
      .then([]);
    for (const end of [released, { ...released, type: 'ReservationExpired' } as const]) {
      given([...history, end])
        .when(extend)
        .thenRejected('conflict');
    }
    given([opened, received]).when(extend).thenRejected('conflict');
  });

  it('leaves in parts, each once for its shipment or cancellation', () => {
    const shipPart = (operationId: string, quantity: number): StockCommand => ({ ...ship, operationId, quantity });
    const partShipped = (operationId: string, quantity: number): StockEvent => {
      return { type: 'StockShipped', data: { productId: 'product_mug', ...id, operationId, quantity } };
    };
    const partReleased: StockEvent = {
      type: 'ReservationReleased',
      data: { ...id, operationId: 'cancellation_1', quantity: 1, committed: true },
    };
    const cancel: StockCommand = { ...release, operationId: 'cancellation_1', quantity: 1 };
    const history = [opened, received, reserved, committed];
    const first = partShipped('shipment_1', 1);
    const last = partShipped('shipment_2', 1);

    given(history).when(shipPart('shipment_1', 1)).then([first]);
    given([...history, first])
      .when(shipPart('shipment_1', 1), TEST_NOW + 2 * RETRY_HORIZON_MS)
      .then([]);
    given([...history, first])
      .when(shipPart('shipment_2', 3))
      .thenRejected('conflict');
    given([...history, first])
      .when({ ...release, operationId: 'cancellation_1', quantity: 3 })
      .thenRejected('conflict');
    given([...history, first])
      .when(cancel)
      .then([partReleased]);
    given([...history, first, partReleased])
      .when({ ...ship, operationId: 'shipment_2' })
      .then([last]);
    given([...history, first])
      .when(ship)
      .then([{ type: 'StockShipped', data: { productId: 'product_mug', ...id, quantity: 2 } }]);
    for (const repeat of [reserve, commit])
      given([...history, first])
        .when(repeat)
        .then([]);

    const all = [...history, first, partReleased, last];
    for (const repeat of [shipPart('shipment_1', 1), shipPart('shipment_2', 1), cancel, ship]) {
      given(all).when(repeat).then([]);
    }
    given(all).when(shipPart('shipment_3', 1)).thenRejected('conflict');
    given(all)
      .when({ ...release, operationId: 'cancellation_2', quantity: 1 })
      .thenRejected('conflict');
    const { acted, ...rest } = given(all).state;
    expect(rest).to.deep.equal({
      productId: 'product_mug',
      onHand: 3,
      reserved: 0,
      parked: 0,
      committed: 0,
      shortfall: 0,
      policy: {},
      reservations: {},
    });
  });

  it('is committed first if its order ships or releases a part before the commitment has arrived', () => {
    const history = [opened, received, reserved];
    const part = { operationId: 'o', quantity: 1 };
    const sent: StockEvent = { type: 'StockShipped', data: { productId: 'product_mug', ...id, ...part } };
    given(history)
      .when({ ...ship, ...part })
      .then([committed, sent]);
    given(history)
      .when({ ...release, ...part })
      .then([committed, { type: 'ReservationReleased', data: { ...id, ...part, committed: true } }]);
    given([...history, committed, sent])
      .when(commit)
      .then([]);
    given(history)
      .when({ ...ship, ...part, quantity: 4 })
      .thenRejected('conflict');
    given([opened, received])
      .when({ ...release, ...part })
      .thenRejected('conflict');
    given(history)
      .when({ ...release, operationId: 'o' })
      .then([{ type: 'ReservationReleased', data: { ...id, operationId: 'o', quantity: 3 } }]);
  });

  it('goes to another location: out here, in there, under one movement id', () => {
    const out = { type: 'TransferOut', ...item, movementId: 't', quantity: 2, to: 'leeds' } as const;
    const away: StockEvent = {
      type: 'StockTransferredOut',
      data: { ...item, movementId: 't', quantity: 2, to: 'leeds' },
    };
    given([opened, received]).when(out).then([away]);
    given([opened, received, reserved, committed])
      .when({ ...out, quantity: 3 })
      .thenRejected('rule_violated');
    given([]).when(out).thenRejected('rule_violated');
    expect(given([opened, received, away]).state.onHand).to.equal(3);

    const there = { sku: 'MUG-1', location: 'leeds' };
    given([])
      .when({ type: 'TransferIn', ...item, ...there, movementId: 't', quantity: 2, from: 'main' })
      .then([
        { type: 'StockItemOpened', data: { ...item, ...there } },
        { type: 'StockTransferredIn', data: { ...there, movementId: 't', quantity: 2, from: 'main' } },
        { type: 'StockReplenished', data: { ...item, ...there } },
      ]);
  });

  it('comes back from a customer and is restocked or written off', () => {
    const returnTwo = { type: 'ReturnStock', ...key, movementId: 'return_1', quantity: 2, writtenOff: false } as const;
    const returned: StockEvent = { type: 'StockReturned', data: { ...key, movementId: 'return_1', quantity: 2 } };
    const writtenOff: StockEvent = { type: 'StockWrittenOff', data: { ...key, movementId: 'return_1', quantity: 2 } };
    given([opened]).when(returnTwo).then([returned, replenished]);
    given([opened])
      .when({ ...returnTwo, writtenOff: true })
      .then([writtenOff]);
    given([opened, writtenOff]).when(returnTwo).then([]);
    given([]).when(returnTwo).thenRejected('rule_violated');
    expect(given([opened, received, returned]).state.onHand).to.equal(7);
    expect(given([opened, received, writtenOff]).state.onHand).to.equal(5);
  });

  it('can be promised up to its backorder limit, which then counts as available', () => {
    const policy = (backorderLimit: number): StockEvent => ({
      type: 'StockPolicySet',
      data: { ...item, backorderLimit },
    });
    given([])
      .when({ type: 'SetStockPolicy', ...item, backorderLimit: 2 })
      .then([opened, policy(2), replenished]);
    given([opened, received, policy(2)])
      .when({ ...reserve, quantity: 7 })
      .then([{ type: 'StockReserved', data: { ...id, quantity: 7 } }, depleted]);
    given([opened, received, policy(2)])
      .when({ ...reserve, quantity: 8 })
      .thenRejected('out_of_stock', { available: { 'MUG-1': 7 } });
    const owing = [opened, received, policy(2), { type: 'StockReserved', data: { ...id, quantity: 6 } } as const];
    expect(availableOf(given(owing).state)).to.equal(-1);
    expect(promisableOf(given(owing).state)).to.equal(1);
    given(owing)
      .when({ type: 'SetStockPolicy', ...item, backorderLimit: 0 })
      .thenRejected('rule_violated');
    given(owing)
      .when({ type: 'SetStockPolicy', ...item, backorderLimit: 1 })
      .then([policy(1), depleted]);
    given(owing)
      .when({ type: 'SetStockPolicy', ...item, backorderLimit: 2 })
      .then([]);
  });

  it('rejects a loss of more than is on hand, whatever the backorder limit', () => {
    const history: StockEvent[] = [opened, received, { type: 'StockPolicySet', data: { ...item, backorderLimit: 9 } }];
    const lose = { type: 'AdjustStock', ...item, movementId: 'a', reason: 'lost' } as const;
    given(history)
      .when({ ...lose, delta: -6 })
      .thenRejected('rule_violated');
    given(history)
      .when({ ...lose, delta: -5 })
      .then([{ type: 'StockAdjusted', data: { ...key, movementId: 'a', delta: -5, reason: 'lost' } }]);
  });

  it('warns when it falls to the low-stock level, and again only after it was above', () => {
    const mark: StockEvent = { type: 'StockPolicySet', data: { ...item, lowStockAt: 2 } };
    const low = (available: number): StockEvent => ({
      type: 'LowStockReached',
      data: { ...item, available, lowStockAt: 2 },
    });
    const one: StockEvent = { type: 'StockReserved', data: { ...key, reservationId: 'order_2', quantity: 1 } };
    const history = [opened, received, mark];
    given(history)
      .when({ ...reserve, quantity: 2 })
      .then([{ type: 'StockReserved', data: { ...id, quantity: 2 } }]);
    given(history)
      .when(reserve)
      .then([reserved, low(2)]);
    given([...history, reserved])
      .when({ ...reserve, reservationId: 'order_2', quantity: 1 })
      .then([one]);
    given([...history, reserved, one])
      .when({ ...release, reservationId: 'order_2' })
      .then([{ type: 'ReservationReleased', data: one.data as typeof id & { quantity: number } }]);
    given([...history, reserved, released])
      .when({ ...reserve, reservationId: 'order_2', quantity: 4 })
      .then([{ type: 'StockReserved', data: { ...key, reservationId: 'order_2', quantity: 4 } }, low(1)]);
    given([...history, reserved, released])
      .when({ ...reserve, reservationId: 'order_2', quantity: 5 })
      .then([{ type: 'StockReserved', data: { ...key, reservationId: 'order_2', quantity: 5 } }, depleted, low(0)]);
    given([opened, received, reserved])
      .when({ type: 'SetStockPolicy', ...item, lowStockAt: 2 })
      .then([mark, low(2)]);
    given([...history])
      .when({ type: 'SetStockPolicy', ...item })
      .then([{ type: 'StockPolicySet', data: item }]);
  });

  it('rejects a first reservation that arrives after its release or expiry', () => {
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

  it('lets each reservation end in one way only', () => {
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

  it('remembers a reservation that was shipped whole, even if its commitment is already forgotten', () => {
    const later = TEST_NOW + RETRY_HORIZON_MS + 1;
    const other: StockEvent = { type: 'StockReceived', data: { ...key, movementId: 'other', quantity: 1 } };
    const sold = fold(stockItem, stockItem.initialState, [opened, received, reserved, committed], TEST_NOW);
    const gone = fold(stockItem, sold, [other, shipped], later);
    expect(stockItem.decide(reserve, gone, later)).to.deep.equal([]);
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

  it('accepts any text as an id, even names of object members', () => {
    given([opened, received])
      .when({ ...reserve, reservationId: 'constructor' })
      .then([{ type: 'StockReserved', data: { ...key, reservationId: 'constructor', quantity: 3 } }]);
    const early: StockEvent = {
      type: 'ReservationExpired',
      data: { ...key, reservationId: 'constructor', quantity: 0 },
    };
    given([opened, received, early])
      .when({ ...reserve, reservationId: 'constructor' })
      .thenRejected('conflict');
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(stockItem, {
      OpenStockItem: { given: [], when: { type: 'OpenStockItem', ...item } },
      ReceiveStock: { given: [], when: { ...receive, type: 'ReceiveStock', quantity: 5 } },
      AdjustStock: { given: [], when: { type: 'AdjustStock', ...item, movementId: 'a', delta: 1, reason: 'found' } },
      CountStock: { given: [], when: { type: 'CountStock', ...item, movementId: 'c', quantity: 3, expected: 0 } },
      ReserveStock: { given: [opened, received], when: reserve },
      ParkReservation: { given: [opened, received, reserved], when: { type: 'ParkReservation', ...id } },
      CommitReservation: { given: [opened, received, reserved], when: { type: 'CommitReservation', ...id } },
      ReleaseReservation: { given: [], when: { type: 'ReleaseReservation', ...id } },
      ExpireReservation: { given: [], when: { type: 'ExpireReservation', ...id } },
      ShipReservation: { given: [opened, received, reserved, committed], when: { type: 'ShipReservation', ...id } },
      ExtendReservation: {
        given: [opened, received, { type: 'StockReserved', data: { ...id, quantity: 3, expiresAt: 1 } }],
        when: { type: 'ExtendReservation', ...id, expiresAt: 2 },
      },
      TransferOut: {
        given: [opened, received],
        when: { type: 'TransferOut', ...item, movementId: 't', quantity: 1, to: 'leeds' },
      },
      TransferIn: { given: [], when: { type: 'TransferIn', ...item, movementId: 't', quantity: 1, from: 'leeds' } },
      ReturnStock: {
        given: [opened],
        when: { type: 'ReturnStock', ...key, movementId: 'r', quantity: 1, writtenOff: true },
      },
      SetStockPolicy: { given: [], when: { type: 'SetStockPolicy', ...item, backorderLimit: 1, lowStockAt: 1 } },
      ShipAtOnce: { given: [opened], when: { type: 'ShipAtOnce', ...id, quantity: 3 } },
    });
  });
});
