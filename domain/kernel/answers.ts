// Helpers of endpoints: answers from the state of a stream, and lists that are never paged.
import { z } from 'zod';
import type { Reply } from './endpoint.js';
import type { Loaded } from './states.js';
import type { StreamId } from './stream.js';

/**
 * An answer that shows the state of a stream. The stream's version is the `ETag`. The caller has seen the stream's last commit
 * and the commits in `beside`, from which the answer was also built. A read model shows the answer once it shows all of these.
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

/** A list that is short and therefore never paged, in the format of paged lists. */
export function wholeListAnswer<T extends z.ZodType>(entry: T) {
  return z.strictObject({
    data: z.array(entry),
    page: z.strictObject({ next: z.null(), hasMore: z.literal(false) }),
  });
}

export function wholeList<T>(entries: readonly T[]) {
  return { data: [...entries], page: { next: null, hasMore: false as const } };
}
