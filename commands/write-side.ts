// The write side over HTTP: every command endpoint of the shop, with the lookups that they share.
import type { Clock } from '../domain/kernel/clock.js';
import type { EmailKeyOf } from '../domain/kernel/email.js';
import type { Endpoint } from '../domain/kernel/endpoint.js';
import type { PersonalData } from '../domain/kernel/personal.js';
import type { PaymentProviderName } from '../domain/payment/events.js';
import { createAddresses } from './address/addresses.js';
import { type CartEndpointsDeps, cartEndpoints } from './cart/carts.js';
import { currentCartEndpoints } from './cart/current-carts.js';
import { type CartsInUse, createCustomerCarts } from './cart/customer-carts.js';
import type { CurrentCarts, GuestMerge } from './cart/guest-merge.js';
import { createOwnCarts } from './cart/own-carts.js';
import { type CartQuotes, createCartQuotes } from './cart/quotes.js';
import { createAvailability } from './checkout/availability.js';
import { checkoutEndpoint } from './checkout/checkout.js';
import { createOrderNumbers } from './checkout/order-numbers.js';
import type { CheckoutProcess } from './checkout/process.js';
import { createSubmissions } from './checkout/submissions.js';
import { type CouponEndpointsDeps, couponEndpoints } from './coupon/coupons.js';
import { createUsableCoupons } from './coupon/usable-coupons.js';
import { type ProfileEndpointsDeps, profileEndpoints } from './identity/profile.js';
import { createMovedOrders } from './order/moved-orders.js';
import { orderEndpoints } from './order/orders.js';
import { type ReturnEndpointsDeps, returnEndpoints } from './order/returns.js';
import type { Settlement } from './order/settlement.js';
import { type ShipmentEndpointsDeps, shipmentEndpoints } from './order/shipments.js';
import type { ShownOrders } from './order/shown-orders.js';
import type { PaymentOperations } from './payment/operations.js';
import {
  type PaymentMethodEndpointsDeps,
  paymentMethodEndpoints,
  type SavedMethods,
} from './payment/payment-methods.js';
import { type PaymentEndpointsDeps, paymentEndpoints } from './payment/payments.js';
import { type PersonalEndpointsDeps, personalEndpoints } from './personal/endpoints.js';
import { createPrices, type Prices } from './product/prices.js';
import { productEndpoints } from './product/products.js';
import type { SkuOwners } from './product/sku-owners.js';
import type { CommandRunner } from './runtime/command-runner.js';
import type { CurrentSettings } from './shop/settings.js';
import { type ShopEndpointsDeps, shopEndpoints } from './shop/shop.js';
import type { StockAllocator } from './stock/allocator.js';
import { createStockPlaces } from './stock/places.js';
import { stockEndpoints } from './stock/stock.js';
import { createTariffs, type Tariffs } from './tariffs/current-tariffs.js';
import { type TariffEndpointsDeps, tariffEndpoints } from './tariffs/tariffs.js';
import { type ViewEndpointsDeps, viewEndpoints } from './view/views.js';

/** The current prices. Carts are shown at the same quotes at which they are ordered. */
interface Pricing {
  prices: Prices;
  tariffs: Tariffs;
  quotes: CartQuotes;
}

/** The views with which endpoints answer after a change. Queries answer with the same views. */
type Views = TariffEndpointsDeps['views'] & {
  account: ProfileEndpointsDeps['view'];
  cart: CartEndpointsDeps['view'];
  coupon: CouponEndpointsDeps['view'];
  order: ShownOrders;
  paymentMethod: PaymentMethodEndpointsDeps['view'];
  refund: PaymentEndpointsDeps['view'];
  return: ReturnEndpointsDeps['view'];
  settings: ShopEndpointsDeps['view'];
  shipment: ShipmentEndpointsDeps['view'];
};

export interface WriteSideDeps {
  runner: CommandRunner;
  clock: Clock;
  personal: PersonalData;
  guests: GuestMerge;
  preferences: ProfileEndpointsDeps['preferences'];
  skuOwners: SkuOwners;
  allocator: StockAllocator;
  currentCarts: CurrentCarts & CartsInUse;
  pricing: Pricing;
  views: Views;
  checkout: CheckoutProcess;
  settlement: Settlement;
  payments: PaymentOperations;
  /** The provider that charges customers. */
  provider: PaymentProviderName;
  savedMethods: SavedMethods;
  forgetting: PersonalEndpointsDeps['forgetting'];
  emailKeyOf: EmailKeyOf;
  settings: CurrentSettings;
  viewStream: ViewEndpointsDeps['views'];
  sessionOf: ViewEndpointsDeps['sessionOf'];
  /** Number of carts and SKUs to cache. By default each lookup has its own number. */
  cacheSize?: number;
}

export function createPricing({
  runner,
  skuOwners,
  personal,
  clock,
}: Pick<WriteSideDeps, 'runner' | 'skuOwners' | 'personal' | 'clock'>): Pricing {
  const prices = createPrices({ runner, skuOwners });
  const tariffs = createTariffs({ runner, clock });
  return { prices, tariffs, quotes: createCartQuotes({ prices, tariffs, personal, clock }) };
}

export function writeSide(deps: WriteSideDeps): Endpoint[] {
  const { runner, clock, personal, guests, preferences, skuOwners, allocator, currentCarts, views, settings } = deps;
  const { checkout, settlement, payments, provider, savedMethods, emailKeyOf, cacheSize } = deps;
  const caches = cacheSize === undefined ? {} : { cacheSize };
  const ownCarts = createOwnCarts({ runner, ...caches });
  const customerCarts = createCustomerCarts({ runner, currentCarts });
  const { prices, tariffs, quotes } = deps.pricing;
  const coupons = createUsableCoupons({ runner, clock });
  const availability = createAvailability({ skuOwners, allocator, ...caches });
  const numbers = createOrderNumbers({ runner, clock });
  const addresses = createAddresses({ settings, tariffs });
  const moved = createMovedOrders({ runner, tariffs, clock });
  const submissions = createSubmissions({ availability, coupons, quotes, numbers, settings });
  const places = createStockPlaces({ runner, skuOwners });
  return [
    ...productEndpoints({ runner, skuOwners, settings }),
    ...stockEndpoints({ runner, skuOwners }),
    ...couponEndpoints({ runner, settings, view: views.coupon }),
    ...tariffEndpoints({ runner, tariffs, settings, views }),
    ...shopEndpoints({ runner, settings, view: views.settings }),
    ...currentCartEndpoints({ guests, view: views.cart }),
    ...cartEndpoints({
      runner,
      ownCarts,
      customerCarts,
      prices,
      quotes,
      coupons,
      settings,
      addresses,
      view: views.cart,
    }),
    checkoutEndpoint({
      runner,
      ownCarts,
      submissions,
      availability,
      process: checkout,
      view: views.order,
      provider,
      emailKeyOf,
    }),
    ...orderEndpoints({ runner, checkout, settlement, view: views.order, personal, addresses, moved }),
    ...shipmentEndpoints({ runner, settlement, personal, view: views.shipment }),
    ...returnEndpoints({ runner, settlement, places, personal, view: views.return }),
    ...paymentEndpoints({ runner, payments, personal, view: views.refund }),
    ...profileEndpoints({ runner, personal, addresses, preferences, view: views.account }),
    ...personalEndpoints({ forgetting: deps.forgetting }),
    ...viewEndpoints({ runner, views: deps.viewStream, sessionOf: deps.sessionOf, clock }),
    ...paymentMethodEndpoints({ methods: savedMethods, view: views.paymentMethod }),
  ];
}
