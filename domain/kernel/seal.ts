// What callers keep for us and send back, such as cursors and consistency tokens, is sealed: they can neither read nor make it.

/** How sealed text looks: base64url. */
export const SEALED_TEXT = /^[\w-]+$/;

export interface Seal {
  seal(text: string): string;
  /** Undefined unless this is, to the letter, what `seal` gave. */
  open(sealed: string): string | undefined;
}
