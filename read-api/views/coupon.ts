// A coupon for staff.
import { z } from 'zod';
import type { Coupon } from '../../domain/coupon/coupon.js';
import { couponTermsSchema } from '../../domain/coupon/events.js';
import type { View } from '../../domain/kernel/answers.js';
import { couponCodeSchema } from '../../domain/order/events.js';

const couponSchema = z
  .strictObject({
    code: couponCodeSchema,
    terms: couponTermsSchema,
    redeemed: z.int().optional().meta({
      description:
        'Number of orders that count against `limit`. Absent without a limit, because orders are not counted then',
    }),
  })
  .meta({ id: 'Coupon' });

/** A coupon that is defined. */
export const couponView: View<Coupon & { code: string }, z.output<typeof couponSchema>> = {
  schema: couponSchema,
  of({ code, terms, redeemed }) {
    return { code, terms: terms!, ...(terms!.limit !== undefined && { redeemed }) };
  },
};
