// Loads an exported log into EventStoreDB, nearly in its order: `log-order.ts` puts the rest right.
import type { StoredCommit } from '../../../domain/kernel/commit.js';
import { withinBudget } from '../../retry.js';
import { groupBy } from '../../sinks/group-by.js';
import { LoadConflict, type LogLoader } from '../log-loader.js';
import { ENGINE, type EventStoreDb, isTransient, pagesAfter } from './client.js';
import { toEvent } from './commit-event.js';

/** Commits of different streams that are written at the same time. */
export const LOADED_TOGETHER = 64;

/** Retry time for one request. */
const BUDGET_MS = 30_000;

export function createEventStoreDbLoader({ db, prefix }: { db: EventStoreDb; prefix: string }): LogLoader {
  const patiently = <T>(request: () => Promise<T>) =>
    withinBudget({ engine: ENGINE, budgetMs: BUDGET_MS, isRetryable: isTransient }, request);

  async function write(commit: StoredCommit): Promise<void> {
    const revision = await patiently(() => db.append(prefix + commit.pk, commit.sk - 2, toEvent(commit)));
    if (revision !== commit.sk - 1) throw new LoadConflict(commit);
  }

  async function writeInOrder(commits: readonly StoredCommit[]): Promise<void> {
    for (const commit of commits) await write(commit);
  }

  return {
    async isEmpty() {
      for await (const page of pagesAfter('start', (options) => patiently(() => db.readAll(options)))) {
        if (page.some(({ streamId }) => streamId.startsWith(prefix))) return false;
      }
      return true;
    },

    async load(commits) {
      for (let from = 0; from < commits.length; from += LOADED_TOGETHER) {
        const streams = groupBy(commits.slice(from, from + LOADED_TOGETHER), ({ pk }) => pk);
        await Promise.all([...streams.values()].map(writeInOrder));
      }
    },
  };
}
