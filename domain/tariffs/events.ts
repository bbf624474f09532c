// What can happen to the tables of the shop: its tax rates and its shipping methods.
import { z } from 'zod';
import { countrySchema } from '../kernel/country.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { currencySchema, unitPriceSchema } from '../kernel/money.js';

/** Most zones of one shipping method: they fit one commit with room to spare. */
const MAX_ZONES = 20;
/** Most rates of one zone. */
const MAX_STEPS = 50;

/** A row of a table: `gb-reduced`, `standard`. */
export const tariffIdSchema = z
  .string()
  .regex(/^[a-z0-9_-]{1,50}$/, 'must be 1 to 50 lower-case letters, digits, dashes or underscores');

/** As customers write it in their address; case and blanks around it do not matter. */
const regionSchema = z.string().min(1).max(50);

export const taxCategorySchema = z
  .string()
  .regex(/^[a-z0-9_-]{1,50}$/, 'must be 1 to 50 lower-case letters, digits, dashes or underscores');

/** What is charged for the shipping itself is taxed as this category. */
export const SHIPPING_TAX_CATEGORY = 'shipping';

export const taxRateSchema = z.strictObject({
  id: tariffIdSchema,
  country: countrySchema,
  /** Without it, the whole country. */
  region: regionSchema.optional(),
  /** Without it, all that has no rate of its own. */
  category: taxCategorySchema.optional(),
  basisPoints: z
    .number()
    .min(0)
    .max(10_000)
    // Not `multipleOf`: JSON Schema's divides binary fractions, and refuses 1234.57.
    .refine(hasTwoDecimals, 'must have at most two decimals')
    .meta({
      description:
        'Hundredths of a per cent, with at most two decimals: 2000 is 20 %, 887.5 is 8.875 %, as rates in the US go',
    }),
  /** Prices contain this tax. One country has it one way. */
  included: z.literal(true).optional(),
});

const stepSchema = z.strictObject({
  /** Grams or minor units, inclusive; without it, however much. */
  upTo: z.int().min(0).optional(),
  amount: unitPriceSchema,
});

export const shippingZoneSchema = z
  .strictObject({
    /** Without them, everywhere. */
    countries: z.array(countrySchema).min(1).max(250).optional(),
    /** Of the one country that is named. */
    regions: z.array(regionSchema).min(1).max(100).optional(),
    currency: currencySchema,
    by: z.enum(['flat', 'weight', 'value']),
    rates: z.array(stepSchema).min(1).max(MAX_STEPS),
  })
  .refine(({ regions, countries }) => !regions || countries?.length === 1, 'regions need exactly one country')
  .refine(({ by, rates }) => by !== 'flat' || (rates.length === 1 && rates[0]!.upTo === undefined), {
    error: 'a flat zone has one rate, for however much',
  })
  .refine(({ rates }) => rates.every(isAbove), 'each rate must reach further than the one before it');

export const shippingMethodSchema = z.strictObject({
  id: tariffIdSchema,
  title: z.string().min(1).max(100),
  /** Where it goes and what it costs there; without any it is free, everywhere. */
  zones: z.array(shippingZoneSchema).max(MAX_ZONES),
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
