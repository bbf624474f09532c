// What the marks of the stores of documents have in common.

/** Name of the mark. */
export const MARK = 'store_mark';

/** Its id, where marks have one. */
export const MARK_ID = 'read models';

/** A cheap read of our own data, whether or not it is there. */
export type Probe = () => Promise<unknown>;
