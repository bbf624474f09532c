// An order: placed → confirmed → completed, or rejected, or cancelled. Payment and fulfilment status are derived, never set.
import type { z } from 'zod';
import type { Decider } from '../kernel/decider.js';
import { type Rejection, reject } from '../kernel/errors.js';
import { keyOf, siblingId } from '../kernel/id.js';
import { sum } from '../kernel/money.js';
import { type OrderEvent, type OrderLine, type orderContents, orderEvents } from './events.js';

/** Most bytes of JSON that a line costs, so that the largest real invoice (1,112 lines) fits one commit. */
export const MAX_LINE_BYTES = 200;

/** Longest part of an order's id that is a number people read as it is. */
const MAX_NUMBER_LENGTH = 10;

export type OrderContents = z.output<z.ZodObject<typeof orderContents>>;

export type OrderCommand =
  | { type: 'PlaceOrder'; contents: OrderContents }
  | { type: 'ConfirmOrder' }
  /** `reason` is a problem code; it means nothing if the order was never placed. */
  | { type: 'RejectOrder'; reason: string; detail: string }
  | { type: 'CancelOrder'; reason: string }
  /** Without lines: all that is still open. */
  | { type: 'FulfilOrder'; fulfilmentId: string; lines?: readonly { lineId: string; quantity: number }[] };

export interface Order {
  orderId: string;
  customerId: string;
  status: 'placed' | 'confirmed' | 'completed' | 'rejected' | 'cancelled';
  lines: readonly FulfilledLine[];
  fulfilmentIds: readonly string[];
}

interface FulfilledLine {
  id: string;
  quantity: number;
  fulfilled: number;
}

export const order: Decider<OrderCommand, Order | null, OrderEvent> = {
  category: 'order',
  events: orderEvents,
  initialState: null,
  decide,
  evolve,
};

function decide(command: OrderCommand, state: Order | null): readonly OrderEvent[] | Rejection {
  if (command.type === 'PlaceOrder') return state ? [] : place(command.contents);
  if (!state) return command.type === 'RejectOrder' ? [] : reject('not_found', 'There is no such order.');
  const { orderId, status } = state;
  const refuse = (what: string) => reject('conflict', `${orderId} is ${status}; it cannot be ${what}.`);

  switch (command.type) {
    case 'ConfirmOrder':
      if (status === 'confirmed' || status === 'completed') return [];
      return status === 'placed' ? [{ type: 'OrderConfirmed', data: { orderId } }] : refuse('confirmed');
    case 'RejectOrder': {
      const { reason, detail } = command;
      if (status === 'rejected' || status === 'cancelled') return [];
      return status === 'placed' ? [{ type: 'OrderRejected', data: { orderId, reason, detail } }] : refuse('rejected');
    }
    case 'CancelOrder':
      if (status === 'cancelled') return [];
      if (status !== 'placed' && status !== 'confirmed') return refuse('cancelled');
      if (state.fulfilmentIds.length > 0) {
        return reject('rule_violated', `${orderId} is fulfilled in part; what was sent can only be returned.`);
      }
      return [{ type: 'OrderCancelled', data: { orderId, reason: command.reason } }];
    case 'FulfilOrder':
      if (state.fulfilmentIds.includes(command.fulfilmentId)) return [];
      return status === 'confirmed' ? fulfil(command, state) : refuse('fulfilled');
  }
}

function place(contents: OrderContents): readonly OrderEvent[] | Rejection {
  const { orderId, lines, shipping } = contents;
  const wrong = lines.find(({ quantity, unitPrice, total }) => quantity * unitPrice !== total);
  if (wrong) return reject('rule_violated', `Line ${wrong.id} of ${orderId} is not its quantity times its price.`);
  if (new Set(lines.map(({ id }) => id)).size < lines.length) {
    return reject('rule_violated', `Two lines of ${orderId} have the same id.`);
  }
  const totals = totalsOf(lines, shipping.amount);
  if (!Number.isSafeInteger(totals.total)) return reject('rule_violated', `The total of ${orderId} is too large.`);
  return [
    {
      type: 'OrderPlaced',
      data: { ...contents, number: orderNumber(orderId), paymentId: siblingId('payment', orderId), ...totals },
    },
  ];
}

