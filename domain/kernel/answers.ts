// How endpoints answer: with a view of the state of a stream, or with a list that is never paged.
import { z } from 'zod';
import type { Reply } from './endpoint.js';
import type { Loaded } from './states.js';
import type { StreamId } from './stream.js';

/** Makes the answer from a state. Some views load more, such as current prices. */
export interface View<S, A = unknown> {
  schema: z.ZodType<A>;
  of(state: S): A | Promise<A>;
}

/**
 * An answer that shows the state of a stream. The stream's version is the `ETag`. The caller has seen the stream's last commit
 * and the commits in `beside`, from which the answer was also built. A read model shows the answer once it shows all of these.
 */
export function shows(
  status: number,
  body: unknown,
  stream: StreamId,
  { position }: Pick<Loaded<unknown>, 'position'>,
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
