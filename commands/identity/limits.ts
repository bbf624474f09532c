// How long tokens and sessions are valid, and the limits of accounts.

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

/** Of a password, in characters. */
export const MIN_PASSWORD_CHARS = 8;
export const MAX_PASSWORD_CHARS = 200;

/** How long the tokens in mails work. In ms. */
export const VERIFICATION_TTL_MS = 7 * 24 * 60 * 60_000;
export const RESET_TTL_MS = 60 * 60_000;

/** A customer gets no second mail of a kind within this time, unless the token of the first was used. In ms. */
export const MAIL_PAUSE_MS = 5 * 60_000;

/**
 * Registrations and requests for a new password are answered after this time, so that it does not tell whether there is an account.
 * In ms.
 */
export const EVEN_ANSWER_MS = 1_000;

/** The same where the mail is sent before the answer: longer than a mail server takes to accept a mail. In ms. */
export const EVEN_ANSWER_WITH_MAIL_MS = 5_000;
