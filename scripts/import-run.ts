// What all imports share: they can be stopped, they show their progress, and they end with one exit code.
import { ImportError } from '../commands/import/import-error.js';
import type { ImportPorts } from '../commands/import/online-retail/ports.js';
import type { ProductImportDeps } from '../commands/import/products/run.js';
import type { Source } from '../commands/import/source.js';
import type { StreamId } from '../domain/kernel/stream.js';
import { createProgress, type Progress } from './progress.js';
import { stopSignal } from './stopping.js';

/** In percent. */
export const HEAP_GROWTH = 25;

/** Exit code of an import that refused a row. */
export const SOME_REFUSED = 1;

/** The shop as an import needs it. */
export interface ImportShop extends ImportPorts {
  settings: ProductImportDeps['settings'];
  /** The file of this path or `s3://bucket/key`. */
  source(name: string): Source;
  /** Commits that this process has appended so far. */
  commits(): number;
  /** Runs the projectors unless another process does. Resolves on abort. */
  hostProjectors(signal: AbortSignal): Promise<void>;
  /**
   * Resolves when the read models show the commits of this run and those of an earlier one. Without any, when they have reached
   * the last commit of the log. Rejects with the signal's reason.
   */
  caughtUp(signal: AbortSignal, earlier?: ReadonlyMap<StreamId, number>): Promise<void>;
  close(): Promise<void>;
}

/** `stop` ends the work early, with the reason that it is given. */
export async function stoppable<T>(work: (stop: AbortController, progress: Progress) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const interrupt = () => stop.abort(new ImportError('The import was stopped; run it again to continue.'));
  const asked = stopSignal();
  if (asked.aborted) interrupt();
  asked.addEventListener('abort', interrupt);
  const progress = createProgress();
  try {
    return await work(stop, progress);
  } finally {
    progress.end();
    asked.removeEventListener('abort', interrupt);
  }
}

/** Runs the projectors during the work, unless another process does. Closes the shop in any case. */
export async function withImportShop<T>(
  shop: ImportShop,
  work: (signal: AbortSignal, progress: Progress) => Promise<T>,
): Promise<T> {
  return stoppable(async (stop, progress) => {
    const projecting = new AbortController();
    const projected = shop.hostProjectors(projecting.signal).catch((error) => stop.abort(error));
    try {
      return await work(stop.signal, progress);
    } finally {
      projecting.abort();
      await projected;
      await shop.close();
    }
  });
}
