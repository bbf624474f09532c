// What sessions need: someone who signs access tokens, and a store of sessions.
import type { Caller } from '../../domain/kernel/endpoint.js';

export interface TokenIssuer {
  /** A signed access token that proves the caller for `ACCESS_TOKEN_TTL_S`. */
  issue(caller: Caller): Promise<string>;
}

export interface TokenReader {
  /** The caller that a token proves now; undefined for one that is malformed, forged or expired. */
  authenticate(token: string): Promise<Caller | undefined>;
}

export interface SessionKey {
  customerId: string;
  id: string;
}

export interface Session extends SessionKey {
  /** The customer has no account. */
  guest: boolean;
  /** How often it was refreshed: the refresh token of this generation is good now. The token itself is kept nowhere. */
  generation: number;
  /** In ms. */
  expiresAt: number;
  /** The last refresh, for whoever repeats it: when it was, in ms, and the access token that it gave, sealed. */
  refreshed?: { at: number; accessToken: string };
}

export interface Sessions {
  open(session: Session): Promise<void>;
  /** Undefined: there is no such session, or it has expired. */
  find(key: SessionKey, now: number): Promise<Session | undefined>;
  /** Replaces a session that is of the generation before; one of several at once succeeds. False: another generation, or none. */
  refresh(next: Required<Session>): Promise<boolean>;
  end(key: SessionKey): Promise<void>;
  endAll(customerId: string): Promise<void>;
}
