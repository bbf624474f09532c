// A product with its availability, shared by all product read models: fed by product# and by the stock# of its SKUs.
import { changed, defined } from '../../domain/kernel/json.js';
import {
  type ProductDetails,
  type ProductEvent,
  type ProductRevision,
  productDetailsSchema,
  type Variant,
} from '../../domain/product/events.js';
import type { Product } from '../../domain/product/product.js';
import type { StockEvent } from '../../domain/stock/events.js';
import type { Handler, Projection } from '../runtime/projection.js';

/** A record with keys chosen by the seller, stored as a list: stores do not accept dots and dollars in field names. */
type Entries<V> = readonly { name: string; value: V }[];

interface StoredVariant extends Omit<Variant, 'options'> {
  options?: Entries<string>;
}

/** The part of product#; absent if stock events arrived first. */
interface ProductPart extends Omit<ProductDetails, 'attributes'> {
  id: string;
  version: number;
  status: Product['status'];
  attributes?: Entries<string | number | boolean>;
  variants: readonly StoredVariant[];
}

export type ProductDocument = Partial<ProductPart> & {
  /**
   * The part of stock#: places with available stock as `<sku>@<location>`, sorted. A list, because stores do not accept dots in
   * keys.
   */
  stocked?: readonly string[];
};

/** A product as callers see it. */
export interface ProductView extends ProductDetails {
  id: string;
  /** Version of the product's stream. Stock events do not change it. */
  version: number;
  status: Product['status'];
  variants: (Variant & { inStock: boolean })[];
}

/** Undefined if only stock events are known. */
export function productView({ stocked = [], ...part }: ProductDocument): ProductView | undefined {
  if (!isWhole(part)) return undefined;
  const skus = new Set(stocked.map((place) => place.slice(0, place.indexOf('@'))));
  const { id, version, status, attributes, variants } = part;
  return {
    ...detailsIn(part),
    id,
    version,
    status,
    ...defined({ attributes: attributes ? fromEntries(attributes) : undefined }),
    variants: variants.map(({ sku, prices, options, weight }) => ({
      sku,
      prices,
      inStock: skus.has(sku),
      ...defined({ options: options ? fromEntries(options) : undefined, weight }),
    })),
  };
}

const DETAILS = Object.keys(productDetailsSchema.shape) as (keyof ProductDetails)[];

/** The document may have other fields, for the queries of its read model. */
function detailsIn(part: ProductPart): Omit<ProductDetails, 'attributes'> {
  const entries = DETAILS.filter((name) => part[name] !== undefined).map((name) => [name, part[name]]);
  return Object.fromEntries(entries) as Omit<ProductDetails, 'attributes'>;
}

type ProductModelEvent =
  | ProductEvent
  | Extract<StockEvent, { type: 'StockReplenished' | 'StockDepleted' | 'StockShipped' }>;
type ProductHandlers = Projection<ProductDocument, ProductModelEvent>['on'];

/** A read model of products. `derive` adds the fields that its queries need to a document that has changed. */
export function productProjection<D extends ProductDocument = ProductDocument>(
  definition: Pick<Projection<D>, 'name' | 'version' | 'fields' | 'indexes' | 'beside'>,
  derive: (document: D) => D = (document) => document,
  /** Handlers that change the document further, after those of all product read models. */
  more: Projection<D, ProductModelEvent>['on'] = {},
): Projection<D, ProductModelEvent> {
  const handlers = withMore({ ...mapped(productHandlers, versioned), ...stockHandlers }, more as ProductHandlers);
  const on = mapped(handlers, (handler) => deriving(handler, derive as never));
  return { ...definition, categories: ['product', 'stock'], on: on as Projection<D, ProductModelEvent>['on'] };
}

function withMore(handlers: ProductHandlers, more: ProductHandlers): ProductHandlers {
  const both = Object.entries(more).map(([type, handler]) => {
    const first = handlers[type as keyof ProductHandlers] as AnyHandler | undefined;
    return [type, first ? afterwards(first, handler as AnyHandler) : handler];
  });
  return { ...handlers, ...Object.fromEntries(both) };
}

function afterwards(first: AnyHandler, then: AnyHandler): AnyHandler {
  return {
    keys: first.keys,
    evolve(before, event, key, at) {
      const after = first.evolve(before, event, key, at);
      return then.evolve(after ?? undefined, event, key, at);
    },
  };
}

