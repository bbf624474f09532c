// Common parts of all lists: page size, opaque cursors, and the shape of a page.
import { z } from 'zod';
import type { EndpointRequest } from '../../domain/kernel/endpoint.js';
import { invalidField } from '../../domain/kernel/errors.js';
import { SEALED_TEXT } from '../../domain/kernel/seal.js';
import { wholeNumber } from '../../domain/kernel/text.js';
import type { Cursor, Page } from '../../projections/models/page.js';

const DEFAULT_LIMIT = 24;
const MAX_LIMIT = 100;
const MAX_CURSOR_LENGTH = 2_000;

const NOT_OF_THIS_LIST = 'must be the `next` of a page of this list, with the same filters and in the same order';

export const pageQuery = {
  limit: wholeNumber(z.int().min(1).max(MAX_LIMIT))
    .default(DEFAULT_LIMIT)
    .meta({ description: 'Maximum number of entries', default: DEFAULT_LIMIT }),
  after: z
    .string()
    .max(MAX_CURSOR_LENGTH)
    .regex(SEALED_TEXT, NOT_OF_THIS_LIST)
    .optional()
    .meta({ description: 'The `next` of the previous page of the same list, with the same filters and order' }),
};

export function pageAnswer<T extends z.ZodType>(entry: T) {
  return z.strictObject({
    data: z.array(entry),
    page: z.strictObject({
      next: z
        .string()
        .regex(SEALED_TEXT)
        .nullable()
        .meta({ description: 'Send it as `after` to get the next page; null on the last page' }),
      hasMore: z.boolean(),
    }),
  });
}

type Listing = Pick<EndpointRequest, 'cursors'> & { query: { after?: string | undefined } };

export function pageBody<T>({ cursors }: Pick<Listing, 'cursors'>, { data, next }: Page<T>) {
  return { data, page: { next: next ? cursors.seal(JSON.stringify(next)) : null, hasMore: next !== undefined } };
}

/**
 * Start of the page; undefined for the first one. Throws `invalid_request` for a cursor that `pageBody` did not make for the same
 * list. The key is still validated: an older build may have sorted the list by another key.
 */
export function cursorOf<C extends Cursor>({ cursors, query }: Listing, key: z.ZodType<C>): C | undefined {
  if (query.after === undefined) return undefined;
  const opened = cursors.open(query.after);
  const parsed = opened === undefined ? undefined : key.safeParse(JSON.parse(opened));
  if (parsed?.success) return parsed.data;
  throw invalidField('?after', NOT_OF_THIS_LIST);
}
