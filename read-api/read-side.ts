// The read side: the queries of all subjects with their dependencies. Some query a read model, some fold a stream.
import type { Clock } from '../domain/kernel/clock.js';
import type { EmailKeyOf } from '../domain/kernel/email.js';
import type { Endpoint } from '../domain/kernel/endpoint.js';
import type { EventStore } from '../domain/kernel/event-store.js';
import type { PersonalData } from '../domain/kernel/personal.js';
import type { States } from '../domain/kernel/states.js';
import type { AlsoBoughtQueries } from '../projections/models/also-bought.js';
import type { CatalogueQueries } from '../projections/models/catalogue.js';
import type { CustomerQueries } from '../projections/models/customers.js';
import type { OrderQueries } from '../projections/models/orders.js';
import type { ProductPageQueries } from '../projections/models/product-page.js';
import type { ProductSearchQueries } from '../projections/models/product-search.js';
import type { StockQueries } from '../projections/models/stock.js';
import type { WorkLists } from '../projections/models/work-lists.js';
import type { Rebuilds } from '../projections/rebuild/rebuilds.js';
import type { ReadModel } from '../projections/visibility.js';
import { auditQueries } from './audit/audit.js';
import type { LogReader } from './audit/log.js';
import { type ArchiveQueries, verificationQuery } from './audit/verification.js';
import { type AccountQueryDeps, accountQueries, customerQuery } from './queries/accounts.js';
import { cartQueries } from './queries/carts.js';
import { type ConfigQueryDeps, configQuery } from './queries/config.js';
import { couponQuery } from './queries/coupons.js';
import type { CurrentCartReader } from './queries/current-carts.js';
import { type MeExportDeps, meExportQuery } from './queries/me-export.js';
import { orderQueries } from './queries/orders.js';
import { type PaymentMethodQueryDeps, paymentMethodQuery } from './queries/payment-methods.js';
import { paymentQuery } from './queries/payments.js';
import { type ProductQueryDeps, productQueries } from './queries/products.js';
import { projectionEndpoints } from './queries/projections.js';
import { type RecommendationQueryDeps, recommendationQueries } from './queries/recommendations.js';
import { returnQuery } from './queries/returns.js';
import { shipmentQuery } from './queries/shipments.js';
import { shopQuery } from './queries/shop.js';
import { stockQuery } from './queries/stock.js';
import { stockMovementsQuery } from './queries/stock-movements.js';
import { tariffQueries } from './queries/tariffs.js';
import { workListQueries } from './queries/work-lists.js';
import type { CartQuotes } from './views/cart.js';
import type { Views } from './views.js';

export interface StreamQueryDeps {
  states: States;
  personal: Pick<PersonalData, 'open'>;
  currentCarts: CurrentCartReader;
  quotes: CartQuotes;
  savedMethods: PaymentMethodQueryDeps['savedMethods'];
  preferences: AccountQueryDeps['preferences'];
  views: Views;
}

/** Queries whose answers do not come from a read model: they fold a stream, or ask the payment provider. */
export function streamQueries(deps: StreamQueryDeps): Endpoint[] {
  const { states, personal, currentCarts, quotes, savedMethods, preferences, views } = deps;
  return [
    ...accountQueries({ states, preferences, view: views.account }),
    ...cartQueries({ states, currentCarts, quotes, view: views.cart }),
    shipmentQuery({ states, view: views.shipment }),
    returnQuery({ states, view: views.return }),
    paymentQuery({ states, personal }),
    paymentMethodQuery({ savedMethods, view: views.paymentMethod }),
    ...tariffQueries({ states, views }),
    couponQuery({ states, view: views.coupon }),
    shopQuery({ states, view: views.settings }),
  ];
}

export interface ReadSideDeps extends StreamQueryDeps {
  queries: {
    catalogue: ReadModel<CatalogueQueries>;
    productPage: ReadModel<ProductPageQueries>;
    alsoBought: ReadModel<AlsoBoughtQueries>;
    productSearch: ReadModel<ProductSearchQueries>;
    customers: ReadModel<CustomerQueries>;
    orders: ReadModel<OrderQueries>;
    workLists: ReadModel<WorkLists>;
    stock: ReadModel<StockQueries>;
  };
  settings: { current: ConfigQueryDeps['settings']; currencyOf: ProductQueryDeps['currencyOf'] };
  browsing: RecommendationQueryDeps['browsing'];
  sessionOf: RecommendationQueryDeps['sessionOf'];
  store: Pick<EventStore, 'read' | 'stored' | 'watermark'>;
  decode: LogReader['decode'];
  earliestOf: LogReader['earliestOf'];
  clock: Clock;
  emailKeyOf: EmailKeyOf;
  ownStreams: MeExportDeps['own'];
  recordOpening: MeExportDeps['recordOpening'];
  archive: ArchiveQueries;
  rebuilds: Rebuilds;
  /** Customers' browsers need it to pay with Stripe. */
  publishableKey: string | undefined;
}

export function readSide(deps: ReadSideDeps): Endpoint[] {
  const { queries, settings, store, decode, earliestOf, clock, personal, emailKeyOf, publishableKey } = deps;
  return [
    ...streamQueries(deps),
    ...productQueries({ ...queries, currencyOf: settings.currencyOf }),
    ...recommendationQueries({ ...deps, ...queries }),
    ...orderQueries({ ...queries, personal, emailKeyOf }),
    customerQuery({ ...queries, emailKeyOf, view: deps.views.account }),
    ...workListQueries({ ...queries, personal }),
    ...projectionEndpoints(deps),
    stockQuery(queries),
    stockMovementsQuery({ store }),
    meExportQuery({ ...deps, own: deps.ownStreams }),
    ...auditQueries({ store, decode, earliestOf, clock, orders: { orders: queries.orders, personal, emailKeyOf } }),
    verificationQuery({ archive: deps.archive, store }),
    configQuery({ settings: settings.current, stripePublishableKey: publishableKey }),
  ];
}
