// Product search: by words, codes, price, facets and attributes. See docs/search.md.
import { type Money, sum } from '../../domain/kernel/money.js';
import type { Page, PageRequest } from './page.js';
import { withPart } from './parts.js';
import { type ProductDocument, type ProductView, productProjection, productView } from './product.js';
import { searchWords } from './search-words.js';
import { byName, filterKey, folded, indexedWords, sortKey } from './texts.js';

/**
 * The facets: fields by whose values products are filtered and counted. A product may have several values of a facet. A search
 * parameter has the name of its facet.
 */
export const FACETS = {
  category: ({ categories = [] }) => categories,
  brand: ({ brand }) => (brand === undefined ? [] : [brand]),
  inStock: ({ variants }) => [String(variants.some(({ inStock }) => inStock))],
} satisfies Record<string, (product: ProductView) => readonly string[]>;

export type Facet = keyof typeof FACETS;

export const FACET_NAMES = Object.keys(FACETS) as Facet[];

/** The most values of a facet that an answer lists, those of most products first. */
export const MAX_FACET_VALUES = 20;

/** The most spellings of values that a store counts for a facet. Spellings with the same filter key are one value. */
export const MAX_FACET_SPELLINGS = 100;

export interface FacetValue {
  value: string;
  /** Products with this value. */
  count: number;
}

export type FacetCounts = Record<Facet, FacetValue[]>;

/** The most values of attributes that an answer lists, of the attributes that most products have. */
export const MAX_ATTRIBUTE_FACETS = 20;

/** The values of attributes are counted among so many products at most. Among more they would tell little, and cost much. */
export const MAX_ATTRIBUTE_FACET_PRODUCTS = 500;

/** Spellings of values of attributes that a store counts. */
export const MAX_ATTRIBUTE_SPELLINGS = 1_000;

/** Attributes that a search may filter by at once. */
export const MAX_ATTRIBUTE_FILTERS = 5;

export interface AttributeFacet {
  name: string;
  values: FacetValue[];
}

export interface AttributeFilter {
  name: string;
  value: string;
}

export type ProductSearchDocument = ProductDocument & {
  /** First publication, in ms of the log's clock. */
  publishedAt?: number;
  /** The part of stock#: units shipped, by `<sku>@<location>`. A list, because stores do not accept dots in keys. */
  shipped?: readonly { location: string; units: number }[];
  /** The words of title, brand and codes, for a search by common words only. */
  words?: string;
  stems?: string;
  ranked?: string;
  /** Points that depend on the product alone: for a short title, stock and popularity. */
  standing?: number;
  brevity?: number;
  /** Units sold. */
  sold?: number;
  /** Keys that are compared with the titles, SKUs and EANs of queries. */
  titleKey?: string;
  codeKeys?: string[];
  /** The values of all facets as they are counted (`brand:Acme`), and as they are filtered (`brand:acme`). */
  facetValues?: string[];
  facetKeys?: string[];
  /** The same of all attributes: `Colour:Dark red` and `colour:dark red`. One field for all, however many names there are. */
  attributeValues?: string[];
  attributeKeys?: string[];
  /** Lowest price of a variant in each currency, in its minor units. */
  lowestPrices?: Record<string, number>;
};

export const productSearch = productProjection<ProductSearchDocument>(
  {
    name: 'product-search',
    version: 6,
    fields: {
      id: 'keyword',
      status: 'keyword',
      words: 'text',
      stems: 'text',
      ranked: 'text',
      brevity: 'number',
      standing: 'number',
      sold: 'number',
      publishedAt: 'number',
      titleKey: 'keyword',
      facetValues: 'values',
      facetKeys: 'keywords',
      attributeValues: 'values',
      attributeKeys: 'keywords',
      codeKeys: 'keywords',
      lowestPrices: 'numbers',
    },
    beside: [
      ...['status', 'titleKey', 'ranked', 'brevity', 'standing', 'sold', 'publishedAt', 'facetValues', 'lowestPrices'],
    ],
    indexes: [['titleKey']],
  },
  searchable,
  {
    ProductPublished: {
      keys: ({ data }) => [data.productId],
      evolve: (before: ProductSearchDocument | undefined, _event, _key, at) =>
        before?.publishedAt === undefined ? { ...before, publishedAt: at } : before,
    },
    StockShipped: {
      keys: ({ data: { productId } }) => (productId === undefined ? [] : [productId]),
      evolve(before: ProductSearchDocument | undefined, { data: { sku, location, quantity } }) {
        const place = `${sku}@${location}`;
        const units = before?.shipped?.find((part) => part.location === place)?.units ?? 0;
        return { ...before, shipped: withPart(before?.shipped, { location: place, units: units + quantity }) };
      },
    },
  },
);

/** Names of attributes that hold codes by which a product is found at once, and that hold its kind. */
const CODES = /^(ean|gtin|upc|isbn|mpn)([ _-]?\d+)?$/;
const KINDS = new Set(['product type', 'product_type', 'type of product']);

