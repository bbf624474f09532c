// Coupon administration: their terms.
import { z } from 'zod';
import { coupon, couponStream, type DefinedCoupon } from '../../domain/coupon/coupon.js';
import { couponTermsSchema } from '../../domain/coupon/events.js';
import { shows, type View } from '../../domain/kernel/answers.js';
import { type Endpoint, endpoint } from '../../domain/kernel/endpoint.js';
import { orThrow } from '../../domain/kernel/errors.js';
import { couponCodeSchema } from '../../domain/order/events.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { CurrentSettings } from '../shop/settings.js';

export interface CouponEndpointsDeps {
  runner: CommandRunner;
  settings: Pick<CurrentSettings, 'refuseForeignMoney'>;
  view: View<DefinedCoupon>;
}

export function couponEndpoints({ runner, settings, view }: CouponEndpointsDeps): Endpoint[] {
  return [
    endpoint({
      method: 'put',
      path: '/v1/coupons/{code}',
      summary: 'Create or update a coupon',
      description: 'New terms do not undo earlier redemptions.',
      roles: ['catalogue'],
      idempotency: 'accepted',
      params: z.strictObject({ code: couponCodeSchema.meta({ example: 'SPRING10' }) }),
      body: couponTermsSchema,
      answers: { 200: view.schema },
      async handle({ params: { code }, body: terms, command }) {
        await settings.refuseForeignMoney(terms);
        const defined = { type: 'DefineCoupon', code, terms } as const;
        const stream = couponStream({ code });
        const outcome = orThrow(await runner.execute(coupon, stream, defined, command()));
        return shows(200, await view.of({ ...outcome.state, code, terms }), stream, outcome);
      },
    }),
  ];
}
