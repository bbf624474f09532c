// Compares the payments of the last week with the records of Stripe once a day, and reports the differences. `commerce reconcile
// --repair` repairs the safe ones.
import type { EventBridgeEvent } from 'aws-lambda';
import { recordParts } from '../modules/aws/records.js';
import { paymentParts } from '../modules/payments.js';
import { reportDifferences } from '../modules/report-differences.js';
import { before, handlerOf } from './invocation.js';
import { absent, type FunctionRecipes } from './open.js';

export function paymentReconcilerHandler(recipes: FunctionRecipes = {}) {
  return handlerOf<EventBridgeEvent<'Scheduled Event', unknown>, void>(
    { ...recordParts, ...paymentParts, ...absent('queriesOf'), ...recipes },
    async (_, { shop, deadline }) => {
      const [reconciliation, clock, log] = await Promise.all([
        shop.get('reconciliation'),
        shop.get('clock'),
        shop.get('log'),
      ]);
      if (reconciliation.run) await before(deadline, reportDifferences({ run: reconciliation.run, clock, log }));
    },
  );
}

export const handler = paymentReconcilerHandler();
