// The events of a product, and of the claim on a SKU.
import { z } from 'zod';
import { enforced } from '../kernel/enforced.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { idSchema, locationSchema, skuSchema } from '../kernel/id.js';
import { revisionOf } from '../kernel/json.js';
import { priceSchema } from '../kernel/money.js';
import { longText, recordOf, shortText } from '../kernel/text.js';
import { taxCategorySchema } from '../tariffs/events.js';

/** Heaviest unit, in grams: a tonne. */
const MAX_WEIGHT = 1_000_000;

/** Longest title, in characters. */
export const MAX_TITLE_LENGTH = 200;
/** Most categories of a product. */
export const MAX_CATEGORIES = 20;
/** Most attributes of a product. */
export const MAX_ATTRIBUTES = 200;
/** Most options of a variant. */
const MAX_OPTIONS = 20;
/** Most prices of a variant. */
const MAX_PRICES = 50;

/** Numbers beyond these would lose digits. A long article number is a text. */
const exactNumber = z.number().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER);

export const productIdSchema = idSchema('product');

/** The details of a product. Every field can be revised. */
export const productDetailsSchema = z.strictObject({
  title: shortText(MAX_TITLE_LENGTH),
  description: longText(5_000).optional(),
  brand: shortText(100).optional(),
  categories: z.array(shortText(100)).max(MAX_CATEGORIES).optional(),
  attributes: recordOf(shortText(50), z.union([shortText(500), exactNumber, z.boolean()]), MAX_ATTRIBUTES).optional(),
  taxCategory: taxCategorySchema.optional(),
});

export const productRevisionSchema = revisionOf(productDetailsSchema);

/** At most one price per currency. */
export const pricesSchema = z
  .array(priceSchema)
  .max(MAX_PRICES)
  .refine((prices) => new Set(prices.map(({ currency }) => currency)).size === prices.length, 'one price per currency')
  .register(enforced, { uniqueItems: true });

/** The options that distinguish a variant, such as `{"size":"XL"}`. */
export const optionsSchema = recordOf(shortText(50), shortText(100), MAX_OPTIONS);

export const weightSchema = z.int().min(0).max(MAX_WEIGHT).meta({ description: 'The weight of one unit, in grams' });

const pricedSku = { sku: skuSchema, prices: pricesSchema };

export const variantSchema = z.strictObject({
  ...pricedSku,
  options: optionsSchema.optional(),
  weight: weightSchema.optional(),
});

const product = { productId: productIdSchema };

export const productEvents = {
  ProductDrafted: { version: 1, data: productDetailsSchema.extend(product) },
  VariantAdded: { version: 1, data: variantSchema.extend(product) },
  VariantPricesSet: { version: 1, data: z.strictObject({ ...pricedSku, ...product }) },
  /** `null`: the weight is removed. */
  VariantWeighed: { version: 1, data: z.strictObject({ ...product, sku: skuSchema, weight: weightSchema.nullable() }) },
  /** No longer sold or shown. The SKU stays with the product. A `VariantAdded` brings the variant back with new data. */
  VariantRetired: { version: 1, data: z.strictObject({ ...product, sku: skuSchema }) },
  ProductRevised: { version: 1, data: productRevisionSchema.extend(product) },
  ProductPublished: { version: 1, data: z.strictObject(product) },
  ProductUnpublished: { version: 1, data: z.strictObject(product) },
  ProductDiscontinued: { version: 1, data: z.strictObject(product) },
} satisfies EventDefinitions;

export const skuClaimEvents = {
  SkuClaimed: { version: 1, data: z.strictObject({ sku: skuSchema, productId: productIdSchema }) },
  /** From now on the SKU may have stock at this location. */
  SkuStockedAt: { version: 1, data: z.strictObject({ sku: skuSchema, location: locationSchema }) },
} satisfies EventDefinitions;

export type ProductDetails = z.output<typeof productDetailsSchema>;
export type ProductRevision = z.output<typeof productRevisionSchema>;
export type Variant = z.output<typeof variantSchema>;
export type ProductEvent = EventOf<typeof productEvents>;
export type SkuClaimEvent = EventOf<typeof skuClaimEvents>;
