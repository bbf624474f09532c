// The events of the shop's tables: tax rates and shipping methods.
import { z } from 'zod';
import { countrySchema } from '../kernel/country.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { currencySchema, unitPriceSchema } from '../kernel/money.js';
import { shortText } from '../kernel/text.js';

/** Most zones of one shipping method. They fit one commit with room to spare. */
const MAX_ZONES = 20;
/** Most rates of one zone. */
const MAX_STEPS = 50;
/** Most countries of one zone: more than the world has. */
const MAX_COUNTRIES = 250;
/** Most regions of one zone. */
const MAX_REGIONS = 100;

/** A row of a table: `gb-reduced`, `standard`. */
export const tariffIdSchema = z
  .string()
  .regex(/^[a-z0-9_-]{1,50}$/, 'must be 1 to 50 lower-case letters, digits, dashes or underscores');

/** Requests may use its name. It is stored as its ISO 3166-2 code without the country, if the country has a list of regions. */
const regionSchema = shortText(50);

export const taxCategorySchema = z
  .string()
  .regex(/^[a-z0-9_-]{1,50}$/, 'must be 1 to 50 lower-case letters, digits, dashes or underscores');

/** Shipping charges are taxed as this category. */
export const SHIPPING_TAX_CATEGORY = 'shipping';

export const taxRateSchema = z.strictObject({
  id: tariffIdSchema.meta({ description: 'The id of this rate' }),
  country: countrySchema.meta({ description: 'The country that the goods are sent to; ISO 3166-1 alpha-2' }),
  region: regionSchema.optional().meta({
    description: 'Code or name in ISO 3166-2, as in addresses. Without it, the rate is for the whole country',
  }),
  category: taxCategorySchema.optional().meta({
    description:
      'A `taxCategory` of products, or `shipping`. Without it, the rate is for everything without a more specific rate',
  }),
  basisPoints: z
    .number()
    .min(0)
    .max(10_000)
    // Not `multipleOf`: the one of JSON Schema divides binary fractions and refuses 1234.57.
    .refine(hasTwoDecimals, 'must have at most two decimals')
    .meta({
      description:
        'Hundredths of a per cent, with at most two decimals: 2000 is 20 %; 887.5 is 8.875 %, a rate as in the US',
    }),
  included: z.literal(true).optional().meta({
    description:
      'Prices contain this tax. Absent if the tax is added to them. All rates of a country must have the same value here',
  }),
});

const stepSchema = z.strictObject({
  upTo: z.int().min(0).optional().meta({
    description:
      'Inclusive, in grams (`weight`) or minor units (`value`). Without it, the rate has no upper limit. A cart above the last rate cannot be sent',
  }),
  amount: unitPriceSchema.meta({ description: 'The price of the shipping, in minor units of `currency`' }),
});

export const shippingZoneSchema = z
  .strictObject({
    countries: z.array(countrySchema).min(1).max(MAX_COUNTRIES).optional().meta({
      description: 'ISO 3166-1 alpha-2. Without countries, the zone is every country that no other zone names',
    }),
    regions: z
      .array(regionSchema)
      .min(1)
      .max(MAX_REGIONS)
      .optional()
      .meta({ description: 'Regions of the one country of the zone. Without regions, the zone is the whole country' }),
    currency: currencySchema.meta({ description: 'This zone is only for carts in this currency' }),
    by: z.enum(['flat', 'weight', 'value']).meta({
      description:
        '`flat`: one rate for all carts. `weight`: by the weight of all units. `value`: by the price of the goods after discounts',
    }),
    rates: z
      .array(stepSchema)
      .min(1)
      .max(MAX_STEPS)
      .meta({ description: 'In increasing order of `upTo`. The first rate that covers the cart is used' }),
  })
  .refine(({ regions, countries }) => !regions || countries?.length === 1, 'regions need exactly one country')
  .refine(({ by, rates }) => by !== 'flat' || (rates.length === 1 && rates.every(({ upTo }) => upTo === undefined)), {
    error: 'a flat zone has one rate, without upTo',
  })
  .refine(({ rates }) => rates.every(isAbove), 'each rate must reach further than the one before it');

export const shippingMethodSchema = z.strictObject({
  id: tariffIdSchema.meta({ description: 'The id by which a cart names the method' }),
  title: shortText(100).meta({ description: 'The title that customers see' }),
  carrier: shortText(50).optional().meta({ description: 'The carrier, if this method always uses the same one' }),
  // An empty list would mean free shipping to everywhere, as with the built-in `standard`. That is too risky for a possible
  // mistake.
  zones: z.array(shippingZoneSchema).min(1).max(MAX_ZONES).meta({
    description:
      'The countries that the method sends to, with its prices. If several zones match, the most specific is used',
  }),
});

export const taxTableEvents = {
  TaxRateSet: { version: 1, data: taxRateSchema },
  TaxRateRemoved: { version: 1, data: z.strictObject({ id: tariffIdSchema }) },
} satisfies EventDefinitions;

export const shippingTableEvents = {
  ShippingMethodSet: { version: 1, data: shippingMethodSchema },
  ShippingMethodRemoved: { version: 1, data: z.strictObject({ id: tariffIdSchema }) },
} satisfies EventDefinitions;

export type TaxRate = z.output<typeof taxRateSchema>;
export type ShippingZone = z.output<typeof shippingZoneSchema>;
export type ShippingMethod = z.output<typeof shippingMethodSchema>;
export type TaxTableEvent = EventOf<typeof taxTableEvents>;
export type ShippingTableEvent = EventOf<typeof shippingTableEvents>;

function isAbove({ upTo = Number.POSITIVE_INFINITY }: Step, index: number, rates: readonly Step[]): boolean {
  const before = rates[index - 1];
  return !before || (before.upTo !== undefined && before.upTo < upTo);
}

function hasTwoDecimals(rate: number): boolean {
  return Number(rate.toFixed(2)) === rate;
}

interface Step {
  upTo?: number | undefined;
}
