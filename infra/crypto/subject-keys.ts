// Port of the key store: one wrapped data key per data subject, in a separate store. Deleting the key makes the subject's data
// unreadable.

/** How long one request to the key store is retried before it fails as `Unavailable`. */
export const KEY_STORE_BUDGET_MS = 5_000;

export type SubjectKey = { wrapped: Uint8Array } | { forgotten: true };

export interface SubjectKeys {
  /** Read with the strongest consistency of the engine. */
  get(subject: string): Promise<SubjectKey | undefined>;
  /** The first writer wins; a tombstone counts as written. Returns what the store holds now. */
  createIfAbsent(subject: string, wrapped: Uint8Array): Promise<SubjectKey>;
  /** Replaces the key, if there is one, with a permanent tombstone. */
  forget(subject: string): Promise<void>;
}
