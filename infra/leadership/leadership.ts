// Leader election by a lease with heartbeats: see docs/adr/0024-leadership-by-lease.md. A leader that hangs is replaced. When it
// wakes, its appends are refused by the token of its lease, and its first heartbeat tells it to stop.

import type { Fence } from '../../domain/kernel/event-store.js';
import { pauseUnlessAborted } from '../retry.js';
import type { LeaseState, Leases } from './port.js';

/** A leader whose heartbeat has not changed for this long is replaced. */
export const LEASE_MS = 9_000;
const BEAT_EVERY_MS = 2_000;
/** Pause after a heartbeat that got no answer. */
const RETRY_BEAT_MS = 500;
/** How often a process that does not lead looks at the lease. */
const LOOK_EVERY_MS = 1_000;
/** After a longer time between two looks, this process or the store hung. So it begins to observe the leader again. */
const LONGEST_GAP_MS = 4_000;

export interface Timing {
  leaseMs: number;
  beatEveryMs: number;
  retryBeatMs: number;
  lookEveryMs: number;
  longestGapMs: number;
}

const TIMING: Timing = {
  leaseMs: LEASE_MS,
  beatEveryMs: BEAT_EVERY_MS,
  retryBeatMs: RETRY_BEAT_MS,
  lookEveryMs: LOOK_EVERY_MS,
  longestGapMs: LONGEST_GAP_MS,
};

export interface LeadershipDeps {
  leases: Leases;
  /** Name of the lease. */
  name: string;
  /** Host and process, for people. */
  holder: string;
  timing?: Timing;
  /**
   * Milliseconds from an arbitrary start, never adjusted. Only differences of this process's own readings are used: the clocks of
   * other machines are never compared.
   */
  monotonic?: () => number;
  /** Waits, at most until the signal aborts. */
  pause?: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** Called when the store of the lease does not answer. The leader goes on leading, because its token still protects the log. */
  onError?: (error: unknown) => void;
}

/** Leads until `signal` aborts: when this process stops, or when it was replaced. Appends have to carry the fence. */
export type Lead = (leading: { signal: AbortSignal; fence: Fence }) => Promise<void>;

/** Waits for the lease and leads until `signal` aborts. Resolves once aborted and stopped; rejects as `lead` does. */
export async function leadWhenFree(deps: LeadershipDeps, lead: Lead, signal: AbortSignal): Promise<void> {
  const { leases, name, onError = () => {} } = deps;
  while (!signal.aborted) {
    const token = await takeWhenFree(deps, signal);
    if (token === undefined) return;
    const fence = { lease: name, token };
    const over = new AbortController();
    const leading = AbortSignal.any([signal, over.signal]);
    const beating = beatUntilReplaced(deps, fence, leading).then(() => over.abort());
    try {
      await lead({ signal: leading, fence });
    } finally {
      over.abort();
      await beating;
      await leases.release(fence).catch(onError);
    }
  }
}

/** Resolves with the token of this process's term; undefined once aborted. */
async function takeWhenFree(deps: LeadershipDeps, signal: AbortSignal): Promise<Fence['token'] | undefined> {
  const { leases, name, holder, onError = () => {}, pause = pauseUnlessAborted } = deps;
  const { lookEveryMs } = deps.timing ?? TIMING;
  const observe = createObserver(deps);
  while (!signal.aborted) {
    try {
      const found = await observe();
      const token = found.isFree ? await leases.take(name, holder, found.state) : undefined;
      if (token !== undefined) return token;
    } catch (error) {
      onError(error);
    }
    await pause(lookEveryMs, signal);
  }
  return undefined;
}

/**
 * Tells whether the lease is free: released, never held, or unchanged for `leaseMs` as this process has seen it. Time in which the
 * store did not answer, or this process itself hung, does not count.
 */
function createObserver({ leases, name, timing = TIMING, monotonic = () => performance.now() }: LeadershipDeps) {
  let seen: { state: LeaseState; since: number; last: number } | undefined;
  return async (): Promise<{ isFree: boolean; state: LeaseState | undefined }> => {
    const askedAt = monotonic();
    const before = seen;
    seen = undefined; // counts only if the store answers
    const state = await leases.look(name);
    if (!state || state.holder === undefined) return { isFree: true, state };
    const isUnchanged =
      before?.state.token === state.token &&
      before.state.beat === state.beat &&
      askedAt - before.last <= timing.longestGapMs;
    const answeredAt = monotonic();
    seen = { state, since: isUnchanged ? before.since : answeredAt, last: answeredAt };
    return { isFree: askedAt - seen.since >= timing.leaseMs, state };
  };
}

/** Resolves when another process has taken the lease, or once aborted. */
async function beatUntilReplaced(deps: LeadershipDeps, fence: Fence, signal: AbortSignal): Promise<void> {
  const { leases, timing = TIMING, onError = () => {}, pause = pauseUnlessAborted } = deps;
  let wait = timing.beatEveryMs;
  for (;;) {
    await pause(wait, signal);
    if (signal.aborted) return;
    try {
      if (!(await leases.beat(fence))) return;
      wait = timing.beatEveryMs;
    } catch (error) {
      onError(error);
      wait = timing.retryBeatMs;
    }
  }
}
