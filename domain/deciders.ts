// All aggregates of the shop: the decider of each category of streams.
import { cart } from './cart/cart.js';
import { coupon } from './coupon/coupon.js';
import { customer } from './customer/customer.js';
import { emailClaim } from './customer/email-claim.js';
import { customerCarts } from './customer-carts/customer-carts.js';
import { returns } from './fulfilment/return.js';
import { shipment } from './fulfilment/shipment.js';
import type { Decider } from './kernel/decider.js';
import type { DomainEvent } from './kernel/event.js';
import { openings } from './openings/openings.js';
import { ops } from './ops/ops.js';
import { order } from './order/order.js';
import { orderNumbers } from './order-numbers/order-numbers.js';
import { payment } from './payment/payment.js';
import { product } from './product/product.js';
import { skuClaim } from './product/sku-claim.js';
import { shop } from './shop/shop.js';
import { staff } from './staff/staff.js';
import { stockFile } from './stock/stock-file.js';
import { stockItem } from './stock/stock-item.js';
import { shippingTable } from './tariffs/shipping-table.js';
import { taxTable } from './tariffs/tax-table.js';

/** A decider without the types of its commands, state and events. */
export type AnyDecider = Decider<unknown, unknown, DomainEvent>;

export const DECIDERS: readonly AnyDecider[] = [
  product,
  skuClaim,
  stockItem,
  cart,
  order,
  payment,
  shipment,
  returns,
  coupon,
  taxTable,
  shippingTable,
  shop,
  orderNumbers,
  customer,
  emailClaim,
  customerCarts,
  staff,
  openings,
  ops,
  stockFile,
];

const BY_CATEGORY = new Map(DECIDERS.map((decider) => [decider.category, decider]));

/** The categories of streams, in alphabetical order. */
export const CATEGORIES: readonly string[] = [...BY_CATEGORY.keys()].sort();

/** Undefined for a category that no aggregate has. */
export function deciderOf(category: string): AnyDecider | undefined {
  return BY_CATEGORY.get(category);
}
