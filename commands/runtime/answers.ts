// What command endpoints have in common: answers from an outcome, and lists that are answered whole.
import { z } from 'zod';
import type { Reply } from '../../domain/kernel/endpoint.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Loaded } from './command-runner.js';

/**
 * An answer that shows the state of a stream. The stream's version is the `ETag`. The caller has seen its last commit, and the
 * `beside` that the answer was made of, too: a read model shows it once it shows all of them.
 */
export function shows(
  status: number,
  body: unknown,
  stream: StreamId,
  { position }: Loaded<unknown>,
  ...beside: readonly [StreamId, number][]
): Reply {
  return { status, body, version: position.version, seen: [[stream, position.commitNo], ...beside] };
}

/** A list that is short and therefore never paged, in the shape of those that are. */
export function wholeListAnswer<T extends z.ZodType>(entry: T) {
  return z.strictObject({
    data: z.array(entry),
    page: z.strictObject({ next: z.null(), hasMore: z.literal(false) }),
  });
}

export function wholeList<T>(entries: readonly T[]) {
  return { data: [...entries], page: { next: null, hasMore: false as const } };
}