/** Points for a product in stock, and for ten, a hundred, a thousand units sold. */
const STOCK_POINTS = 0.3;
const POPULARITY_POINTS = 0.1;

/** Only published products are found, so the others need none of the fields that are made here. */
function searchable(document: ProductSearchDocument): ProductSearchDocument {
  const view = productView(document);
  if (view?.status !== 'published') return withoutMade(document);
  const { title, brand, description, categories = [], variants } = view;
  const attributes = Object.entries(view.attributes ?? {});
  const isOf = (names: { test(name: string): boolean }) => (entry: [string, unknown]) => names.test(folded(entry[0]));
  const codes = [
    ...variants.map(({ sku }) => sku),
    ...attributes.filter(isOf(CODES)).map(([, value]) => String(value)),
  ];
  const kinds = [
    ...attributes
      .filter(isOf({ test: (name) => KINDS.has(name) }))
      .flatMap(([, value]) => (typeof value === 'string' ? [value] : [])),
    ...categories,
  ];
  const facets = facetsOf(view);
  const named = attributesOf(attributes);
  const inStock = variants.some((variant) => variant.inStock);
  const sold = sum((document.shipped ?? []).map(({ units }) => units));
  const { stems, ranked, brevity } = searchWords({
    title,
    brand,
    description,
    kinds,
    attributes: attributes.flatMap(([name, value]) =>
      value === true ? [folded(name).replaceAll('_', ' ')] : typeof value === 'string' ? [value] : [],
    ),
    codes,
  });
  return {
    ...document,
    words: indexedWords([title, brand ?? '', ...codes]).words,
    stems,
    ranked,
    brevity,
    standing: Number(((inStock ? STOCK_POINTS : 0) + POPULARITY_POINTS * Math.log10(1 + sold)).toFixed(4)),
    sold,
    titleKey: sortKey(title),
    codeKeys: codes.map(filterKey),
    facetValues: [...facets.values()],
    facetKeys: [...facets.keys()],
    attributeValues: [...named.values()],
    attributeKeys: [...named.keys()],
    lowestPrices: lowestOf(variants.flatMap(({ prices }) => prices)),
  };
}

const MADE: ReadonlySet<string> = new Set([
  ...(['words', 'stems', 'ranked', 'standing', 'brevity', 'sold', 'titleKey', 'codeKeys', 'facetValues'] as const),
  ...(['facetKeys', 'attributeValues', 'attributeKeys', 'lowestPrices'] as const),
] satisfies (keyof ProductSearchDocument)[]);

function withoutMade(document: ProductSearchDocument): ProductSearchDocument {
  return Object.fromEntries(Object.entries(document).filter(([name]) => !MADE.has(name)));
}

/** The values of all attributes by their keys. */
function attributesOf(attributes: readonly [string, unknown][]): Map<string, string> {
  return new Map(
    attributes.map(([name, value]) => {
      const shown = name.replaceAll(':', ' ');
      return [attributeKey({ name, value: String(value) }), `${shown}:${value}`];
    }),
  );
}

/** The key by which products with this value of an attribute are found. */
export function attributeKey({ name, value }: AttributeFilter): string {
  return `${filterKey(name.replaceAll(/[:;]/g, ' '))}:${filterKey(value.replaceAll(';', ' '))}`;
}

/** The spellings of the values of attributes of some products, such as `Colour:Black`, with their counts. */
export interface AttributeCounts {
  spellings: readonly FacetValue[];
  /** The number of these products; there are no spellings if it is above `MAX_ATTRIBUTE_FACET_PRODUCTS`. */
  found: number;
}

/**
 * The facets of attributes. `count` counts among the products that a request finds. An attribute with a filter is counted again
 * without it, so that it keeps its other values.
 */
export async function attributeFacets(
  request: ProductSearchRequest,
  count: (request: ProductSearchRequest) => Promise<AttributeCounts>,
): Promise<AttributeFacet[] | undefined> {
  const { attributes = [] } = request;
  const [all, ...without] = await Promise.all([
    count(request),
    ...attributes.map((filter) => count({ ...request, attributes: attributes.filter((other) => other !== filter) })),
  ]);
  if (!all || all.found > MAX_ATTRIBUTE_FACET_PRODUCTS) return undefined;
  const facets = facetsFrom(all);
  const own = attributes.flatMap(({ name }, index) => {
    const counted = without[index];
    return counted ? [...facetsFrom(counted)].filter(([key]) => key === filterKey(name)) : [];
  });
  return [...new Map([...own, ...facets, ...own]).values()].slice(0, MAX_ATTRIBUTE_FACETS);
}

