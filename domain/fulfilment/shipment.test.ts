import { expect } from 'chai';
import { decider, fold, issuedTwiceChangesNothing, TEST_NOW } from '../testing/given-when-then.js';
import type { ShipmentEvent } from './events.js';
import { shipment } from './shipment.js';

const ids = { shipmentId: 'shipment_1', orderId: 'order_7' };
const lines = [{ lineId: '1', quantity: 2 }];
const plan = { type: 'PlanShipment', ...ids, lines, tracking: 'RM123' } as const;
const planned: ShipmentEvent = { type: 'ShipmentPlanned', data: { ...ids, lines, tracking: 'RM123' } };
const dispatched: ShipmentEvent = { type: 'ShipmentDispatched', data: ids };
const delivered: ShipmentEvent = { type: 'ShipmentDelivered', data: ids };

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

  it('shows what it holds, and when it left and arrived', () => {
    const left = given([planned, dispatched]).state;
    expect(left).to.deep.equal({ ...ids, lines, tracking: 'RM123', status: 'dispatched', dispatchedAt: TEST_NOW });
    const arrived = fold(shipment, left, [delivered], TEST_NOW + 1);
    expect(arrived).to.deep.equal({ ...left, status: 'delivered', deliveredAt: TEST_NOW + 1 });
  });

  it('need not be tracked', () => {
    const untracked: ShipmentEvent = { type: 'ShipmentPlanned', data: { ...ids, lines } };
    given([])
      .when({ type: 'PlanShipment', ...ids, lines: [...lines], tracking: undefined })
      .then([untracked]);
  });

  it('is not delivered before it is dispatched', () => {
    given([planned]).when({ type: 'RecordDelivery' }).thenRejected('conflict');
  });

  it('that was never planned can do nothing', () => {
    given([]).when({ type: 'RecordDispatch' }).thenRejected('not_found');
    given([]).when({ type: 'RecordDelivery' }).thenRejected('not_found');
  });

  it('is not changed by a command that is issued again', () => {
    issuedTwiceChangesNothing(shipment, {
      PlanShipment: { given: [], when: { ...plan, lines: [...lines] } },
      RecordDispatch: { given: [planned], when: { type: 'RecordDispatch' } },
      RecordDelivery: { given: [planned, dispatched], when: { type: 'RecordDelivery' } },
    });
  });
});
