// A return in answers.

import { z } from 'zod';
import { requestedUnitsSchema } from '../../domain/fulfilment/events.js';
import { RETURN_STATUSES, type Return } from '../../domain/fulfilment/return.js';
import { defined } from '../../domain/kernel/json.js';
import { moneySchema } from '../../domain/kernel/money.js';
import { returnedUnitsSchema } from '../../domain/order/events.js';
import { givenFor, type Payment } from '../../domain/payment/ledger.js';

export const returnViewSchema = z
  .strictObject({
    id: z.string(),
    orderId: z.string(),
    status: z.enum(RETURN_STATUSES),
    lines: z.array(requestedUnitsSchema).min(1),
    declineReason: z.string().optional(),
    received: z.array(returnedUnitsSchema).optional().meta({ description: 'The units that came back' }),
    location: z.string().optional().meta({ description: 'For support only: the location where it arrived' }),
    refund: moneySchema.optional().meta({
      description:
        'The refund for this return. It is less than was paid if some of that was refunded before. Absent while nothing is refunded',
    }),
  })
  .meta({ id: 'Return' });

export type ReturnView = z.output<typeof returnViewSchema>;

/** `ledger`: of the order's payment, for its currency. Needed only for a received return. */
export function returnView(
  { returnId, orderId, status, lines, declineReason, received }: Return,
  { ledger, currency }: { ledger: Payment | null | undefined; currency: string },
): ReturnView {
  const given = received && ledger ? givenFor(ledger, returnId) : undefined;
  return {
    id: returnId,
    orderId,
    status,
    lines: [...lines],
    ...defined({
      declineReason,
      received: received && [...received.lines],
      location: received?.location,
      refund: given === undefined ? undefined : { amount: given, currency },
    }),
  };
}
