// The write side over HTTP: every command endpoint of the shop, with the look-ups that they share.
import type { Clock } from '../../domain/kernel/clock.js';
import type { EmailKeyOf } from '../../domain/kernel/email.js';
import type { Endpoint } from '../../domain/kernel/endpoint.js';
import type { PersonalData } from '../../domain/kernel/personal.js';
import type { PaymentProviderName } from '../../domain/payment/events.js';
import type { TokenReader } from '../identity/ports.js';
import { createAddresses } from '../lookups/addresses.js';
import { createAvailability } from '../lookups/availability.js';
import { createTariffs } from '../lookups/current-tariffs.js';
import { type CartsInUse, createCustomerCarts } from '../lookups/customer-carts.js';
import { createMovedOrders } from '../lookups/moved-orders.js';
import { createOrderNumbers } from '../lookups/order-numbers.js';
import { createOwnCarts } from '../lookups/own-carts.js';
import { createPrices } from '../lookups/prices.js';
import type { CurrentSettings } from '../lookups/shop-settings.js';
import type { SkuOwners } from '../lookups/sku-owners.js';
import type { StockAllocator } from '../lookups/stock-allocator.js';
import { createStockPlaces } from '../lookups/stock-places.js';
import { createUsableCoupons } from '../lookups/usable-coupons.js';
import type { CheckoutProcess } from '../processes/checkout-process.js';
import type { PaymentOperations } from '../processes/payment-operations.js';
import type { Settlement } from '../processes/settlement.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import { createCartQuotes } from './cart-quotes.js';
import { cartEndpoints } from './carts.js';
import { type CheckoutEndpointDeps, checkoutEndpoint } from './checkout.js';
import { couponEndpoints } from './coupons.js';
import { type CurrentCarts, currentCartEndpoints } from './current-carts.js';
import { orderEndpoints } from './orders.js';
import { paymentEndpoints } from './payments.js';
import { productEndpoints } from './products.js';
import { returnEndpoints } from './returns.js';
import { shipmentEndpoints } from './shipments.js';
import { shopEndpoints } from './shop.js';
import { stockEndpoints } from './stock.js';
import { createSubmissions } from './submissions.js';
import { tariffEndpoints } from './tariffs.js';

export interface WriteSideDeps {
  runner: CommandRunner;
  clock: Clock;
  personal: PersonalData;
  tokens: TokenReader;
  skuOwners: SkuOwners;
  allocator: StockAllocator;
  currentCarts: CurrentCarts & CartsInUse;
  orders: CheckoutEndpointDeps['orders'];
  checkout: CheckoutProcess;
  settlement: Settlement;
  payments: PaymentOperations;
  /** Who is asked for the money. */
  provider: PaymentProviderName;
  emailKeyOf: EmailKeyOf;
  settings: CurrentSettings;
  /** How many carts and SKUs are remembered; each look-up has a number of its own. */
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
    ...paymentEndpoints({ runner, payments }),
  ];
}
