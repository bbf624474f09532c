// The views that queries and commands share: each answer has one shape, however it is asked for.
import { z } from 'zod';
import type { Shipment } from '../domain/fulfilment/shipment.js';
import type { View } from '../domain/kernel/answers.js';
import type { States } from '../domain/kernel/states.js';
import type { Order } from '../domain/order/order.js';
import type { Payment, Refund } from '../domain/payment/ledger.js';
import { shopSettingsSchema } from '../domain/shop/events.js';
import { shippingMethodSchema, shippingZoneSchema, taxRateSchema } from '../domain/tariffs/events.js';
import { refundView, refundViewSchema } from '../projections/models/refund-view.js';
import { shipmentView, shipmentViewSchema } from '../projections/models/shipment-view.js';
import { type CartQuotes, createCartView } from './views/cart.js';
import { couponView } from './views/coupon.js';
import { createOrderView, type OrderViewDeps } from './views/order.js';
import { createReturnView } from './views/return.js';
import { savedMethodSchema } from './views/saved-method.js';

export interface ViewDeps extends OrderViewDeps {
  states: States;
  quotes: Pick<CartQuotes, 'of'>;
}

export type Views = ReturnType<typeof createViews>;

export function createViews({ states, quotes, ...order }: ViewDeps) {
  return {
    ...plainViews,
    cart: createCartView(quotes),
    order: createOrderView(order),
    return: createReturnView(states),
  };
}

const shippingMethod = shippingMethodSchema.extend({
  zones: z.array(shippingZoneSchema).meta({
    description:
      'Only `standard` can be without zones, until it is redefined. Without zones it is free everywhere and in any currency',
  }),
});

/** The views that need nothing but the state. */
export const plainViews = {
  coupon: couponView,
  paymentMethod: asItIs(savedMethodSchema),
  refund: view(refundViewSchema, ({ payment, parts }: { payment: Payment; parts: readonly Refund[] }) =>
    refundView(payment, parts),
  ),
  settings: asItIs(shopSettingsSchema.meta({ id: 'ShopSettings' })),
  shipment: view(shipmentViewSchema, ({ shipment, order }: { shipment: Shipment; order: Order }) =>
    shipmentView(shipment, order),
  ),
  shippingMethod: asItIs(shippingMethod),
  taxRate: asItIs(taxRateSchema),
};

function view<S, A>(schema: z.ZodType<A>, of: (state: S) => A): View<S, A> {
  return { schema, of };
}

/** For a state that is answered as it is stored. */
function asItIs<A>(schema: z.ZodType<A>): View<A, A> {
  return { schema, of: (state) => state };
}
