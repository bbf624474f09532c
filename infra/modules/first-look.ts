// Ready is when a first look finds what is there: what was in the log when the program started, and the sample shop.
import { setTimeout as delay } from 'node:timers/promises';
import type { SeenCommits } from '../../domain/kernel/consistency.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { ReadModels } from './read-models.js';

/** Then it is ready without those that are still behind. */
export const FIRST_LOOK_MS = 30_000;

const FIRST_POLL_MS = 50;
const SLOWEST_POLL_MS = 1_000;

export interface FirstLook {
  /** Projections that are behind; `isReady` says whether that still counts. */
  state(): { isReady: boolean; behind: readonly string[] };
  /** From now on not ready, until `follow` has seen all or the time is over. */
  begin(): void;
  /** Looks until everything is seen, even after it is ready; resolves when it is ready. */
  follow(deps: { readModels: ReadModels; store: EventStore; written: SeenCommits }, signal: AbortSignal): Promise<void>;
}

export function createFirstLook({ longestMs = FIRST_LOOK_MS } = {}): FirstLook {
  let endsAt: number | undefined;
  let behind: readonly string[] = [];
  let isFollowing = false;

  const isReady = () => endsAt === undefined || performance.now() >= endsAt || (isFollowing && behind.length === 0);

  return {
    state: () => ({ isReady: isReady(), behind }),

    begin() {
      endsAt = performance.now() + longestMs;
    },

    follow: ({ readModels, store, written }, signal) =>
      new Promise((resolve) => {
        const look = async () => {
          const end = await store.watermark();
          const newest = new Map<StreamId, number>(written);
          for await (const { stream, commitNo } of store.newest(end)) {
            newest.set(stream, Math.max(commitNo, newest.get(stream) ?? 0));
          }
          for (let poll = FIRST_POLL_MS; !signal.aborted; poll = Math.min(poll * 2, SLOWEST_POLL_MS)) {
            behind = await readModels.behind(end, newest);
            isFollowing = true;
            if (isReady()) resolve();
            if (behind.length === 0) return;
            await delay(poll, undefined, { signal }).catch(() => {});
          }
        };
        const again = async () => {
          while (!signal.aborted) {
            try {
              return await look();
            } catch {
              // The log is away: /readyz names the engine.
              await delay(SLOWEST_POLL_MS, undefined, { signal }).catch(() => {});
            }
          }
        };
        void again().then(() => resolve());
      }),
  };
}
