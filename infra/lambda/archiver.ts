// Archives the log. Each run goes on until shortly before the next one, because the smallest rate of a schedule is a minute and a
// commit waits less for its checkpoint. A round that is cut off at any instant does no harm.
import type { EventBridgeEvent } from 'aws-lambda';
import { runArchiver } from '../archive/run-archiver.js';
import { archiveParts } from '../modules/archive.js';
import { s3Parts } from '../modules/aws/s3.js';
import { handlerOf } from './invocation.js';
import type { FunctionRecipes } from './open.js';
import { relationalStoreParts } from './relational.js';

/** Less than the minute between two runs. */
const RUN_MS = 55_000;

export function archiverHandler(recipes: FunctionRecipes = {}, runMs = RUN_MS) {
  return handlerOf<EventBridgeEvent<'Scheduled Event', unknown>, void>(
    { ...archiveParts, ...s3Parts, ...relationalStoreParts, ...recipes },
    async (_, { shop, deadline }) => {
      const [archiver, status, alarm, log] = await Promise.all([
        shop.get('archiver'),
        shop.get('archiveStatus'),
        shop.get('tamperAlarm'),
        shop.get('log'),
      ]);
      await runArchiver({ archiver, status, alarm, log }, AbortSignal.any([deadline, AbortSignal.timeout(runMs)]));
    },
  );
}

export const handler = archiverHandler();
