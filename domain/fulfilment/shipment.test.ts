import { expect } from 'chai';
import { decider, fold, issuedTwiceChangesNothing, TEST_NOW } from '../../test/domain/given-when-then.js';
import type { ShipmentEvent } from './events.js';
import { type Shipment, shipment, shipmentStatusOf } from './shipment.js';

const ids = { shipmentId: 'shipment_1', orderId: 'order_7' };
const lines = [{ lineId: '1', quantity: 2 }];
const location = 'york';
const plan = { type: 'PlanShipment', ...ids, location, lines, tracking: 'RM123' } as const;
const planned: ShipmentEvent = { type: 'ShipmentPlanned', data: { ...ids, location, lines, tracking: 'RM123' } };
const dispatched: ShipmentEvent = { type: 'ShipmentDispatched', data: ids };
const delivered: ShipmentEvent = { type: 'ShipmentDelivered', data: ids };
const reason = 'nobody at home';
const failed: ShipmentEvent = { type: 'ShipmentDeliveryFailed', data: { ...ids, reason } };
const lost: ShipmentEvent = { type: 'ShipmentLost', data: ids };

describe('A shipment', () => {
  const { given } = decider(shipment);

  it('is planned, dispatched and delivered', () => {
    given([])
      .when({ ...plan, lines: [...lines] })
      .then([planned]);
    given([planned]).when({ type: 'RecordDispatch' }).then([dispatched]);
    given([planned, dispatched]).when({ type: 'RecordDelivery' }).then([delivered]);
    given([planned, dispatched, delivered]).when({ type: 'RecordDispatch' }).then([]);
  });

  it('shows its contents, and when it left and arrived', () => {
    const left = given([planned, dispatched]).state;
    const shown = { ...ids, location, lines, tracking: 'RM123', status: 'dispatched', dispatchedAt: TEST_NOW };
    expect(left).to.deep.equal(shown);
    const arrived = fold(shipment, left, [delivered], TEST_NOW + 1);
    expect(arrived).to.deep.equal({ ...left, status: 'delivered', deliveredAt: TEST_NOW + 1 });
  });

  it('need not be tracked', () => {
    const untracked: ShipmentEvent = { type: 'ShipmentPlanned', data: { ...ids, location, lines } };
    given([])
      .when({ type: 'PlanShipment', ...ids, location, lines: [...lines], tracking: undefined })
      .then([untracked]);
  });

  it('gets another tracking number or carrier at any time; an absent field stays, and null clears it', () => {
    const change = { type: 'ChangeTracking', carrier: 'Royal Mail' } as const;
    const changed: ShipmentEvent = {
      type: 'ShipmentTrackingChanged',
      data: { ...ids, carrier: 'Royal Mail' },
    };
    for (const history of [[planned], [planned, dispatched], [planned, dispatched, delivered]]) {
      given(history).when(change).then([changed]);
    }
    given([planned, changed])
      .when({ type: 'ChangeTracking', tracking: null })
      .then([{ type: 'ShipmentTrackingChanged', data: { ...ids, tracking: null } }]);
    expect(given([planned, changed]).state).to.include({ tracking: 'RM123', carrier: 'Royal Mail' });
    const cleared: ShipmentEvent = { type: 'ShipmentTrackingChanged', data: { ...ids, tracking: null, carrier: null } };
    expect(given([planned, changed, cleared]).state).to.deep.equal({ ...ids, location, lines, status: 'planned' });
    for (const same of [{}, { tracking: 'RM123' }, { carrier: null }]) {
      given([planned])
        .when({ type: 'ChangeTracking', ...same })
        .then([]);
    }
  });

  it('is neither delivered, failed nor lost before it is dispatched', () => {
    for (const type of ['RecordDelivery', 'RecordFailedDelivery', 'RecordLoss'] as const) {
      given([planned]).when({ type }).thenRejected('conflict');
    }
  });

  it('may fail to be delivered, again for another reason, and then be delivered or lost', () => {
    const fail = { type: 'RecordFailedDelivery', reason } as const;
    const refused: ShipmentEvent = { type: 'ShipmentDeliveryFailed', data: { ...ids, reason: 'refused' } };
    const left = [planned, dispatched];
    given(left).when(fail).then([failed]);
    given([...left, failed])
      .when({ ...fail, reason: 'refused' })
      .then([refused]);
    given([...left, failed])
      .when({ type: 'RecordDelivery' })
      .then([delivered]);
    given([...left, failed])
      .when({ type: 'RecordLoss' })
      .then([lost]);
    given([...left, delivered])
      .when(fail)
      .thenRejected('conflict');
    expect(given([...left, failed]).state).to.include({ status: 'failed', failedAt: TEST_NOW, reason });
  });

  it('may be lost, even after it was reported as delivered, and be found again', () => {
    const left = [planned, dispatched];
    given(left).when({ type: 'RecordLoss' }).then([lost]);
    given(left)
      .when({ type: 'RecordLoss', reason: 'depot burnt' })
      .then([{ type: 'ShipmentLost', data: { ...ids, reason: 'depot burnt' } }]);
    given([...left, delivered])
      .when({ type: 'RecordLoss' })
      .then([lost]);
    given([...left, lost])
      .when({ type: 'RecordDelivery' })
      .then([delivered]);
    given([...left, lost])
      .when({ type: 'RecordFailedDelivery', reason })
      .then([failed]);
    const { state } = given([...left, failed, lost]);
    expect(state).to.include({ status: 'lost', failedAt: TEST_NOW, lostAt: TEST_NOW, reason: undefined });
  });

  it('is cancelled if its order has cancelled any of its units before dispatch, or sent them otherwise', () => {
    const mugs = { id: '1', sku: 'MUG', quantity: 3, fulfilled: 0, cancelled: 0 };
    const cups = { ...mugs, id: '2', sku: 'CUP', quantity: 1 };
    const parcels = [
      { sku: 'CUP', location, quantity: 1 },
      { sku: 'MUG', location, quantity: 3 },
    ];
    const shown = (order: Partial<Parameters<typeof shipmentStatusOf>[1]>, status: Shipment['status'] = 'planned') => {
      const both = [...lines, { lineId: '2', quantity: 1 }];
      const arbiter = { lines: [mugs, cups], parcels, operationIds: [], ...order };
      return shipmentStatusOf({ ...ids, status, location, lines: both }, arbiter);
    };
    const gone = [mugs, { ...cups, cancelled: 1 }];
    expect(shown({})).to.equal('planned');
    expect(shown({ lines: [{ ...mugs, fulfilled: 1 }, cups] })).to.equal('planned');
    expect(shown({ lines: [{ ...mugs, cancelled: 1 }, cups] })).to.equal('planned');
    expect(shown({ lines: [{ ...mugs, fulfilled: 1, cancelled: 1 }, cups] })).to.equal('cancelled');
    expect(shown({ lines: [{ ...mugs, fulfilled: 2 }, cups] })).to.equal('cancelled');
    expect(shown({ lines: gone })).to.equal('cancelled');
    expect(shown({ parcels: parcels.slice(1) })).to.equal('cancelled', 'its cup is sent from elsewhere');
    expect(shown({ lines: gone, operationIds: ['shipment_1'] })).to.equal('planned', 'it has left with them');
    for (const status of ['dispatched', 'failed', 'lost', 'delivered'] as const)
      expect(shown({ lines: gone }, status)).to.equal(status);
  });

  it('that was never planned can do nothing', () => {
    given([]).when({ type: 'ChangeTracking', carrier: 'Royal Mail' }).thenRejected('not_found');
    given([]).when({ type: 'RecordDispatch' }).thenRejected('not_found');
    given([]).when({ type: 'RecordDelivery' }).thenRejected('not_found');
    given([]).when({ type: 'RecordLoss' }).thenRejected('not_found');
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(shipment, {
      PlanShipment: { given: [], when: { ...plan, lines: [...lines] } },
      ChangeTracking: { given: [planned], when: { type: 'ChangeTracking', tracking: 'RM456' } },
      RecordDispatch: { given: [planned], when: { type: 'RecordDispatch' } },
      RecordDelivery: { given: [planned, dispatched], when: { type: 'RecordDelivery' } },
      RecordFailedDelivery: { given: [planned, dispatched], when: { type: 'RecordFailedDelivery', reason } },
      RecordLoss: { given: [planned, dispatched], when: { type: 'RecordLoss' } },
    });
  });
});
