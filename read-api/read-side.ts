// The read side: the queries of all subjects with their dependencies.
import type { EmailKeyOf } from '../domain/kernel/email.js';
import type { Endpoint } from '../domain/kernel/endpoint.js';
import type { EventStore } from '../domain/kernel/event-store.js';
import type { PersonalData } from '../domain/kernel/personal.js';
import type { CatalogueQueries } from '../projections/models/catalogue.js';
import type { OrderQueries } from '../projections/models/orders.js';
import type { ProductPageQueries } from '../projections/models/product-page.js';
import type { ProductSearchQueries } from '../projections/models/product-search.js';
import type { StockQueries } from '../projections/models/stock.js';
import type { WorkLists } from '../projections/models/work-lists.js';
import type { Visibility } from '../projections/visibility.js';
import { type ConfigQueryDeps, configQuery } from './queries/config.js';
import { orderQueries } from './queries/orders.js';
import { type ProductQueryDeps, productQueries } from './queries/products.js';
import { stockQuery } from './queries/stock.js';
import { stockMovementsQuery } from './queries/stock-movements.js';
import { workListQueries } from './queries/work-lists.js';

export interface ReadSideDeps {
  queries: {
    catalogue: CatalogueQueries;
    productPage: ProductPageQueries;
    productSearch: ProductSearchQueries;
    orders: OrderQueries;
    workLists: WorkLists;
    stock: StockQueries;
  };
  visibility: Record<'catalogue' | 'productPage' | 'productSearch' | 'orders' | 'stock', Visibility>;
  settings: { current: ConfigQueryDeps['settings']; currencyOf: ProductQueryDeps['currencyOf'] };
  store: Pick<EventStore, 'read'>;
  personal: Pick<PersonalData, 'open'>;
  emailKeyOf: EmailKeyOf;
  /** Customers' browsers need it to pay with Stripe. */
  publishableKey: string | undefined;
}

export function readSide(deps: ReadSideDeps): Endpoint[] {
  const { queries, visibility, settings, store, personal, emailKeyOf, publishableKey } = deps;
  const model = <K extends keyof typeof queries & keyof typeof visibility>(name: K) => {
    return { queries: queries[name], visibility: visibility[name] };
  };
  return [
    ...productQueries({
      catalogue: model('catalogue'),
      productPage: model('productPage'),
      productSearch: model('productSearch'),
      currencyOf: settings.currencyOf,
    }),
    ...orderQueries({ ...model('orders'), personal, emailKeyOf }),
    ...workListQueries({ queries: queries.workLists, visibility: visibility.orders }),
    stockQuery(model('stock')),
    stockMovementsQuery({ store }),
    configQuery({ settings: settings.current, stripePublishableKey: publishableKey }),
  ];
}
