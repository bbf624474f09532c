// Idempotency records: one per keyed request, so that a repeat gets the first answer instead of a second run.
// A keyed request takes two writes: the claim of the run and the answer. A repeat costs one rejected write and at most one read.

import { hash } from 'node:crypto';
import type { Caller } from '../../domain/kernel/endpoint.js';

/** How long an answer is kept. */
export const RECORD_TTL_MS = 24 * 60 * 60_000;

/** A run that has not ended within this time counts as crashed, and the next repeat takes it over. */
export const RUN_LEASE_MS = 60_000;

/** Longest sealed answer. DynamoDB accepts items of 400 KB. */
export const MAX_ANSWER_BYTES = 350_000;

/** A claim to execute one request. */
export interface RequestRun {
  id: string;
  /** As given to `begin`. */
  request: string;
  /** Fencing token: a run that was taken over can no longer store its answer. */
  owner: string;
  /** Time of the first attempt, in ms. A run that takes over keeps it, so that its commands expire in time. */
  issuedAt: number;
}

export type Begun =
  | { state: 'run'; run: RequestRun }
  | { state: 'answered'; answer: Uint8Array }
  | { state: 'running' }
  /** The key was used with another request before. */
  | { state: 'mismatch' };

export interface IdempotencyStore {
  /** `id` identifies caller, endpoint and key: `recordIdOf` makes it. `request` is the hash of the content that must be equal in a repeat. */
  begin(id: string, request: string, now: number): Promise<Begun>;
  /**
   * Stores the answer, 1 to `MAX_ANSWER_BYTES` opaque bytes, unless another run has taken over. May resolve before the write;
   * a later `begin` in this process comes after it.
   */
  finish(run: RequestRun, answer: Uint8Array): Promise<void>;
  /** Releases the run without an answer, in the same way. The next repeat runs at once, with the same `issuedAt`. */
  release(run: RequestRun): Promise<void>;
  /** Deletes all records of one caller. Runs that have not ended yet write theirs again. */
  forget(caller: RecordCaller): Promise<void>;
}

export type RecordCaller = Pick<Caller, 'role' | 'id'>;

/** The id of a record begins with its caller, so that a store finds the records of one caller. `rest` has 22 characters. */
export function recordIdOf(caller: RecordCaller, rest: string): string {
  return recordsOf(caller) + rest;
}

/** How the ids of all records of one caller begin. */
export function recordsOf({ role, id }: RecordCaller): string {
  return digest(JSON.stringify([role, id]));
}

/** 128 bits of SHA-256, in 22 characters. */
export function digest(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22);
}

/** How long one operation of the store is retried before it fails as `Unavailable`. */
export const RECORD_BUDGET_MS = 3_000;
