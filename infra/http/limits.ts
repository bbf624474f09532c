// Every limit of the HTTP surface, in one place.

/** Largest request body, in bytes. */
export const MAX_BODY_BYTES = 256 * 1024;

/** Deepest nesting of a request body. */
export const MAX_BODY_DEPTH = 32;

/** Most values in a request body: what stands in its objects and arrays, those within others counted in. */
export const MAX_BODY_VALUES = 20_000;

/** A body of more values than this is judged value by value, and no further once `MAX_NAMED_FIELDS` are found. */
export const MAX_VALUES_AT_ONCE = 200;

/** Longest pointer and detail of a field in a problem, and longest detail and path of the whole, in characters; the rest is cut off. */
export const MAX_POINTER_CHARS = 200;
export const MAX_DETAIL_CHARS = 500;
export const MAX_SUMMARY_CHARS = 2_000;

/** How long a query waits for what its `Consistency-Token` names, unless `Prefer: wait=N` (seconds) says otherwise. */
export const DEFAULT_WAIT_MS = 5_000;
export const MAX_WAIT_MS = 30_000;

/** All headers of a request together, in bytes. */
export const MAX_HEADER_BYTES = 16 * 1024;

/** Longest `Consistency-Token`, in characters. */
export const MAX_TOKEN_CHARS = 12_000;

/** Seconds after which a repeat of a request that is still running makes sense. */
export const RUNNING_RETRY_AFTER_S = 1;

/** A request must have arrived whole, and its headers alone, within this time. */
export const REQUEST_TIMEOUT_MS = 30_000;
export const HEADERS_TIMEOUT_MS = 10_000;

/** Whether these times are over is looked at this often. */
export const CHECK_CONNECTIONS_EVERY_MS = 1_000;

/** A client has this long to take an answer, and a second more for each so many bytes that it has not taken yet. */
export const ANSWER_TIMEOUT_MS = 20_000;
export const ANSWER_BYTES_PER_S = 16 * 1024;

/** How long a connection whose request was not read to its end stays open, so that its client sees the answer. */
export const LINGER_MS = 1_000;

/** What one address may do in a minute, unless it is configured: begin or refresh sessions, log in, try coupons. */
export const SESSIONS_PER_MINUTE = 120;
export const LOGINS_PER_MINUTE = 10;
export const COUPONS_PER_MINUTE = 30;

/** Access tokens that prove nobody, of one address in a minute, as one process counts them. */
export const INVALID_TOKENS_PER_MINUTE = 60;

/** Signed news of one address in a minute. */
export const WEBHOOKS_PER_MINUTE = 6_000;

/** All requests of one caller in a minute; without a token the address is the caller. */
export const REQUESTS_PER_MINUTE = 600;

/** So long a browser remembers what scripts of another origin may send. */
export const CORS_MAX_AGE_S = 600;

/** Open connections of the server, and of one address (of IPv6: one /64). */
export const MAX_CONNECTIONS = 10_000;
export const MAX_CONNECTIONS_PER_ADDRESS = 1_000;

/** How long an idle connection is kept; longer than the 60 s of usual load balancers, so that they close first. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;

/** How long running requests may take to end once the server closes. */
export const DRAIN_TIMEOUT_MS = 10_000;
