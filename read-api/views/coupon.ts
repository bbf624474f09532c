// A coupon for staff.
import { z } from 'zod';
import type { DefinedCoupon } from '../../domain/coupon/coupon.js';
import { couponTermsSchema } from '../../domain/coupon/events.js';
import type { View } from '../../domain/kernel/answers.js';
import { defined } from '../../domain/kernel/json.js';
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

export const couponView: View<DefinedCoupon, z.output<typeof couponSchema>> = {
  schema: couponSchema,
  of({ code, terms, redeemed }) {
    return { code, terms, ...defined({ redeemed: terms.limit === undefined ? undefined : redeemed }) };
  },
};
