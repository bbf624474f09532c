// Opens the stores of read models of a process that runs on. The process does not wait for those that are away.
import { OperatorError, Unavailable } from '../../domain/kernel/errors.js';
import { pauseUnlessAborted } from '../retry.js';
import type { OpenStore } from './read-models.js';

const RETRY_EVERY_MS = 2_000;

const MEANWHILE = 'its read models answer 503 meanwhile, and the rest of the shop works.';

type Opened = Pick<OpenStore, 'engine' | 'admit'>;

/**
 * Resolves when each store is open or found to be away, which is told. Those are opened when they answer, until the signal aborts.
 * Rejects with `OperatorError` if a store that answers is refused.
 */
export async function openStores(
  stores: readonly Opened[],
  tell: (message: string) => void,
  signal: AbortSignal,
  retryEveryMs = RETRY_EVERY_MS,
): Promise<void> {
  await Promise.all(
    stores.map(async (store) => {
      try {
        await store.admit();
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        tell(`${error.message}; ${MEANWHILE}`);
        void openWhenBack(store, tell, signal, retryEveryMs);
      }
    }),
  );
}

/** A store that turns out to be of another shop stays away, because the rest of the shop is in use by now. */
async function openWhenBack(
  { engine, admit }: Opened,
  tell: (message: string) => void,
  signal: AbortSignal,
  retryEveryMs: number,
): Promise<void> {
  for (let refusal = ''; ; ) {
    await pauseUnlessAborted(retryEveryMs, signal);
    if (signal.aborted) return;
    try {
      await admit();
      tell(`${engine} answers now; its read models catch up.`);
      return;
    } catch (error) {
      if (!(error instanceof OperatorError) || error.message === refusal) continue;
      refusal = error.message;
      tell(`${engine} is not used: ${refusal} Until this is solved, ${MEANWHILE}`);
    }
  }
}
