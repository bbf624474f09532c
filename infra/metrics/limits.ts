// Limits of CloudWatch's embedded metric format.

/** Metrics of one line. */
export const MAX_EMF_METRICS = 100;

/** Values of one metric in one line. */
export const MAX_EMF_VALUES = 100;
