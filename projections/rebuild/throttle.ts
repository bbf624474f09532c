// Keeps a rebuild from taking the machine from the shop: after each piece of work it rests.

/** Share of a processor that a rebuild takes while the shop runs beside it. */
export const DEFAULT_SHARE = 0.5;

/** Shorter rests are added up. */
const SHORTEST_REST_MS = 5;

/** The function is called with the time that a piece of work took, in ms. All callers together get the share. */
export function createThrottle(
  share: number,
  pause: (ms: number) => Promise<unknown>,
  now = () => performance.now(),
): (spentMs: number) => Promise<void> {
  let restUntil = 0;
  return async (spentMs) => {
    restUntil = Math.max(now(), restUntil) + spentMs * (1 / share - 1);
    const rest = restUntil - now();
    if (rest >= SHORTEST_REST_MS) await pause(rest);
  };
}
