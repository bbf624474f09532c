// The ports of sessions: a signer of access tokens, and a store of sessions.
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
