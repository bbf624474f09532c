// Works through the agenda once a minute: finishes what a request has left, and does what has become due. It runs once at a time; if
// it did not, repeating the work would do no harm, so nobody has to lead.
import type { EventBridgeEvent } from 'aws-lambda';
import { createAgendaWorker } from '../../commands/agenda/agenda.js';
import { recordParts } from '../modules/aws/records.js';
import { viewParts } from '../modules/aws/views.js';
import { handlerOf } from './invocation.js';
import type { FunctionRecipes } from './open.js';
import { paymentParts } from './payments.js';
import { relationalStoreParts } from './relational.js';

export function agendaHandler(recipes: FunctionRecipes = {}) {
  let look: ReturnType<typeof createAgendaWorker> | undefined;
  return handlerOf<EventBridgeEvent<'Scheduled Event', unknown>, void>(
    { ...recordParts, ...viewParts, ...paymentParts, ...relationalStoreParts, ...recipes },
    async (_, { shop, deadline }) => {
      const [agenda, handlersOf, decisions, clock, log] = await Promise.all([
        shop.get('agenda'),
        shop.get('agendaHandlersOf'),
        shop.get('decisions'),
        shop.get('clock'),
        shop.get('log'),
      ]);
      await decisions.refresh();
      look ??= createAgendaWorker({
        agenda,
        handlers: handlersOf(undefined),
        isPaused: async () => decisions.isAgendaPaused(),
        clock,
        onError: (item, error) => log.warn({ ...item, err: error }, 'due work failed; it will be retried'),
      });
      await look(deadline);
    },
  );
}

export const handler = agendaHandler();
