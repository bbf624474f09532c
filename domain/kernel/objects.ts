// The port of the object store: objects that are written once and never change, such as stock snapshots and the archive of the log.

/** Every log has objects of its own. Calls throw `Unavailable` while the engine does not answer. */
export interface ObjectStore {
  /** Engine and place, for messages. */
  place: string;
  /**
   * Writes the whole object or nothing. Returns false if there is an object with this name, possibly from an earlier attempt of
   * this call; it stays as it is. A name is a path of letters, digits and `._-`, such as `stock/2026-11-28/main.jsonl.gz`.
   */
  putOnce(name: string, body: Uint8Array): Promise<boolean>;
  /** Undefined if there is no such object. */
  get(name: string): Promise<Uint8Array | undefined>;
  /** The names that begin with the prefix and come after `after`, in the order of their characters. */
  list(prefix: string, after?: string): AsyncIterable<string>;
}
