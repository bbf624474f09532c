// Orders as customers and support see them: fed by order# and payment#, each its own part.
import type { Address } from '../../domain/kernel/address.js';
import type { Personal } from '../../domain/kernel/personal.js';
import type { OrderEvent, OrderLine, Shipping } from '../../domain/order/events.js';
import { fulfilmentStatusOf } from '../../domain/order/order.js';
import { ORDER_STEPS, type OrderStep, type OrderView } from '../../domain/order/order-view.js';
import type { PaymentEvent } from '../../domain/payment/events.js';
import { type Payment, payment as paymentLedger, paymentStatusOf } from '../../domain/payment/payment.js';
import { type Handler, projection } from '../runtime/projection.js';
import type { Page, PageRequest } from './page.js';

interface Happened {
  at: string;
  what: OrderStep;
}

/** The part of order#, amounts in minor units of `currency`. Personal values stay sealed. */
interface OrderPart {
  id: string;
  number: string;
  status: OrderView['status'];
  customerId: string;
  placedBy: 'customer' | 'staff';
  placedAt: string;
  currency: string;
  lines: readonly (OrderLine & { fulfilled: number; cancelled: number })[];
  subtotal: number;
  discount: number;
  shipping: Shipping;
  tax: number;
  total: number;
  shippingAddress?: Personal<Address>;
  email?: Personal<string>;
  labels?: Record<string, string>;
  timeline: readonly Happened[];
}

/** Without the order's part if its payment was heard of first. */
export type OrderDocument = Partial<OrderPart> & {
  /** The part of payment#. */
  payment?: { ledger: Payment; timeline: readonly Happened[] };
};

/** An order as callers see it, but for what is sealed. */
export interface SealedOrderView extends Omit<OrderView, 'shippingAddress' | 'email'> {
  shippingAddress?: Personal<Address>;
  email?: Personal<string>;
}

/** Undefined where nothing but a payment is known. */
export function orderView({ payment, ...part }: OrderDocument): SealedOrderView | undefined {
  if (!isPlaced(part)) return undefined;
  const money = (amount: number) => ({ amount, currency: part.currency });
  return {
    ...part,
    paymentStatus: paymentStatusOf(payment?.ledger ?? null),
    fulfilmentStatus: fulfilmentStatusOf(part.lines),
    lines: part.lines.map((line) => ({ ...line, unitPrice: money(line.unitPrice), total: money(line.total) })),
    subtotal: money(part.subtotal),
    discount: money(part.discount),
    shipping: money(part.shipping.amount),
    tax: money(part.tax),
    total: money(part.total),
    shippingMethod: part.shipping.method,
    timeline: [...part.timeline, ...(payment?.timeline ?? [])].sort(byTime),
  };
}

export interface OrderQueries {
  byId(orderId: string): Promise<SealedOrderView | undefined>;
  /** The newest first, by when they were placed. */
  list(request: { customerId?: string | undefined } & PageRequest): Promise<Page<SealedOrderView>>;
}

export const orders = projection<OrderDocument, OrderEvent | PaymentEvent>({
  name: 'orders',
  version: 1,
  categories: ['order', 'payment'],
  fields: { id: 'keyword', customerId: 'keyword', placedAt: 'time' },
  indexes: [
    ['placedAt', 'id'],
    ['customerId', 'placedAt', 'id'],
  ],
  on: {
    OrderPlaced: {
      keys: orderOf,
      evolve(before, { occurredAt, data }) {
        const { orderId, paymentId, cartId, lines, ...placed } = data;
        return {
          ...before,
          ...(placed as Omit<OrderPart, 'id' | 'status' | 'placedAt' | 'lines' | 'timeline'>),
          id: orderId,
          status: 'placed',
          placedAt: occurredAt,
          lines: lines.map((line) => ({ ...line, fulfilled: 0, cancelled: 0 })),
          timeline: [{ at: occurredAt, what: 'placed' }],
        };
      },
    },
    OrderConfirmed: becomes('confirmed'),
    OrderRejected: becomes('rejected'),
    OrderCancelled: becomes('cancelled'),
    OrderCompleted: becomes('completed'),
    OrderFulfilled: {
      keys: orderOf,
      evolve(before, { occurredAt, data }) {
        const sent = new Map(data.lines.map(({ lineId, quantity }) => [lineId, quantity]));
        const lines = before!.lines!.map((line) => ({ ...line, fulfilled: line.fulfilled + (sent.get(line.id) ?? 0) }));
        return { ...before, lines, timeline: [...before!.timeline!, { at: occurredAt, what: 'fulfilled' }] };
      },
    },
    AuthorisationRequested: paid(),
    PaymentAuthorised: paid('payment_authorised'),
    AuthorisationDeclined: paid('payment_declined'),
    AuthorisationUnknown: paid('payment_unknown'),
    CaptureRequested: paid(),
    PaymentCaptured: paid('payment_captured'),
    VoidRequested: paid(),
    PaymentVoided: paid('payment_voided'),
  },
});

function orderOf({ data }: { data: { orderId: string } }): readonly string[] {
  return [data.orderId];
}

function becomes(status: OrderPart['status'] & OrderStep): Handler<OrderDocument, OrderEvent> {
  return {
    keys: orderOf,
    evolve: (before, { occurredAt }) => ({
      ...before,
      status,
      timeline: [...before!.timeline!, { at: occurredAt, what: status }],
    }),
  };
}

/** The ledger folds itself; `what` is told to the customer. */
function paid(what?: OrderStep): Handler<OrderDocument, PaymentEvent> {
  return {
    keys: orderOf,
    evolve(before, event, _, at) {
      const ledger = paymentLedger.evolve(before?.payment?.ledger ?? null, event, at)!;
      const timeline = before?.payment?.timeline ?? [];
      return {
        ...before,
        payment: { ledger, timeline: what ? [...timeline, { at: event.occurredAt, what }] : timeline },
      };
    },
  };
}

function isPlaced(part: Partial<OrderPart>): part is OrderPart {
  return part.id !== undefined;
}

/** Imports give everything that happens to an order one time; then the usual course decides. */
function byTime(a: Happened, b: Happened): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  return ORDER_STEPS.indexOf(a.what) - ORDER_STEPS.indexOf(b.what);
}
