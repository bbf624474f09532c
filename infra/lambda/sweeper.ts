// Brings every store to the end of the log once a minute, whatever the stream has lost, and compares documents with the log. A batch
// that a projector has given up starts it at once, from the queue `lost-batches`.
import type { EventBridgeEvent, SQSEvent } from 'aws-lambda';
import type { Projector } from '../../projections/runtime/projector.js';
import { compareAll, sweep } from '../../projections/runtime/sweep.js';
import { pauseUnlessAborted } from '../retry.js';
import { everyStoreParts } from './every-store.js';
import { before, handlerOf } from './invocation.js';
import type { FunctionRecipes } from './open.js';
import { projectionParts } from './projections.js';

type SweepEvent = SQSEvent | EventBridgeEvent<'Scheduled Event', unknown>;

/** The comparison ends after this time, so that the next sweep is on time. */
const COMPARE_MS = 45_000;

export function sweeperHandler(recipes: FunctionRecipes = {}) {
  /** Stores whose quarantine this instance has retried: a new version of the program may know the way out. */
  const retried = new Set<string>();

  return handlerOf<SweepEvent, void>(
    { ...projectionParts, ...everyStoreParts, ...recipes },
    async (event, { shop, deadline }) => {
      const [{ projectors }, store, clock, { comparePerSecond: perSecond }, log] = await Promise.all([
        shop.get('readModels'),
        shop.get('eventStore'),
        shop.get('clock'),
        shop.get('config'),
        shop.get('log'),
      ]);
      const began = clock();
      const failures: unknown[] = [];
      const onFailure = (error: unknown) => void failures.push(error);
      const inTurn = <T>(work: () => Promise<T>) => before(deadline, work());
      const targetOf = (projector: Projector) => ({ projector, inTurn, onFailure });

      const present = await Promise.all(
        projectors.map(async (projector) => {
          try {
            await inTurn(() => (retried.has(projector.engine) ? projector.retryReleased() : projector.retry()));
            retried.add(projector.engine);
            return [targetOf(projector)];
          } catch (error) {
            onFailure(error);
            return [];
          }
        }),
      );
      const targets = present.flat();
      await sweep(store, targets, { toNewest: 'Records' in event, signal: deadline });
      if (!('Records' in event)) {
        const pause = (ms: number) => pauseUnlessAborted(ms, deadline);
        await compareAll(store, targets, { clock, perSecond, until: began + COMPARE_MS, pause, signal: deadline });
      }
      // The stores that answer are swept. The failure shows in the metrics of the function, and a message returns to its queue.
      for (const error of failures) log.warn({ err: error }, 'a store could not be swept; the next sweep continues');
      if (failures.length > 0) throw failures[0];
    },
  );
}

export const handler = sweeperHandler();
