// The events of the shop's settings.
import { z } from 'zod';
import { countrySchema } from '../kernel/country.js';
import { enforced } from '../kernel/enforced.js';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { currencySchema } from '../kernel/money.js';

/** As many currencies as a variant can have prices in. */
export const MAX_SHOP_CURRENCIES = 50;
/** More than the world has. */
export const MAX_SHOP_COUNTRIES = 250;

export const shopSettingsSchema = z.strictObject({
  currencies: z
    .array(currencySchema)
    .min(1)
    .max(MAX_SHOP_CURRENCIES)
    .refine(isDistinct, 'must name each currency once')
    .meta({ description: 'The currencies that the shop sells in; ISO 4217', example: ['GBP', 'EUR'] })
    .register(enforced, { uniqueItems: true }),
  countries: z
    .array(countrySchema)
    .min(1)
    .max(MAX_SHOP_COUNTRIES)
    .refine(isDistinct, 'must name each country once')
    .meta({ description: 'The countries that orders can be sent to; ISO 3166-1 alpha-2', example: ['GB', 'IE'] })
    .register(enforced, { uniqueItems: true }),
  shippingRefunds: z
    .array(countrySchema)
    .max(MAX_SHOP_COUNTRIES)
    .refine(isDistinct, 'must name each country once')
    .register(enforced, { uniqueItems: true })
    .optional()
    .meta({
      description:
        'Countries, such as those of the EU, where the price of the shipping is refunded too if the customer sends back ' +
        'all units that were sent. Applies to orders that are placed from now on',
      example: ['IE'],
    }),
});

export const settingsEvents = {
  /** The complete settings from now on. */
  ShopConfigured: { version: 1, data: shopSettingsSchema },
} satisfies EventDefinitions;

export type ShopSettings = z.output<typeof shopSettingsSchema>;
export type SettingsEvent = EventOf<typeof settingsEvents>;

function isDistinct(codes: readonly string[]): boolean {
  return new Set(codes).size === codes.length;
}
