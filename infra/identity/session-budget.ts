// How long one operation of a session store is retried before it fails as `Unavailable`.
export const SESSION_BUDGET_MS = 3_000;
