// All limits of the log and of the command path. docs/limits.md explains them to users.

/** Largest encoded commit item, in bytes. DynamoDB allows 400 KB; the rest is room for indexes and change records. */
export const MAX_COMMIT_BYTES = 256 * 1024;

/** How long a stream remembers the ids of executed commands. An older command is rejected with `command_expired`. */
export const RETRY_HORIZON_MS = 30 * 60_000;

/**
 * How long the ids of executed commands are kept in memory. A command is never executed before it was first issued, so only a
 * command issued longer ago than this has to be looked up in its stream.
 */
export const REMEMBERED_MS = 30_000;

/** A writer refuses to write if its clock differs from the store's by more than this. */
export const MAX_CLOCK_SKEW_MS = 2_000;

/** How long one append is retried after throttling and lost connections before it fails as `Unavailable`. */
export const APPEND_BUDGET_MS = 5_000;

/** The log is shown up to now minus this. No append outlives its budget, and two clocks may each be off by the maximum skew. */
export const WATERMARK_LAG_MS = APPEND_BUDGET_MS + 2 * MAX_CLOCK_SKEW_MS + 1_000;

/** How many times a command is decided again after version conflicts on its stream. */
export const MAX_CONFLICT_RETRIES = 20;

/**
 * Upper bound of the pause after the second conflict in a row, and of the longest one. Each bound is twice the last, and the pause
 * is any part of it, so that writers without common memory spread by themselves. The first conflict is decided again at once.
 */
export const FIRST_CONFLICT_PAUSE_MS = 10;
export const LONGEST_CONFLICT_PAUSE_MS = 250;

/** Most commands in one commit of a hot stream. */
export const MAX_GROUP_COMMANDS = 200;

/** Log partitions of the index `log`. The number is part of the stored format. */
export const LOG_PARTITIONS = 64;

/** Most (stream, commitNo) pairs in one consistency token. */
export const MAX_TOKEN_PAIRS = 32;
