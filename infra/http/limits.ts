// Every limit of the HTTP surface.

/** Largest request body, in bytes. */
export const MAX_BODY_BYTES = 256 * 1024;

/** Deepest nesting of a request body. */
export const MAX_BODY_DEPTH = 32;

/** Most values in a request body: all members of its objects and arrays, nested ones included. */
export const MAX_BODY_VALUES = 20_000;

/** A body with more values than this is validated value by value, and only until `MAX_NAMED_FIELDS` errors are found. */
export const MAX_VALUES_AT_ONCE = 200;

/**
 * Longest pointer and detail of a field in a problem, and longest detail and path of the problem, in characters. The rest is cut
 * off.
 */
export const MAX_POINTER_CHARS = 200;
export const MAX_DETAIL_CHARS = 500;
export const MAX_SUMMARY_CHARS = 2_000;

/**
 * How long a query waits for the commits of its `Consistency-Token`: the default, and the most that `Prefer: wait=N` (seconds)
 * can ask.
 */
export const DEFAULT_WAIT_MS = 5_000;
export const MAX_WAIT_MS = 30_000;

/** All headers of a request together, in bytes. */
export const MAX_HEADER_BYTES = 16 * 1024;

/** Longest `Consistency-Token`, in characters. */
export const MAX_TOKEN_CHARS = 12_000;

/** `Retry-After` of a repeat whose first request is still running, in seconds. */
export const RUNNING_RETRY_AFTER_S = 1;

/** A request must arrive completely within the first time, its headers within the second. */
export const REQUEST_TIMEOUT_MS = 30_000;
export const HEADERS_TIMEOUT_MS = 10_000;

/** Interval of the checks for these time limits. */
export const CHECK_CONNECTIONS_EVERY_MS = 1_000;

/** Time for a client to receive an answer, plus one second for each so many bytes that it has not received yet. */
export const ANSWER_TIMEOUT_MS = 20_000;
export const ANSWER_BYTES_PER_S = 16 * 1024;

/** How long a connection with an unread request stays open, so that its client receives the answer. */
export const LINGER_MS = 1_000;

/** Default limits for one address per minute: create or refresh sessions, log in, try coupons. */
export const SESSIONS_PER_MINUTE = 120;
export const LOGINS_PER_MINUTE = 10;
/** Attempts to log in to one account, from one address. */
export const ATTEMPTS_PER_MINUTE = 5;
/** The same from all addresses together. It is larger, so that one address cannot lock the owner out. */
export const ACCOUNT_ATTEMPTS_PER_MINUTE = 50;
/** Requests that send a mail to one e-mail address, from all addresses together. */
export const MAILS_PER_MINUTE = 5;
export const COUPONS_PER_MINUTE = 30;
/** An export reads every stream of a customer. */
export const EXPORTS_PER_MINUTE = 5;

/** Invalid access tokens of one address per minute, counted by each process separately. */
export const INVALID_TOKENS_PER_MINUTE = 60;

/** Signed webhooks of one address per minute. */
export const WEBHOOKS_PER_MINUTE = 6_000;

/** All requests of one caller per minute. A request without a token counts for its address. */
export const REQUESTS_PER_MINUTE = 600;

/**
 * A watched answer, such as an order, is made again at this interval, for so long. After that, or if the connection breaks, the
 * client waits and asks again. The time is below the limits of load balancers and of API Gateway (29 s).
 */
export const WATCH_EVERY_MS = 500;
export const WATCH_FOR_MS = 20_000;
export const WATCH_RETRY_MS = 1_000;

/** Where nothing is sent before the end, as in a Lambda function, a watched answer is sent once, and the client asks again later. */
export const WATCH_AGAIN_MS = 3_000;

/** Answers that one caller watches at the same time, in each process. */
export const MAX_WATCHED_PER_CALLER = 5;

/** How long a browser may cache the answer to a preflight request, in seconds. */
export const CORS_MAX_AGE_S = 600;

/** Open connections of the server, and of one address (for IPv6, one /64). */
export const MAX_CONNECTIONS = 10_000;
export const MAX_CONNECTIONS_PER_ADDRESS = 1_000;

/** How long an idle connection stays open. Longer than the usual 60 s of load balancers, so that they close it first. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;

/** How long running requests may take to end once the server closes. */
export const DRAIN_TIMEOUT_MS = 10_000;
