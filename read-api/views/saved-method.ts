// A saved payment method, for its customer.
import { z } from 'zod';

export type SavedMethod = z.output<typeof savedMethodSchema>;

export const savedMethodSchema = z
  .strictObject({
    id: z.string().meta({ description: 'Send it as `paymentMethod` at a checkout' }),
    brand: z.string().optional(),
    last4: z.string().optional(),
    expiresMonth: z.int().optional(),
    expiresYear: z.int().optional(),
  })
  .meta({ id: 'PaymentMethod' });
