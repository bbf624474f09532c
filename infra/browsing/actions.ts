// What IAM must allow on the stream of views.

/** To whoever records views. */
export const RECORD_VIEWS_ACTIONS = ['kinesis:PutRecord'] as const;
