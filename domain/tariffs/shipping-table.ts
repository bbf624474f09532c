// The shipping methods and their prices: zones by place and currency, with flat rates or rates by weight or value.
import type { Decider } from '../kernel/decider.js';
import { sameJson } from '../kernel/json.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import { streamId } from '../kernel/stream.js';
import { type ShippingMethod, type ShippingTableEvent, type ShippingZone, shippingTableEvents } from './events.js';
import { type Place, sameRegion } from './place.js';

export const MAX_SHIPPING_METHODS = 50;

export const SHIPPING_TABLE = streamId('shipping-table', 'shop');

/** Always present. It has no zones, so it is free, to everywhere and in any currency, until it is redefined. */
const STANDARD: ShippingMethod = { id: 'standard', title: 'Standard delivery', zones: [] };

export type ShippingTableCommand =
  | { type: 'SetShippingMethod'; method: ShippingMethod }
  | { type: 'RemoveShippingMethod'; id: string };

export type ShippingTable = readonly ShippingMethod[];

/**
 * The goods to ship: `weight` in grams, `value` in minor units of `currency`. Without a place only zones without places match.
 */
export interface Consignment {
  currency: string;
  place?: Place | undefined;
  weight: number;
  value: number;
}

export const SHIPPING_OBSTACLES = ['wrong_currency', 'wrong_place', 'too_heavy', 'too_valuable'] as const;

export type ShippingObstacle = (typeof SHIPPING_OBSTACLES)[number];

export const shippingTable: Decider<ShippingTableCommand, ShippingTable, ShippingTableEvent> = {
  category: 'shipping-table',
  events: shippingTableEvents,
  initialState: [STANDARD],
  decide,
  evolve,
  snapshot: { foldVersion: 1, every: 100 },
};

/**
 * The price of a method for a consignment, in minor units. Undefined if the method does not ship it. The most specific zone
 * counts.
 */
export function shippingPrice(method: ShippingMethod, consignment: Consignment): number | undefined {
  if (method.zones.length === 0) return 0;
  const zone = zoneFor(method, consignment);
  if (!zone) return undefined;
  const measure = zone.by === 'weight' ? consignment.weight : consignment.value;
  return zone.rates.find(({ upTo }) => upTo === undefined || measure <= upTo)?.amount;
}

/** Why a method has no price for a consignment. */
export function shippingObstacle(method: ShippingMethod, consignment: Consignment): ShippingObstacle {
  const zone = zoneFor(method, consignment);
  if (zone) return zone.by === 'weight' ? 'too_heavy' : 'too_valuable';
  return method.zones.some(({ currency }) => currency === consignment.currency) ? 'wrong_place' : 'wrong_currency';
}

function zoneFor({ zones }: ShippingMethod, consignment: Consignment): ShippingZone | undefined {
  return zones.filter((zone) => reaches(zone, consignment)).sort((a, b) => specificity(b) - specificity(a))[0];
}

function reaches({ currency, countries, regions }: ShippingZone, consignment: Consignment): boolean {
  if (currency !== consignment.currency) return false;
  const { place } = consignment;
  if (countries && !(place && countries.includes(place.country))) return false;
  return !regions || regions.some((region) => sameRegion(region, place?.region));
}

function specificity({ countries, regions }: ShippingZone): number {
  return (countries ? 1 : 0) + (regions ? 1 : 0);
}

function decide(command: ShippingTableCommand, table: ShippingTable): readonly ShippingTableEvent[] | Rejection {
  if (command.type === 'RemoveShippingMethod') {
    const { id } = command;
    if (id === STANDARD.id) return reject('rule_violated', `${id} cannot be deleted; redefine it instead.`);
    return table.some((method) => method.id === id) ? [{ type: 'ShippingMethodRemoved', data: { id } }] : [];
  }
  const { method } = command;
  const known = table.find(({ id }) => id === method.id);
  if (!known && table.length >= MAX_SHIPPING_METHODS) {
    return reject('rule_violated', `There are at most ${MAX_SHIPPING_METHODS} shipping methods.`);
  }
  return sameJson(known, method) ? [] : [{ type: 'ShippingMethodSet', data: method }];
}

/** A redefined method keeps its position in the list that customers see. */
function evolve(table: ShippingTable, { type, data }: ShippingTableEvent): ShippingTable {
  if (type === 'ShippingMethodRemoved') return table.filter(({ id }) => id !== data.id);
  const known = table.some(({ id }) => id === data.id);
  return known ? table.map((method) => (method.id === data.id ? data : method)) : [...table, data];
}
