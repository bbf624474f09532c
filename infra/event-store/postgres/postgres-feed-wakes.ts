// Tells the feeds that the log has new commits, so that they do not wait for their next poll: those of this process directly,
// those of other processes by NOTIFY.
import type { Pool } from 'pg';

export const WAKE_CHANNEL = 'commerce_log';

/** Shortest interval between two wake-ups. The first append after a pause wakes at once; later ones share a wake-up. */
export const WAKE_EVERY_MS = 20;

/** The same for notifications of a process with a feed. Nobody waits for them but other shops on the same log. */
const NOTIFY_OTHERS_EVERY_MS = 250;

/**
 * NOTIFY takes a lock that serialises commits, so it runs in a transaction of its own. A notification may be lost, so it need
 * not wait for the disk.
 */
const NOTIFY_SQL = `begin; set local synchronous_commit = off; notify ${WAKE_CHANNEL}; commit`;

export interface FeedWakes {
  /** To be called after each append. */
  appended(): void;
  /** Calls `ring` after each append of this process, until the returned function is called. */
  listen(ring: () => void): () => void;
}

export function createFeedWakes(pool: Pool): FeedWakes {
  const feeds = new Set<() => void>();
  const send = () => void pool.query(NOTIFY_SQL).catch(() => {});
  const notify = atMostEvery(WAKE_EVERY_MS, send);
  const notifyOthers = atMostEvery(NOTIFY_OTHERS_EVERY_MS, send);
  const ringAll = atMostEvery(WAKE_EVERY_MS, () => {
    for (const ring of feeds) ring();
  });

  return {
    appended() {
      if (feeds.size === 0) return notify();
      ringAll();
      notifyOthers();
    },
    listen(ring) {
      feeds.add(ring);
      return () => void feeds.delete(ring);
    },
  };
}

/** Calls at once after a pause. Further calls within the interval share one at its end. */
function atMostEvery(ms: number, work: () => void): () => void {
  let isPlanned = false;
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    if (isPlanned) return;
    isPlanned = true;
    setTimeout(
      () => {
        isPlanned = false;
        last = performance.now();
        work();
      },
      Math.max(0, last + ms - performance.now()),
    ).unref();
  };
}
