// Keeps a rebuild from taking the machine from the shop: after each piece of work it rests.

/** How much of a processor's time a rebuild takes, so that the shop beside it stays fast. */
const BUSY_PERCENT = 50;

/** Shorter rests are added up. */
const SHORTEST_REST_MS = 5;

/** The function is called with the time that a piece of work took, in ms, and rests. All callers together get the share. */
export function createThrottle(
  pause: (ms: number) => Promise<unknown>,
  now = () => performance.now(),
): (spentMs: number) => Promise<void> {
  let restUntil = 0;
  return async (spentMs) => {
    restUntil = Math.max(now(), restUntil) + spentMs * (100 / BUSY_PERCENT - 1);
    const rest = restUntil - now();
    if (rest >= SHORTEST_REST_MS) await pause(rest);
  };
}
