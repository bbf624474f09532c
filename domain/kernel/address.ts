// A postal address, as customers give it and orders keep it (sealed).
import { z } from 'zod';

const line = z.string().min(1).max(100);

export const addressSchema = z.strictObject({
  name: line,
  line1: line,
  line2: line.optional(),
  city: line,
  region: line.optional(),
  postcode: z.string().min(1).max(20),
  country: z.string().regex(/^[A-Z]{2}$/, 'must be an ISO 3166-1 alpha-2 code such as GB'),
});

export type Address = z.output<typeof addressSchema>;
