// How long tokens and sessions are valid.

/** Access tokens are not looked up, so after a log-out one still works for at most this long. In seconds. */
export const ACCESS_TOKEN_TTL_S = 15 * 60;

/**
 * Within this time a refresh whose answer was lost may be repeated and gets the same pair of tokens. If a used refresh token
 * arrives later, the session ends. In ms.
 */
export const REFRESH_GRACE_MS = 30_000;

/** A session ends when its refresh token has not been used for this long. In ms. */
export const SESSION_TTL_MS = 30 * 24 * 60 * 60_000;

/**
 * Staff are looked up for each request with their token, in a cache of at most this age. So after a change by another process
 * they keep their old role this long, and a removed member's token still works. In ms.
 */
export const STAFF_TTL_MS = 5_000;
