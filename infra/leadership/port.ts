// The lease port: one process at a time hosts the projectors and the agenda of a shop. Only processes that run all the time need
// it. In AWS Lambda it is not used: an event-source mapping decides there which invocation reads a shard, and a schedule starts
// the agenda; late or repeated work is harmless there for the same reasons as here.
import type { Fence } from '../../domain/kernel/event-store.js';

/** The lease as stored. A running holder keeps changing `beat`. */
export interface LeaseState {
  /** Grows with every holder, so it tells their terms apart. */
  token: Fence['token'];
  /** Grows with every heartbeat of the holder. */
  beat: number;
  /** Host and process of the holder; absent if the lease is free. */
  holder?: string;
  /** The holder's last heartbeat by its own or the store's clock, in ms. Shown to people; no decision may depend on it. */
  beatAt: number;
}

/**
 * The store of leases, which has to be the store of the log: an append that carries a fence is refused there once the token has
 * changed. A log whose engine cannot check that has them in Postgres, and holds the lease while it appends. Each call is one
 * conditional request with a time limit. It rejects if the store does not answer, and may then have taken effect.
 */
export interface Leases {
  /** A read as consistent as the engine allows; undefined if nobody has ever held this lease. */
  look(name: string): Promise<LeaseState | undefined>;
  /** Takes the lease if it is still in the state that was seen. Returns the new token; undefined if another process was faster. */
  take(name: string, holder: string, seen: LeaseState | undefined): Promise<Fence['token'] | undefined>;
  /** A heartbeat. False: another process has taken the lease, or this one has released it. */
  beat(fence: Fence): Promise<boolean>;
  /** Frees the lease at once. Does nothing if another process has taken it. */
  release(fence: Fence): Promise<void>;
}
