// The views that queries and commands share: each answer has one shape, however it is asked for.
import { z } from 'zod';
import type { View } from '../domain/kernel/answers.js';
import type { States } from '../domain/kernel/states.js';
import { shopSettingsSchema } from '../domain/shop/events.js';
import { shippingMethodSchema, shippingZoneSchema, taxRateSchema } from '../domain/tariffs/events.js';
import { createAccountView } from './views/account.js';
import { type CartQuotes, createCartView } from './views/cart.js';
import { couponView } from './views/coupon.js';
import { createOrderView, type OrderViewDeps } from './views/order.js';
import { createRefundView } from './views/refund.js';
import { createReturnView } from './views/return.js';
import { savedMethodSchema } from './views/saved-method.js';
import { createShipmentView } from './views/shipment.js';

export interface ViewDeps extends OrderViewDeps {
  states: States;
  quotes: Pick<CartQuotes, 'of'>;
}

export type Views = ReturnType<typeof createViews>;

export function createViews({ states, quotes, ...order }: ViewDeps) {
  return {
    ...plainViews,
    account: createAccountView(order.personal),
    cart: createCartView(quotes),
    order: createOrderView(order),
    refund: createRefundView(order.personal),
    return: createReturnView({ states, personal: order.personal }),
    shipment: createShipmentView(order.personal),
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
  settings: asItIs(shopSettingsSchema.meta({ id: 'ShopSettings' })),
  shippingMethod: asItIs(shippingMethod),
  taxRate: asItIs(taxRateSchema),
};

/** For a state that is answered as it is stored. */
function asItIs<A>(schema: z.ZodType<A>): View<A, A> {
  return { schema, of: (state) => state };
}
