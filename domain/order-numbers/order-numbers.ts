// Order numbers. Each is given once. When a process ends, the rest of its block is wasted.
import type { Decider } from '../kernel/decider.js';
import type { Rejection } from '../kernel/rejection.js';
import { streamId } from '../kernel/stream.js';
import { type OrderNumberEvent, orderNumberEvents } from './events.js';

/** Seven digits, because imported invoices have six. */
export const FIRST_ORDER_NUMBER = 1_000_000;

export const ORDER_NUMBERS = streamId('order-numbers', 'shop');

export interface LeaseNumbers {
  type: 'LeaseNumbers';
  leaseId: string;
  count: number;
}

export interface OrderNumbers {
  /** The first free number. */
  next: number;
  /** The last lease, for the process that has just requested it. */
  last?: Lease;
}

export type Lease = OrderNumberEvent['data'];

export const orderNumbers: Decider<LeaseNumbers, OrderNumbers, OrderNumberEvent> = {
  category: 'order-numbers',
  events: orderNumberEvents,
  initialState: { next: FIRST_ORDER_NUMBER },
  decide,
  evolve: (_, { data }) => ({ next: data.to + 1, last: data }),
  snapshot: { foldVersion: 1, every: 100 },
};

function decide(
  { leaseId, count }: LeaseNumbers,
  { next, last }: OrderNumbers,
): readonly OrderNumberEvent[] | Rejection {
  if (last?.leaseId === leaseId) return [];
  return [{ type: 'NumbersLeased', data: { leaseId, from: next, to: next + count - 1 } }];
}
