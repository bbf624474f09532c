// All events of the shop. An event that is not listed here can be neither written nor read.
import { type CartEvent, cartEvents } from './cart/events.js';
import { type CouponEvent, couponEvents } from './coupon/events.js';
import { type CustomerEvent, customerEvents, type EmailClaimEvent, emailClaimEvents } from './customer/events.js';
import { type CustomerCartsEvent, customerCartsEvents } from './customer-carts/events.js';
import { type ReturnEvent, returnEvents, type ShipmentEvent, shipmentEvents } from './fulfilment/events.js';
import { type EventDefinitions, eventTypesOf } from './kernel/event.js';
import { type OpeningEvent, openingEvents } from './openings/events.js';
import { type OpsEvent, opsEvents } from './ops/events.js';
import { type OrderEvent, orderEvents } from './order/events.js';
import { type OrderNumberEvent, orderNumberEvents } from './order-numbers/events.js';
import { type PaymentEvent, paymentEvents } from './payment/events.js';
import { type ProductEvent, productEvents, type SkuClaimEvent, skuClaimEvents } from './product/events.js';
import { type SettingsEvent, settingsEvents } from './shop/events.js';
import { type StaffEvent, staffEvents } from './staff/events.js';
import { type StockEvent, stockEvents } from './stock/events.js';
import { type StockFileEvent, stockFileEvents } from './stock/stock-file.js';
import { type ShippingTableEvent, shippingTableEvents, type TaxTableEvent, taxTableEvents } from './tariffs/events.js';

const parts = [
  productEvents,
  skuClaimEvents,
  stockEvents,
  cartEvents,
  orderEvents,
  paymentEvents,
  shipmentEvents,
  returnEvents,
  couponEvents,
  taxTableEvents,
  shippingTableEvents,
  settingsEvents,
  orderNumberEvents,
  customerEvents,
  emailClaimEvents,
  customerCartsEvents,
  staffEvents,
  openingEvents,
  opsEvents,
  stockFileEvents,
];

export const eventTypes = eventTypesOf(...parts);

export const shopEvents: EventDefinitions = Object.assign({}, ...parts);

export type ShopEvent =
  | ProductEvent
  | SkuClaimEvent
  | StockEvent
  | CartEvent
  | OrderEvent
  | PaymentEvent
  | ShipmentEvent
  | ReturnEvent
  | CouponEvent
  | TaxTableEvent
  | ShippingTableEvent
  | SettingsEvent
  | OrderNumberEvent
  | CustomerEvent
  | EmailClaimEvent
  | CustomerCartsEvent
  | StaffEvent
  | OpeningEvent
  | OpsEvent
  | StockFileEvent;
