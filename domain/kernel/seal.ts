// Cursors and consistency tokens, which callers store and send back, are sealed: callers can neither read nor forge them. Values
// that callers may read but not forge are hashed with a key.

/** The format of sealed text: base64url. */
export const SEALED_TEXT = /^[\w-]+$/;

export interface Seal {
  seal(text: string): string;
  /** Undefined unless the text is exactly what `seal` returned. */
  open(sealed: string): string | undefined;
}

/** Creates a seal bound to a text. What was sealed for one text does not open for another. */
export type SealFor = (boundTo: string) => Seal;

/** A keyed hash: 43 characters of base64url. The same text and purpose give the same hash; another purpose gives another hash. */
export type KeyedHash = (purpose: string, text: string) => string;
