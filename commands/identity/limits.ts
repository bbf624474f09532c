// How long the proofs of identity are good.

/** Access tokens are not looked up anywhere: after a log-out one still works for at most this long. In seconds. */
export const ACCESS_TOKEN_TTL_S = 15 * 60;

/**
 * A refresh whose answer was lost is repeated within this time and gets the same pair. A used refresh token that comes later
 * ends the session. In ms.
 */
export const REFRESH_GRACE_MS = 30_000;

/** A session ends when its refresh token has not been used for this long. In ms. */
export const SESSION_TTL_MS = 30 * 24 * 60 * 60_000;

/**
 * Staff are looked up for each request with their token, in memory that is so old at most: so long after a change by another
 * process they have their old role, and a removed member's token still works. In ms.
 */
export const STAFF_TTL_MS = 5_000;
