import { decider, issuedTwiceChangesNothing } from '../testing/given-when-then.js';
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
