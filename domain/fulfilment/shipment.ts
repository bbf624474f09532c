// A shipment: planned → dispatched → delivered. On its way its delivery may fail, or it may be lost. The order decides at
// dispatch whether its units may leave. A planned shipment whose units the order has cancelled or sent otherwise is cancelled.
import { type Decider, existing } from '../kernel/decider.js';
import { changed, changes, defined, sameJson } from '../kernel/json.js';
import type { Personal } from '../kernel/personal.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import type { LineUnits } from '../order/events.js';
import { type Parcel, type StockNeed, stockNeeds, unitsAt } from '../order/parcels.js';
import { type ShipmentEvent, shipmentEvents } from './events.js';

export type ShipmentCommand =
  | ({ type: 'PlanShipment'; shipmentId: string; orderId: string; location: string; lines: LineUnits[] } & Transport)
  /** An absent field stays. `null` clears it. */
  | { type: 'ChangeTracking'; tracking?: string | null | undefined; carrier?: string | null | undefined }
  /** The order has released the units. */
  | { type: 'RecordDispatch' }
  | { type: 'RecordDelivery' }
  | ({ type: 'RecordFailedDelivery' } & Mishap)
  | ({ type: 'RecordLoss' } & Mishap);

/** The carrier of the shipment, and its tracking number. */
export interface Transport {
  tracking?: string | undefined;
  carrier?: string | undefined;
}

/** A problem on the way. */
interface Mishap {
  reason?: Personal<string> | undefined;
}

export interface Shipment extends Transport, Mishap {
  shipmentId: string;
  orderId: string;
  status: 'planned' | 'dispatched' | 'failed' | 'lost' | 'delivered';
  /** The location that sends it. */
  location: string;
  lines: readonly LineUnits[];
  /** Times in ms of the log's clock. */
  dispatchedAt?: number;
  /** The time of the last failed delivery. */
  failedAt?: number;
  lostAt?: number;
  deliveredAt?: number;
}

/** `failed`: its delivery failed. */
export const SHIPMENT_STATUSES = ['planned', 'dispatched', 'failed', 'lost', 'delivered', 'cancelled'] as const;

/** The state of a shipment's order. `operationIds` contains at least the fulfilments. */
export interface Arbiter {
  lines: readonly { id: string; sku: string; quantity: number; fulfilled: number; cancelled: number }[];
  parcels: readonly Parcel[];
  operationIds: readonly string[];
}

/** `cancelled` is derived from the order: the shipment's units are no longer open, or are not at its location. */
export function shipmentStatusOf(
  { shipmentId, status, location, lines }: Pick<Shipment, 'shipmentId' | 'status' | 'location' | 'lines'>,
  order: Arbiter,
): (typeof SHIPMENT_STATUSES)[number] {
  if (status !== 'planned' || order.operationIds.includes(shipmentId)) return status;
  const lineOf = ({ lineId }: LineUnits) => order.lines.find(({ id }) => id === lineId);
  const isOpen = (units: LineUnits) => {
    const line = lineOf(units);
    return line !== undefined && line.quantity - line.fulfilled - line.cancelled >= units.quantity;
  };
  const needs = stockNeeds(lines.flatMap((units) => ({ sku: lineOf(units)?.sku ?? '', quantity: units.quantity })));
  const isThere = (need: StockNeed) => unitsAt(order.parcels, { ...need, location }) >= need.quantity;
  return lines.every(isOpen) && needs.every(isThere) ? 'planned' : 'cancelled';
}

export const shipment: Decider<ShipmentCommand, Shipment | null, ShipmentEvent> = {
  category: 'shipment',
  events: shipmentEvents,
  initialState: null,
  decide,
  evolve,
};

function decide(command: ShipmentCommand, state: Shipment | null): readonly ShipmentEvent[] | Rejection {
  if (command.type === 'PlanShipment') {
    const { type, tracking, carrier, ...planned } = command;
    return state ? [] : [{ type: 'ShipmentPlanned', data: { ...planned, ...defined({ tracking, carrier }) } }];
  }
  if (!state) return reject('not_found', 'There is no such shipment.');
  const { shipmentId, orderId, status } = state;
  const data = { shipmentId, orderId };
  if (command.type === 'ChangeTracking') {
    const { tracking, carrier } = command;
    const changed = changes({ tracking, carrier }, { tracking: state.tracking, carrier: state.carrier });
    return sameJson(changed, {}) ? [] : [{ type: 'ShipmentTrackingChanged', data: { ...data, ...changed } }];
  }
  if (command.type === 'RecordDispatch') return status === 'planned' ? [{ type: 'ShipmentDispatched', data }] : [];
  if (status === 'planned') return reject('conflict', `${shipmentId} is not dispatched yet; dispatch it first.`);
  return onItsWay(command, state);
}

/**
 * Reports of the carrier are accepted whenever they may be true: a failed or lost shipment may arrive, and a delivered one may
 * turn out to be lost.
 */
function onItsWay(
  command: Extract<ShipmentCommand, { type: 'RecordDelivery' | 'RecordFailedDelivery' | 'RecordLoss' }>,
  { shipmentId, orderId, status, reason: known }: Shipment,
): readonly ShipmentEvent[] | Rejection {
  const data = { shipmentId, orderId };
  if (command.type === 'RecordDelivery') return status === 'delivered' ? [] : [{ type: 'ShipmentDelivered', data }];
  const { reason } = command;
  const told = { ...data, ...defined({ reason }) };
  if (command.type === 'RecordLoss') {
    return status === 'lost' && sameText(reason, known) ? [] : [{ type: 'ShipmentLost', data: told }];
  }
  if (status === 'delivered') return reject('conflict', `${shipmentId} is already delivered.`);
  return status === 'failed' && sameText(reason, known) ? [] : [{ type: 'ShipmentDeliveryFailed', data: told }];
}

/** The same text has the same seal. */
function sameText(a: Personal<string> | undefined, b: Personal<string> | undefined): boolean {
  return sameJson(a ?? null, b ?? null);
}

function evolve(state: Shipment | null, { type, data }: ShipmentEvent, at: number): Shipment {
  if (type === 'ShipmentPlanned') return { ...data, status: 'planned' };
  const known = existing(state, type);
  switch (type) {
    case 'ShipmentTrackingChanged':
      return changed(known, data);
    case 'ShipmentDispatched':
      return { ...known, status: 'dispatched', dispatchedAt: at };
    case 'ShipmentDeliveryFailed':
      return { ...known, status: 'failed', failedAt: at, reason: data.reason };
    case 'ShipmentLost':
      return { ...known, status: 'lost', lostAt: at, reason: data.reason };
    case 'ShipmentDelivered':
      return { ...known, status: 'delivered', deliveredAt: at };
  }
}
