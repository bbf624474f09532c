// Opens the sealed values of an order for its owner and for support. Forgotten values are left out. For the owner, values that
// only support may see are left out, too.
import type { Caller } from '../../domain/kernel/endpoint.js';
import { defined } from '../../domain/kernel/json.js';
import { holdText } from '../../domain/order/order.js';
import type { OrderView } from '../../projections/models/order-view.js';
import type { SealedOrderView } from '../../projections/models/orders.js';
import { type Opener, opened, openedReasons, openedReturn } from './opened.js';

export async function openedOrder(
  view: SealedOrderView,
  personal: Opener,
  reader?: Pick<Caller, 'role'>,
): Promise<OrderView> {
  const { shippingAddress, email, reason, nextAction, holds, missing, allocation, ...rest } = view;
  const { timeline, shipments, returns, ...order } = rest;
  const isSupport = reader?.role === 'support';
  const [address, mail, why, clientSecret, steps, sent, back, held] = await Promise.all([
    opened(shippingAddress, personal),
    opened(email, personal),
    opened(reason, personal),
    opened(nextAction?.clientSecret, personal),
    openedReasons(timeline, personal),
    isSupport ? openedReasons(shipments, personal) : shipments.map(({ location, reason, ...shipment }) => shipment),
    Promise.all(returns.map((one) => openedReturn(one, personal))),
    isSupport && holds ? openedHolds(holds, personal) : undefined,
  ]);
  return {
    ...order,
    timeline: steps,
    shipments: sent,
    returns: back,
    ...defined({
      shippingAddress: address,
      email: mail,
      reason: why,
      nextAction: nextAction && clientSecret ? { ...nextAction, clientSecret } : undefined,
      heldReason: held?.map(holdText).join('; '),
      holds: held,
    }),
    ...(isSupport && defined({ missing, allocation })),
  };
}

function openedHolds(holds: NonNullable<SealedOrderView['holds']>, personal: Opener) {
  return Promise.all(
    holds.map(async ({ code, note }) => ({ code, ...defined({ note: await opened(note, personal) }) })),
  );
}
