// A postal address, as customers give it and orders keep it (sealed).
import { z } from 'zod';
import { countrySchema } from './country.js';
import { shortText } from './text.js';

const line = shortText(100);

/** Which of the optional fields a country needs, and how it writes them, says domain/address. */
export const addressSchema = z.strictObject({
  name: line,
  line1: line,
  line2: line.optional(),
  city: line.optional(),
  region: line.optional(),
  postcode: shortText(20).optional(),
  country: countrySchema,
});

export type Address = z.output<typeof addressSchema>;