function fulfil(
  { fulfilmentId, lines = [] }: Extract<OrderCommand, { type: 'FulfilOrder' }>,
  { orderId, lines: known }: Order,
): readonly OrderEvent[] | Rejection {
  const asked = new Map<string, number>();
  for (const { lineId, quantity } of lines) asked.set(lineId, (asked.get(lineId) ?? 0) + quantity);
  const open = new Map(known.map(({ id, quantity, fulfilled }) => [id, quantity - fulfilled]));
  for (const [lineId, quantity] of asked) {
    const left = open.get(lineId);
    if (left === undefined) return reject('not_found', `${orderId} has no line ${lineId}.`);
    if (quantity > left) return reject('rule_violated', `Line ${lineId} of ${orderId} has ${left} left to send.`);
  }
  const sent = asked.size > 0 ? asked : open;
  const all = known.every(({ id }) => sent.get(id) === open.get(id) || open.get(id) === 0);
  return [
    {
      type: 'OrderFulfilled',
      data: {
        orderId,
        fulfilmentId,
        lines: [...sent].filter(([, quantity]) => quantity > 0).map(([lineId, quantity]) => ({ lineId, quantity })),
      },
    },
    ...(all ? [{ type: 'OrderCompleted', data: { orderId } } as const] : []),
  ];
}

function evolve(state: Order | null, { type, data }: OrderEvent): Order {
  if (type === 'OrderPlaced') {
    const { orderId, customerId, lines } = data;
    return {
      orderId,
      customerId,
      status: 'placed',
      lines: lines.map(({ id, quantity }) => ({ id, quantity, fulfilled: 0 })),
      fulfilmentIds: [],
    };
  }
  const known = state!;
  switch (type) {
    case 'OrderConfirmed':
      return { ...known, status: 'confirmed' };
    case 'OrderRejected':
      return { ...known, status: 'rejected' };
    case 'OrderCancelled':
      return { ...known, status: 'cancelled' };
    case 'OrderFulfilled': {
      const sent = new Map(data.lines.map(({ lineId, quantity }) => [lineId, quantity]));
      return {
        ...known,
        lines: known.lines.map((line) => ({ ...line, fulfilled: line.fulfilled + (sent.get(line.id) ?? 0) })),
        fulfilmentIds: [...known.fulfilmentIds, data.fulfilmentId],
      };
    }
    case 'OrderCompleted':
      return { ...known, status: 'completed' };
  }
}

/** Numbers the lines, adds up each, and clips a title whose line would cost more than its share of a commit. */
export function orderLines(items: readonly Omit<OrderLine, 'id' | 'total'>[]): OrderLine[] {
  return items.map(({ sku, title, quantity, unitPrice }, index) => {
    const line = { id: `${index + 1}`, sku, title, quantity, unitPrice, total: quantity * unitPrice };
    const room = MAX_LINE_BYTES - jsonBytes({ ...line, title: '' });
    return { ...line, title: clip(title, room) };
  });
}

/** All in minor units: Σ lines + shipping + tax − discount = total. */
export function totalsOf(lines: readonly { total: number }[], shipping: number) {
  const subtotal = sum(lines.map(({ total }) => total));
  const discount = 0;
  const tax = 0;
  return { subtotal, discount, tax, total: subtotal + shipping + tax - discount };
}

/** What people call the order: `order_536365` → `536365`; of a long random id the end, with the attempt behind it. */
export function orderNumber(orderId: string): string {
  const [, key = '', attempt = ''] = /^(.+?)(-\d+)?$/.exec(keyOf(orderId)) ?? [];
  return `${key.slice(-MAX_NUMBER_LENGTH).toUpperCase()}${attempt}`;
}

export type FulfilmentStatus = 'not_fulfilled' | 'partially_fulfilled' | 'fulfilled';

export function fulfilmentStatusOf(lines: readonly Pick<FulfilledLine, 'quantity' | 'fulfilled'>[]): FulfilmentStatus {
  if (lines.every(({ quantity, fulfilled }) => fulfilled === quantity)) return 'fulfilled';
  return lines.some(({ fulfilled }) => fulfilled > 0) ? 'partially_fulfilled' : 'not_fulfilled';
}

/** The longest beginning of a text whose JSON takes at most so many bytes, quotes apart; whole characters only. */
function clip(text: string, bytes: number): string {
  if (jsonBytes(text) - 2 <= bytes) return text;
  let length = 0;
  let room = bytes;
  for (const character of text) {
    room -= jsonBytes(character) - 2;
    if (room < 0) break;
    length += character.length;
  }
  return text.slice(0, length);
}

function jsonBytes(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
