// The stream of what customers look at. It is apart from the log: views are many, nobody has to prove them, and they expire.

/** A look at the page of a product. */
export interface View {
  /** Recognises a view that is sent twice. */
  id: string;
  /** Stands for the customer. */
  session: string;
  product: string;
  /** Ms since 1970. */
  at: number;
}

export interface ViewStream {
  /** Throws `Unavailable`. What was recorded is processed later, in order for each session. */
  record(view: View): Promise<void>;
  /** Deletes what is kept of the customer, after what was recorded before. Throws `Unavailable`. */
  forget(session: string): Promise<void>;
}