type AnyHandler = Handler<ProductDocument, ProductModelEvent>;

function mapped(handlers: ProductHandlers, change: (handler: AnyHandler) => AnyHandler): ProductHandlers {
  return Object.fromEntries(Object.entries(handlers).map(([type, handler]) => [type, change(handler as AnyHandler)]));
}

function versioned({ keys, evolve }: AnyHandler): AnyHandler {
  return {
    keys,
    evolve: (before, event, key, at) => ({ ...evolve(before, event, key, at), version: event.version }),
  };
}

function deriving({ keys, evolve }: AnyHandler, derive: (document: ProductDocument) => ProductDocument): AnyHandler {
  return {
    keys,
    evolve(before, event, key, at) {
      const after = evolve(before, event, key, at);
      return after && after !== before ? derive(after) : after;
    },
  };
}

const keys = ({ data }: { data: { productId: string } }): readonly string[] => [data.productId];

const productHandlers: Pick<ProductHandlers, ProductEvent['type']> = {
  ProductDrafted: {
    keys,
    evolve(before, { data: { productId, ...details } }) {
      return withoutNulls({ ...before, ...detailsOf(details), id: productId, status: 'draft', variants: [] });
    },
  },
  VariantAdded: {
    keys,
    evolve(before, { data: { sku, prices, options, weight } }) {
      const variant: StoredVariant = {
        sku,
        prices,
        ...defined({ options: options ? toEntries(options) : undefined, weight }),
      };
      return { ...before, variants: [...(before?.variants ?? []), variant] };
    },
  },
  VariantPricesSet: {
    keys,
    evolve: (before, { data: { sku, prices } }) => withVariant(before, sku, { prices }),
  },
  VariantWeighed: {
    keys,
    evolve: (before, { data: { sku, weight } }) => withVariant(before, sku, { weight }),
  },
  VariantRetired: {
    keys,
    evolve: (before, { data: { sku } }) => ({
      ...before,
      variants: (before?.variants ?? []).filter((variant) => variant.sku !== sku),
    }),
  },
  ProductRevised: {
    keys,
    evolve: (before, { data: { productId, ...changes } }) => withoutNulls({ ...before, ...detailsOf(changes) }),
  },
  ProductPublished: { keys, evolve: (before) => ({ ...before, status: 'published' }) },
  ProductUnpublished: { keys, evolve: (before) => ({ ...before, status: 'unpublished' }) },
  ProductDiscontinued: { keys, evolve: (before) => ({ ...before, status: 'discontinued' }) },
};

const stockHandlers: Pick<ProductHandlers, 'StockReplenished' | 'StockDepleted'> = {
  StockReplenished: {
    keys,
    evolve(before, { data }) {
      const places = new Set(before?.stocked).add(placeOf(data));
      return { ...before, stocked: [...places].sort() };
    },
  },
  StockDepleted: {
    keys,
    evolve: (before, { data }) => ({
      ...before,
      stocked: (before?.stocked ?? []).filter((place) => place !== placeOf(data)),
    }),
  },
};

/** A cleared field stays `null`. */
function detailsOf({ attributes, ...details }: ProductRevision) {
  return { ...details, ...defined({ attributes: attributes && toEntries(attributes) }) };
}

function withoutNulls(document: object): ProductDocument {
  return Object.fromEntries(Object.entries(document).filter(([, value]) => value !== null));
}

function withVariant(
  before: ProductDocument | undefined,
  sku: string,
  change: Parameters<typeof changed<StoredVariant>>[1],
): ProductDocument {
  const variants = before?.variants ?? [];
  return { ...before, variants: variants.map((old) => (old.sku === sku ? changed(old, change) : old)) };
}

function toEntries<V>(record: Readonly<Record<string, V>>): Entries<V> {
  return Object.entries(record).map(([name, value]) => ({ name, value }));
}

function fromEntries<V>(entries: Entries<V>): Record<string, V> {
  return Object.fromEntries(entries.map(({ name, value }) => [name, value]));
}

function isWhole(part: Partial<ProductPart>): part is ProductPart {
  return part.id !== undefined;
}

function placeOf({ sku, location }: { sku: string; location: string }): string {
  return `${sku}@${location}`;
}
