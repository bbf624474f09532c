// What can happen to a product, and to the claim on a SKU.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { idSchema, locationSchema, skuSchema } from '../kernel/id.js';
import { priceSchema } from '../kernel/money.js';
import { taxCategorySchema } from '../tariffs/events.js';

/** Heaviest unit, in grams: a tonne. */
const MAX_WEIGHT = 1_000_000;

export const productIdSchema = idSchema('product');

/** What a product says about itself; every field can be revised. */
export const productDetailsSchema = z.strictObject({
  title: z.string().min(1).max(200),
  description: z.string().max(5_000).optional(),
  brand: z.string().min(1).max(100).optional(),
  categories: z.array(z.string().min(1).max(100)).max(20).optional(),
  attributes: z.record(z.string().min(1).max(50), z.union([z.string().max(500), z.number(), z.boolean()])).optional(),
  taxCategory: taxCategorySchema.optional(),
});

const { description, brand, categories, attributes, taxCategory } = productDetailsSchema.shape;

/** The fields that change; `null` clears one. */
export const productRevisionSchema = productDetailsSchema.partial().extend({
  description: description.nullable(),
  brand: brand.nullable(),
  categories: categories.nullable(),
  attributes: attributes.nullable(),
  taxCategory: taxCategory.nullable(),
});

/** At most one price per currency. */
export const pricesSchema = z
  .array(priceSchema)
  .max(50)
  .refine((prices) => new Set(prices.map(({ currency }) => currency)).size === prices.length, 'one price per currency');

/** What tells a variant from the others, such as `{"size":"XL"}`. */
export const optionsSchema = z.record(z.string().min(1).max(50), z.string().min(1).max(100));

export const weightSchema = z.int().min(0).max(MAX_WEIGHT).meta({ description: 'Of one unit, in grams' });

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
  VariantWeighed: { version: 1, data: z.strictObject({ ...product, sku: skuSchema, weight: weightSchema }) },
  /** Not sold any more, nor shown. Its SKU stays the product's; a `VariantAdded` brings it back, as it then is. */
  VariantRetired: { version: 1, data: z.strictObject({ ...product, sku: skuSchema }) },
  ProductRevised: { version: 1, data: productRevisionSchema.extend(product) },
  ProductPublished: { version: 1, data: z.strictObject(product) },
  ProductUnpublished: { version: 1, data: z.strictObject(product) },
  ProductDiscontinued: { version: 1, data: z.strictObject(product) },
} satisfies EventDefinitions;

export const skuClaimEvents = {
  SkuClaimed: { version: 1, data: z.strictObject({ sku: skuSchema, productId: productIdSchema }) },
  /** Stock of it may be found at this location from now on. */
  SkuStockedAt: { version: 1, data: z.strictObject({ sku: skuSchema, location: locationSchema }) },
} satisfies EventDefinitions;

export type ProductDetails = z.output<typeof productDetailsSchema>;
export type ProductRevision = z.output<typeof productRevisionSchema>;
export type Variant = z.output<typeof variantSchema>;
export type ProductEvent = EventOf<typeof productEvents>;
export type SkuClaimEvent = EventOf<typeof skuClaimEvents>;
