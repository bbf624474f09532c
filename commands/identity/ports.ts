// The ports of accounts and sessions: a signer of access tokens, stores of sessions, credentials and preferences, and the mail.
import type { Caller } from '../../domain/kernel/endpoint.js';

export interface TokenIssuer {
  /** A signed access token that proves the caller for `ACCESS_TOKEN_TTL_S`. */
  issue(caller: Caller): Promise<string>;
}

export interface TokenReader {
  /** The caller that a token proves. Undefined for a token that is malformed, forged or expired. */
  authenticate(token: string): Promise<Caller | undefined>;
}

export interface SessionKey {
  customerId: string;
  id: string;
}

export interface Session extends SessionKey {
  /** The customer has no account. */
  guest: boolean;
  /** Number of refreshes. The refresh token of this generation is valid now. The token itself is not stored. */
  generation: number;
  /** In ms. */
  expiresAt: number;
  /** The last refresh, for a repeat of it: its time in ms, and its access token, sealed. */
  refreshed?: { at: number; accessToken: string };
}

export interface Sessions {
  open(session: Session): Promise<void>;
  /** Undefined if the session does not exist or has expired. */
  find(key: SessionKey, now: number): Promise<Session | undefined>;
  /**
   * Replaces a session of the previous generation. Of several concurrent calls one succeeds. False if the session has another
   * generation or does not exist.
   */
  refresh(next: Required<Session>): Promise<boolean>;
  end(key: SessionKey): Promise<void>;
  endAll(customerId: string): Promise<void>;
}

/** Hashes passwords, slowly on purpose. Throws `Unavailable` if too many wait. */
export interface Passwords {
  /** The hash with its parameters and its salt, as text. */
  hash(password: string): Promise<string>;
  /** False without a hash, after the same time as with one. */
  verify(password: string, hash: string | undefined): Promise<boolean>;
}

/** What a mail with a token was sent for. A notice has no token. */
export type MailPurpose = 'verification' | 'reset' | 'notice';

export interface SentToken {
  /** Keyed hash of the token. */
  hash: string;
  /** In ms. */
  sentAt: number;
  expiresAt: number;
}

/** Secrets of accounts. They are not in the log, because the log is for ever. One record per customer. */
export interface Credentials {
  /** The hash of the password. Undefined if the customer has none. */
  passwordOf(customerId: string): Promise<string | undefined>;
  setPassword(customerId: string, hash: string): Promise<void>;
  /** Sets the password if the customer has this token for it, which stays. False if not. */
  resetPassword(customerId: string, hash: string, tokenHash: string, now: number): Promise<boolean>;
  /**
   * Keeps the token of a mail instead of the earlier one of this purpose. False, and nothing is kept, if the earlier one was sent
   * after `notSince`, in ms. Of several concurrent calls one succeeds.
   */
  keepToken(customerId: string, purpose: MailPurpose, token: SentToken, notSince: number): Promise<boolean>;
  hasToken(customerId: string, purpose: MailPurpose, hash: string, now: number): Promise<boolean>;
  /** Removes the token, unless it has expired. Of several concurrent calls one succeeds; false for all others. */
  takeToken(customerId: string, purpose: MailPurpose, hash: string, now: number): Promise<boolean>;
  /** Deletes all of it. */
  forget(customerId: string): Promise<void>;
}

export interface Mail {
  /** Whose mail it is. */
  customerId: string;
  to: string;
  subject: string;
  text: string;
}

export interface Mailer {
  /** Resolves once the mail is handed over for delivery. */
  send(mail: Mail): Promise<void>;
  /** Deletes mails to the customer that are still here. */
  forget(customerId: string): Promise<void>;
}

/** Work that nobody waits for. Its failure is logged under this name. */
export type InBackground = (name: string, work: () => Promise<unknown>) => void;

export interface Attempts {
  /**
   * Counts an attempt: by the address of a client (`login`), by this and the account (`attempt`), or by the account or the e-mail
   * address that it is about. Throws `rate_limited`.
   */
  count(limit: 'login' | 'attempt' | 'account' | 'mail', key: string): Promise<void>;
}

/** Settings of a customer or guest, as JSON. */
export interface Preferences<P = object> {
  of(customerId: string): Promise<P | undefined>;
  /** Replaces all of them. */
  put(customerId: string, preferences: P): Promise<void>;
  forget(customerId: string): Promise<void>;
}