/** By name. Attributes of which all products have the same value, or each its own, help nobody to choose. */
function facetsFrom({ spellings, found }: AttributeCounts): Map<string, AttributeFacet> {
  const names = new Map<string, { name: string; values: Map<string, FacetValue>; total: number }>();
  for (const { value: named, count } of [...spellings].sort(byCount)) {
    const at = named.indexOf(':');
    const [name, value] = [named.slice(0, at), named.slice(at + 1)];
    const known = names.get(filterKey(name)) ?? { name, values: new Map<string, FacetValue>(), total: 0 };
    const same = known.values.get(filterKey(value));
    known.values.set(filterKey(value), { value: same?.value ?? value, count: count + (same?.count ?? 0) });
    known.total += count;
    names.set(filterKey(name), known);
  }
  const helpful = [...names].flatMap(([key, { name, values, total }]) => {
    const sorted = [...values.values()].sort(byCount);
    const most = sorted[0]?.count ?? 0;
    const isHelpful = sorted.length > 1 && most > 1 && most < found;
    return isHelpful ? [{ key, total, facet: { name, values: sorted.slice(0, MAX_FACET_VALUES) } }] : [];
  });
  helpful.sort((a, b) => b.total - a.total || byName(a.facet.name, b.facet.name));
  return new Map(helpful.map(({ key, facet }) => [key, facet]));
}

/** The values of all facets by their keys. Of spellings with the same key, the first counts. */
function facetsOf(product: ProductView): Map<string, string> {
  const facets = new Map<string, string>();
  for (const name of FACET_NAMES) {
    for (const value of FACETS[name](product)) {
      const key = facetKey(name, value);
      if (!facets.has(key)) facets.set(key, `${name}:${value}`);
    }
  }
  return facets;
}

/** The key by which products with this value are found. */
export function facetKey(name: Facet, value: string): string {
  return `${name}:${filterKey(value)}`;
}

/** The values of each facet from the counts of their spellings, such as `brand:Acme`. A value has its most frequent spelling. */
export function facetCounts(spellings: readonly FacetValue[]): FacetCounts {
  const counted = Object.fromEntries(FACET_NAMES.map((name) => [name, new Map<string, FacetValue>()]));
  for (const { value: named, count } of [...spellings].sort(byCount)) {
    const [name] = named.split(':', 1);
    const value = named.slice(name!.length + 1);
    const key = filterKey(value);
    const values = counted[name!]!;
    values.set(key, { value: values.get(key)?.value ?? value, count: (values.get(key)?.count ?? 0) + count });
  }
  return Object.fromEntries(
    Object.entries(counted).map(([name, values]) => [
      name,
      [...values.values()].sort(byCount).slice(0, MAX_FACET_VALUES),
    ]),
  ) as FacetCounts;
}

function byCount(a: FacetValue, b: FacetValue): number {
  return b.count - a.count || byName(a.value, b.value);
}

function lowestOf(prices: readonly Money[]): Record<string, number> {
  const lowest: Record<string, number> = {};
  for (const { amount, currency } of prices) lowest[currency] = Math.min(amount, lowest[currency] ?? amount);
  return lowest;
}

export const PRODUCT_SORTS = ['relevance', 'title', 'price', '-price', 'newest', 'popularity'] as const;
export type ProductSort = (typeof PRODUCT_SORTS)[number];

/** Products that have these values. */
export type FacetFilters = { [name in Facet]?: string | undefined };

export interface ProductSearchRequest extends PageRequest, FacetFilters {
  /**
   * A code, or words. Every word must occur in title, brand, categories, description, attributes or codes, in any inflection.
   * Common words such as `the` are optional unless there are no others. Without `q` every product matches. Sorted by relevance,
   * products with exactly that code come first. See docs/search.md.
   */
  q?: string | undefined;
  /** At most `MAX_ATTRIBUTE_FILTERS`. */
  attributes?: readonly AttributeFilter[] | undefined;
  /**
   * The currency of the price filter and the price order. The lowest price in it counts; a product without one counts as
   * unpriced.
   */
  currency: string;
  /** Minor units, both ends included. */
  price?: { min?: number | undefined; max?: number | undefined } | undefined;
  sort: ProductSort;
}

/** The first page also has the facets. The values of a facet are counted as if there were no filter by this facet. */
export interface ProductsFound extends Page<ProductView> {
  facets?: FacetCounts;
  /** Absent if more than `MAX_ATTRIBUTE_FACET_PRODUCTS` are found. */
  attributeFacets?: AttributeFacet[];
  /** The text that was searched instead, because nothing has the words as they were typed. */
  didYouMean?: string;
}

export interface Suggestion {
  text: string;
  /** Present if the text is the title of a product. */
  productId?: string;
}

export interface ProductSearchQueries {
  /**
   * Published products only. Equal entries are ordered by id. Ordered by price, products without a price come last. If no product
   * has all words, misspelt ones are corrected; if that does not help, half of the words suffice.
   */
  search(request: ProductSearchRequest): Promise<ProductsFound>;
  /** Brands, categories and titles with words that begin like those of the text, most popular products first. */
  suggest(text: string, limit: number): Promise<Suggestion[]>;
}
