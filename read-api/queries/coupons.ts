// A coupon, for staff.
import { z } from 'zod';
import { coupon, couponStream, type DefinedCoupon } from '../../domain/coupon/coupon.js';
import { shows, type View } from '../../domain/kernel/answers.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { Problem } from '../../domain/kernel/errors.js';
import { askedId, pathId } from '../../domain/kernel/id.js';
import type { States } from '../../domain/kernel/states.js';
import { couponCodeSchema } from '../../domain/order/events.js';

export interface CouponQueryDeps {
  states: States;
  view: View<DefinedCoupon>;
}

export function couponQuery({ states, view }: CouponQueryDeps): Endpoint {
  return endpoint({
    method: 'get',
    path: '/v1/coupons/{code}',
    summary: 'Get a coupon',
    description: 'Returns its terms and how much of its limit is used.',
    roles: ['catalogue', 'support'],
    params: z.strictObject({ code: pathId(couponCodeSchema, 'SPRING10') }),
    answers: { 200: view.schema },
    async handle({ params }) {
      const code = askedId(couponCodeSchema, params.code);
      const stream = couponStream({ code });
      const loaded = await states.load(coupon, stream);
      const { terms } = loaded.state;
      if (!terms) throw new Problem('not_found', `There is no coupon ${code}.`);
      return shows(200, await view.of({ ...loaded.state, code, terms }), stream, loaded);
    },
  });
}
