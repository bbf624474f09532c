// Makes the stock snapshots of the days that have ended.
import type { EventBridgeEvent } from 'aws-lambda';
import { s3Parts } from '../modules/aws/s3.js';
import { handlerOf } from './invocation.js';
import type { FunctionRecipes } from './open.js';

export function stockSnapshotsHandler(recipes: FunctionRecipes = {}) {
  return handlerOf<EventBridgeEvent<'Scheduled Event', unknown>, { made: string[] }>(
    { ...s3Parts, ...recipes },
    async (_, { shop, deadline }) => {
      const snapshots = await shop.get('stockSnapshots');
      const made = await snapshots.catchUp(await snapshots.lastDay(), { signal: deadline });
      return { made: made.map(({ day }) => day) };
    },
  );
}

export const handler = stockSnapshotsHandler();
