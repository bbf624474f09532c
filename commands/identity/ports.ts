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
  /** SHA-256 of the one refresh token that is good now; the token itself is nowhere but with its holder. */
  refreshHash: string;
  /** In ms. */
  expiresAt: number;
}

export interface Sessions {
  open(session: Session): Promise<void>;
  /**
   * Exchanges the refresh hash of a session that has not expired; one of several at once succeeds.
   * Undefined: there is no such session, or another hash is good.
   */
  rotate(
    key: SessionKey,
    from: string,
    to: Pick<Session, 'refreshHash' | 'expiresAt'>,
    now: number,
  ): Promise<Session | undefined>;
  end(key: SessionKey): Promise<void>;
  endAll(customerId: string): Promise<void>;
}
