// Coupon administration: their terms, and how often limited coupons are redeemed.
import { z } from 'zod';
import { type Coupon, coupon, couponStream } from '../../domain/coupon/coupon.js';
import { couponTermsSchema } from '../../domain/coupon/events.js';
import { shows } from '../../domain/kernel/answers.js';
import { type Endpoint, endpoint, type Reply } from '../../domain/kernel/endpoint.js';
import { orThrow, Problem } from '../../domain/kernel/errors.js';
import { askedId, pathId } from '../../domain/kernel/id.js';
import type { Loaded } from '../../domain/kernel/states.js';
import { couponCodeSchema } from '../../domain/order/events.js';
import type { CommandRunner } from '../runtime/command-runner.js';
import type { CurrentSettings } from '../shop/settings.js';

const couponAnswer = z
  .strictObject({
    code: couponCodeSchema,
    terms: couponTermsSchema,
    redeemed: z.int().optional().meta({
      description:
        'Number of orders that count against `limit`. Absent without a limit, because orders are not counted then',
    }),
  })
  .meta({ id: 'Coupon' });

export interface CouponEndpointsDeps {
  runner: CommandRunner;
  settings: Pick<CurrentSettings, 'refuseForeignMoney'>;
}

export function couponEndpoints({ runner, settings }: CouponEndpointsDeps): Endpoint[] {
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
      answers: { 200: couponAnswer },
      async handle({ params: { code }, body: terms, command }) {
        await settings.refuseForeignMoney(terms);
        const defined = { type: 'DefineCoupon', code, terms } as const;
        return answer(code, orThrow(await runner.execute(coupon, couponStream({ code }), defined, command())));
      },
    }),
    endpoint({
      method: 'get',
      path: '/v1/coupons/{code}',
      summary: 'Get a coupon',
      description: 'Returns its terms and how much of its limit is used.',
      roles: ['catalogue', 'support'],
      params: z.strictObject({ code: pathId(couponCodeSchema, 'SPRING10') }),
      answers: { 200: couponAnswer },
      async handle({ params }) {
        const code = askedId(couponCodeSchema, params.code);
        return answer(code, await runner.load(coupon, couponStream({ code })));
      },
    }),
  ];
}

function answer(code: string, loaded: Loaded<Coupon>): Reply {
  const { terms, redeemed } = loaded.state;
  if (!terms) throw new Problem('not_found', `There is no coupon ${code}.`);
  const counted = terms.limit !== undefined && { redeemed };
  return shows(200, { code, terms, ...counted }, couponStream({ code }), loaded);
}
