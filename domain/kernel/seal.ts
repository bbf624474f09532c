// What callers keep for us and send back, such as cursors and consistency tokens, is sealed: they can neither read nor make
// it. What they may read but not make is hashed with a key.

/** How sealed text looks: base64url. */
export const SEALED_TEXT = /^[\w-]+$/;

export interface Seal {
  seal(text: string): string;
  /** Undefined unless this is, to the letter, what `seal` gave. */
  open(sealed: string): string | undefined;
}

/** A seal for each text that it is bound to: what was sealed for one is not opened for another. */
export type SealFor = (boundTo: string) => Seal;

/** The same text gives the same hash for the same purpose only, to whoever has the key: 43 characters of base64url. */
export type KeyedHash = (purpose: string, text: string) => string;
