// The write side over HTTP: every command endpoint of the shop, with the lookups that they share.
import type { Clock } from '../domain/kernel/clock.js';
import type { EmailKeyOf } from '../domain/kernel/email.js';
import type { Endpoint } from '../domain/kernel/endpoint.js';
import type { PersonalData } from '../domain/kernel/personal.js';
import type { PaymentProviderName } from '../domain/payment/events.js';
import { createAddresses } from './address/addresses.js';
import { cartEndpoints } from './cart/carts.js';
import { type CurrentCarts, currentCartEndpoints } from './cart/current-carts.js';
import { type CartsInUse, createCustomerCarts } from './cart/customer-carts.js';
import { createOwnCarts } from './cart/own-carts.js';
import { createCartQuotes } from './cart/quotes.js';
import { createAvailability } from './checkout/availability.js';
import { checkoutEndpoint } from './checkout/checkout.js';
import { createOrderNumbers } from './checkout/order-numbers.js';
import type { CheckoutProcess } from './checkout/process.js';
import { createSubmissions } from './checkout/submissions.js';
import { couponEndpoints } from './coupon/coupons.js';
import { createUsableCoupons } from './coupon/usable-coupons.js';
import type { TokenReader } from './identity/ports.js';
import { createMovedOrders } from './order/moved-orders.js';
import { orderEndpoints } from './order/orders.js';
import { returnEndpoints } from './order/returns.js';
import type { Settlement } from './order/settlement.js';
import { shipmentEndpoints } from './order/shipments.js';
import type { ShownOrders } from './order/shown-orders.js';
import type { PaymentOperations } from './payment/operations.js';
import { paymentEndpoints } from './payment/payments.js';
import { createPrices } from './product/prices.js';
import { productEndpoints } from './product/products.js';
import type { SkuOwners } from './product/sku-owners.js';
import type { CommandRunner } from './runtime/command-runner.js';
import type { CurrentSettings } from './shop/settings.js';
import { shopEndpoints } from './shop/shop.js';
import type { StockAllocator } from './stock/allocator.js';
import { createStockPlaces } from './stock/places.js';
import { stockEndpoints } from './stock/stock.js';
import { createTariffs } from './tariffs/current-tariffs.js';
import { tariffEndpoints } from './tariffs/tariffs.js';

export interface WriteSideDeps {
  runner: CommandRunner;
  clock: Clock;
  personal: PersonalData;
  tokens: TokenReader;
  skuOwners: SkuOwners;
  allocator: StockAllocator;
  currentCarts: CurrentCarts & CartsInUse;
  orders: ShownOrders;
  checkout: CheckoutProcess;
  settlement: Settlement;
  payments: PaymentOperations;
  /** The provider that charges customers. */
  provider: PaymentProviderName;
  emailKeyOf: EmailKeyOf;
  settings: CurrentSettings;
  /** Number of carts and SKUs to cache. By default each lookup has its own number. */
  cacheSize?: number;
}

export function writeSide(deps: WriteSideDeps): Endpoint[] {
  const { runner, clock, personal, tokens, skuOwners, allocator, currentCarts, orders, settings } = deps;
  const { checkout, settlement, payments, provider, emailKeyOf, cacheSize } = deps;
  const caches = cacheSize === undefined ? {} : { cacheSize };
  const ownCarts = createOwnCarts({ runner, ...caches });
  const customerCarts = createCustomerCarts({ runner, currentCarts });
  const prices = createPrices({ runner, skuOwners });
  const tariffs = createTariffs({ runner, clock });
  const quotes = createCartQuotes({ prices, tariffs, personal, clock });
  const coupons = createUsableCoupons({ runner, clock });
  const availability = createAvailability({ skuOwners, allocator, ...caches });
  const numbers = createOrderNumbers({ runner, clock });
  const addresses = createAddresses({ settings, tariffs });
  const moved = createMovedOrders({ runner, tariffs, clock });
  const submissions = createSubmissions({ availability, coupons, quotes, numbers, settings });
  return [
    ...productEndpoints({ runner, skuOwners, settings }),
    ...stockEndpoints({ runner, skuOwners }),
    ...couponEndpoints({ runner, settings }),
    ...tariffEndpoints({ runner, tariffs, settings }),
    ...shopEndpoints({ runner, settings }),
    ...currentCartEndpoints({ runner, currentCarts, customerCarts, tokens, quotes }),
    ...cartEndpoints({ runner, ownCarts, customerCarts, prices, quotes, coupons, settings, addresses }),
    checkoutEndpoint({ runner, ownCarts, submissions, availability, process: checkout, orders, provider, emailKeyOf }),
    ...orderEndpoints({ runner, checkout, settlement, orders, personal, addresses, moved }),
    ...shipmentEndpoints({ runner, settlement }),
    ...returnEndpoints({ runner, settlement, places: createStockPlaces({ runner, skuOwners }) }),
    ...paymentEndpoints({ runner, payments, personal }),
  ];
}
