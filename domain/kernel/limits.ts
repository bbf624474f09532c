// Every limit of the log and of the command path, in one place. docs/limits.md explains them to users.

/** Largest encoded commit item, in bytes. DynamoDB takes 400 KB; the rest is room for indexes and change records. */
export const MAX_COMMIT_BYTES = 256 * 1024;

/** How long a stream remembers the ids of the commands it has executed. An older command is refused `command_expired`. */
export const RETRY_HORIZON_MS = 30 * 60_000;

/**
 * How much of that is kept in memory. A command is never executed before it was first issued, so only one that was issued
 * longer ago than this has to be looked up in its stream.
 */
export const REMEMBERED_MS = 30_000;

/** A writer whose clock is further than this from the store's refuses to write. */
export const MAX_CLOCK_SKEW_MS = 2_000;

/** How long one append is retried through throttling and lost connections before it fails as `Unavailable`. */
export const APPEND_BUDGET_MS = 5_000;

/** The log is shown up to now minus this: no append lives longer than its budget, and two clocks may each be off by the skew. */
export const WATERMARK_LAG_MS = APPEND_BUDGET_MS + 2 * MAX_CLOCK_SKEW_MS + 1_000;

/** How many times a command is decided again after losing a race for its stream. */
export const MAX_CONFLICT_RETRIES = 20;

/** Most commands that one commit of a hot stream carries. */
export const MAX_GROUP_COMMANDS = 200;

/** Log partitions of the index `log`; part of the stored format. */
export const LOG_PARTITIONS = 64;

/** Most (stream, commitNo) pairs in one consistency token. */
export const MAX_TOKEN_PAIRS = 32;
