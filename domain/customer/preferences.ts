// What a customer or guest prefers in the shop. It says nothing that a program of the shop depends on.
import { z } from 'zod';
import { countrySchema } from '../kernel/country.js';
import { currencySchema } from '../kernel/money.js';
import { shortText } from '../kernel/text.js';

const MAX_FAVOURITES = 50;
const favourites = z.array(shortText(100)).max(MAX_FAVOURITES);

export const preferencesSchema = z
  .strictObject({
    language: z
      .string()
      .regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$/, 'must be a language tag, such as en or de-CH')
      .optional(),
    currency: currencySchema.optional(),
    country: countrySchema.optional(),
    timeZone: shortText(50).optional().meta({ example: 'Europe/London' }),
    theme: z.enum(['light', 'dark', 'system']).optional(),
    categories: favourites.optional().meta({ description: 'Favourite categories' }),
    brands: favourites.optional().meta({ description: 'Favourite brands' }),
    sizes: favourites.optional().meta({ description: 'Sizes that fit' }),
  })
  .meta({ id: 'Preferences' });

export type ShopPreferences = z.output<typeof preferencesSchema>;
