// What all lists have in common: how much of them is asked for, opaque cursors, and the shape of a page.
import { z } from 'zod';
import { invalidField } from '../../domain/kernel/errors.js';
import type { Cursor, Page } from '../../projections/models/page.js';

const DEFAULT_LIMIT = 24;
const MAX_LIMIT = 100;
const MAX_CURSOR_LENGTH = 2_000;

export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).meta({ description: 'Entries at most' }),
  after: z.string().max(MAX_CURSOR_LENGTH).optional().meta({ description: 'The `next` of the page before' }),
};

export function pageAnswer<T extends z.ZodType>(entry: T) {
  return z.strictObject({
    data: z.array(entry),
    page: z.strictObject({
      next: z.string().nullable().meta({ description: 'Give it as `after` for the next page; null on the last one' }),
      hasMore: z.boolean(),
    }),
  });
}

/** `kind` keeps the cursors of different orders apart. */
export function pageBody<T>({ data, next }: Page<T>, kind: string) {
  return { data, page: { next: next ? encode([kind, ...next]) : null, hasMore: next !== undefined } };
}

/** Throws `invalid_request` unless `after` is a cursor of that kind with such a sort key. */
export function cursorOf<C extends Cursor>(after: string | undefined, kind: string, key: z.ZodType<C>): C | undefined {
  if (after === undefined) return undefined;
  const [found, ...rest] = decode(after);
  const parsed = key.safeParse(rest);
  if (found === kind && parsed.success) return parsed.data;
  throw invalidField('?after', 'must be the `next` of a page of this list, in the same order');
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
