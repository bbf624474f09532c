// How far the checkout of an order has come, folded from the order's own events. Several workers may run one checkout; the first
// outcome that the order records counts. So the order is confirmed or given up once, and each stage is recorded once.
import { defined } from '../kernel/json.js';
import { type Rejection, reject } from '../kernel/rejection.js';
import type { MethodKind } from '../payment/method-kinds.js';
import type { OrderEvent } from './events.js';
import type { Parcel } from './parcels.js';

export interface CheckoutState {
  phase: 'started' | 'waiting' | 'unknown' | 'failing' | 'completed' | 'failed';
  /** The kind of payment, set once the provider has said that it takes time. */
  kind?: MethodKind;
  /** The attempts to reserve stock after the first one, in order. */
  furtherRounds: readonly Round[];
  /** Why the checkout is failing or has failed, as the customer is told. */
  failure?: Rejection;
}

/** An attempt to reserve stock. */
export interface Round {
  reservationId: string;
  parcels: readonly Parcel[];
}

type CheckoutEvent = Extract<
  OrderEvent,
  {
    type:
      | 'CheckoutReallocated'
      | 'CheckoutActionRequired'
      | 'CheckoutPaymentUnknown'
      | 'OrderConfirmed'
      | 'OrderRejected'
      | 'OrderExpired'
      | 'OrderWithdrawn'
      | 'CheckoutUndone';
  }
>;

export const CHECKOUT_STARTED: CheckoutState = { phase: 'started', furtherRounds: [] };

export function checkoutAfter(known: CheckoutState, { type, data }: CheckoutEvent): CheckoutState {
  const { orderId } = data;
  switch (type) {
    case 'CheckoutReallocated': {
      const next = { reservationId: `${orderId}/${data.round}`, parcels: data.allocation };
      return { ...known, furtherRounds: [...known.furtherRounds, next] };
    }
    case 'CheckoutActionRequired':
      return { ...known, phase: 'waiting', ...defined({ kind: data.kind }) };
    case 'CheckoutPaymentUnknown':
      return { ...known, phase: 'unknown' };
    case 'OrderConfirmed':
      return { ...known, phase: 'completed' };
    case 'OrderRejected':
      return { ...known, phase: 'failing', failure: failureOf(data) };
    case 'OrderExpired':
      return {
        ...known,
        phase: 'failing',
        failure: reject('payment_declined', data.detail, { declineCode: 'expired' }),
      };
    case 'OrderWithdrawn':
      return { ...known, phase: 'failing', failure: reject('conflict', `${orderId} is cancelled.`) };
    case 'CheckoutUndone':
      return { ...known, phase: 'failed' };
  }
}

/** True if the order has these units or may still get them. A reservation of an earlier attempt is not held for it any more. */
export function isHeldFor(
  { checkout: { phase }, ...order }: { checkout: Pick<CheckoutState, 'phase'>; reservationId: string },
  reservationId: string,
): boolean {
  return phase !== 'failing' && phase !== 'failed' && order.reservationId === reservationId;
}

function failureOf(data: Extract<OrderEvent, { type: 'OrderRejected' }>['data']): Rejection {
  const { reason, detail, available = {}, declineCode = '' } = data;
  switch (reason) {
    case 'out_of_stock':
      return reject(reason, detail, { available });
    case 'payment_declined':
      return reject(reason, detail, { declineCode });
    default:
      return reject(reason, detail);
  }
}
