// Port of the key store: one wrapped data key per data subject, in a store of its own, so that deleting it forgets the subject.

/** How long one request to the key store is retried before it fails as `Unavailable`. */
export const KEY_STORE_BUDGET_MS = 5_000;

export type SubjectKey = { wrapped: Uint8Array } | { forgotten: true };

export interface SubjectKeys {
  /** As strongly consistent as the engine can. */
  get(subject: string): Promise<SubjectKey | undefined>;
  /** The first writer wins, and a tombstone counts as written. Answers what the store holds now. */
  createIfAbsent(subject: string, wrapped: Uint8Array): Promise<SubjectKey>;
  /** Replaces the key, if there is one, by a tombstone that stays for ever. */
  forget(subject: string): Promise<void>;
}
