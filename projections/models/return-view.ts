// A return in answers.

import { z } from 'zod';
import { requestedUnitsSchema } from '../../domain/fulfilment/events.js';
import { RETURN_STATUSES, type Return } from '../../domain/fulfilment/return.js';
import { defined } from '../../domain/kernel/json.js';
import { moneySchema } from '../../domain/kernel/money.js';
import type { SealedIn } from '../../domain/kernel/personal.js';
import { type AnnouncedUnits, type LineUnits, returnedUnitsSchema } from '../../domain/order/events.js';
import { givenFor, type Payment } from '../../domain/payment/ledger.js';

export const returnViewSchema = z
  .strictObject({
    id: z.string(),
    orderId: z.string(),
    status: z.enum(RETURN_STATUSES),
    lines: z.array(requestedUnitsSchema.partial({ reason: true })).min(1),
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
export type SealedReturnView = SealedIn<Omit<ReturnView, 'lines'>, 'declineReason'> & {
  lines: readonly LineUnits[];
  /** Absent in a document that an older program has written. */
  reasons?: AnnouncedUnits['reasons'];
};

/** `ledger`: of the order's payment, for its currency. Needed only for a received return. */
export function returnView(
  { returnId, orderId, status, lines, reasons, declineReason, received }: Return,
  { ledger, currency }: { ledger: Payment | null | undefined; currency: string },
): SealedReturnView {
  const given = received && ledger ? givenFor(ledger, returnId) : undefined;
  return {
    id: returnId,
    orderId,
    status,
    lines,
    ...defined({
      reasons,
      declineReason,
      received: received && [...received.lines],
      location: received?.location,
      refund: given === undefined ? undefined : { amount: given, currency },
    }),
  };
}
