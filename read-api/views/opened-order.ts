// Opens the sealed values of an order for its owner and for support. Forgotten values are left out. For the owner, values that
// only support may see are left out, too.
import type { Caller } from '../../domain/kernel/endpoint.js';
import { defined } from '../../domain/kernel/json.js';
import { isForgotten, type Personal, type PersonalData } from '../../domain/kernel/personal.js';
import type { OrderView } from '../../projections/models/order-view.js';
import type { SealedOrderView } from '../../projections/models/orders.js';

export async function openedOrder(
  { shippingAddress, email, nextAction, heldReason, holds, missing, allocation, shipments, ...rest }: SealedOrderView,
  personal: Pick<PersonalData, 'open'>,
  reader?: Pick<Caller, 'role'>,
): Promise<OrderView> {
  const open = async <T>(value: Personal<T> | undefined): Promise<T | undefined> => {
    if (value === undefined) return undefined;
    const opened = await personal.open(value);
    return isForgotten(opened) ? undefined : opened;
  };
  const [address, mail, clientSecret] = await Promise.all([
    open(shippingAddress),
    open(email),
    open(nextAction?.clientSecret),
  ]);
  const isSupport = reader?.role === 'support';
  return {
    ...rest,
    shipments: isSupport ? shipments : shipments.map(({ location, reason, ...shipment }) => shipment),
    ...defined({
      shippingAddress: address,
      email: mail,
      nextAction: nextAction && clientSecret ? { ...nextAction, clientSecret } : undefined,
    }),
    ...(isSupport && defined({ heldReason, holds, missing, allocation })),
  };
}
