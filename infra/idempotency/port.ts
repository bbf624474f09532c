// Idempotency records: one per keyed request, so that a repeat gets the first answer instead of a second run.
// Two writes per keyed request: one claims the run, one keeps the answer. A repeat costs one refused write and at most one read.

/** How long an answer is kept. */
export const RECORD_TTL_MS = 24 * 60 * 60_000;

/** A run that has not ended within this time is taken for crashed, and the next repeat takes it over. */
export const RUN_LEASE_MS = 60_000;

/** Longest sealed answer, in characters: DynamoDB takes items of 400 KB. */
export const MAX_ANSWER_CHARS = 350_000;

/** A claim on executing one request. */
export interface Run {
  id: string;
  /** Fencing token: a run that was taken over can no longer store its answer. */
  owner: string;
  /** When the request was first tried, in ms. A run that is taken over keeps it, so that its commands expire in time. */
  issuedAt: number;
}

export type Begun =
  | { state: 'run'; run: Run }
  | { state: 'answered'; answer: string }
  | { state: 'running' }
  /** The key came with another request before. */
  | { state: 'mismatch' };

export interface IdempotencyStore {
  /** `id` stands for caller, endpoint and key; `request` is the hash of what must be the same in a repeat. */
  begin(id: string, request: string, now: number): Promise<Begun>;
  /** Keeps the answer, an opaque text of at most `MAX_ANSWER_CHARS`, unless another run has taken over. */
  finish(run: Run, answer: string): Promise<void>;
  /** Gives the run back without an answer: the next repeat runs at once, with the same `issuedAt`. */
  release(run: Run): Promise<void>;
}

/** How long one of the store's operations is retried before it fails as `Unavailable`. */
export const RECORD_BUDGET_MS = 3_000;
