// A postal address, as customers enter it and orders store it (sealed).
import { z } from 'zod';
import { countrySchema } from './country.js';
import { shortText } from './text.js';

const line = shortText(100);

/** domain/address says which optional fields a country requires and how it writes them. */
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
