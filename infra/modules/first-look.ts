// Start-up readiness: the shop is ready once the read models show the sample shop and everything that was in the log at the
// start. It does not wait for those whose store is away.
import { setTimeout as delay } from 'node:timers/promises';
import type { SeenCommits } from '../../domain/kernel/consistency.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Behind, ReadModels } from './read-models.js';

/** After this time the shop is ready even if some projections are still behind. */
export const FIRST_LOOK_MS = 30_000;

const FIRST_POLL_MS = 50;
const SLOWEST_POLL_MS = 1_000;

export interface FirstLook {
  /** `behind`: projections that are behind. `isReady`: whether the shop counts as ready in spite of them. */
  state(): { isReady: boolean; behind: readonly string[] };
  /** Makes the shop not ready until `follow` has seen everything or the time is over. */
  begin(): void;
  /** Checks the read models until they show everything, even after the shop is ready. Resolves when it is ready. */
  follow(deps: { readModels: ReadModels; store: EventStore; written: SeenCommits }, signal: AbortSignal): Promise<void>;
}

export function createFirstLook({ longestMs = FIRST_LOOK_MS } = {}): FirstLook {
  let endsAt: number | undefined;
  let behind: readonly Behind[] = [];
  let isFollowing = false;

  const isReady = () =>
    endsAt === undefined || performance.now() >= endsAt || (isFollowing && behind.every(({ isAway }) => isAway));

  return {
    state: () => ({ isReady: isReady(), behind: behind.map(({ projection }) => projection) }),

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
              // The log does not answer. /readyz names the engine.
              await delay(SLOWEST_POLL_MS, undefined, { signal }).catch(() => {});
            }
          }
        };
        void again().then(() => resolve());
      }),
  };
}
