// A return, for its customer and for support.
import type { Return } from '../../domain/fulfilment/return.js';
import type { View } from '../../domain/kernel/answers.js';
import type { Caller } from '../../domain/kernel/endpoint.js';
import { streamOf } from '../../domain/kernel/id.js';
import type { States } from '../../domain/kernel/states.js';
import type { Order } from '../../domain/order/order.js';
import { payment } from '../../domain/payment/payment.js';
import { type ReturnView, returnView, returnViewSchema } from '../../projections/models/return-view.js';
import { type Opener, openedReturn } from './opened.js';

export interface ReturnToShow {
  returned: Return;
  order: Order;
  reader: Pick<Caller, 'role'>;
}

/** Only support sees where a return arrived. The refund of a received return is in the payment. */
export function createReturnView({
  states,
  personal,
}: {
  states: States;
  personal: Opener;
}): View<ReturnToShow, ReturnView> {
  return {
    schema: returnViewSchema,
    async of({ returned, order: { paymentId, currency }, reader }) {
      const { state: ledger } = returned.received ? await states.load(payment, streamOf(paymentId)) : { state: null };
      const { location, ...sealed } = returnView(returned, { ledger, currency });
      const view = await openedReturn(sealed, personal);
      return { ...view, ...(location !== undefined && reader.role === 'support' && { location }) };
    },
  };
}
