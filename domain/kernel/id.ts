// Public ids: `order_536365` is the stream `order#536365`.
import { z } from 'zod';
import { Problem } from './errors.js';
import { defined } from './json.js';
import { type StreamId, streamId } from './stream.js';

/** Longest part after the prefix, in characters. It leaves room in command ids, which name a process, a step and a target. */
export const MAX_KEY_LENGTH = 50;

export function idSchema(prefix: string) {
  return z.string().regex(new RegExp(`^${prefix}_[A-Za-z0-9._-]{1,${MAX_KEY_LENGTH}}$`), `must look like ${prefix}_…`);
}

/** Parses an id that a caller asks for. Throws `not_found` if the text cannot be an id, as for any id that does not exist. */
export function askedId(schema: z.ZodType<string>, text: string): string {
  if (!schema.safeParse(text).success) throw new Problem('not_found', `There is no ${text}.`);
  return text;
}

/** What was found by the id. Throws `not_found` if there is nothing. */
export function existing<T extends object>(found: T | null | undefined, id: string): T {
  if (found) return found;
  throw new Problem('not_found', `There is no ${id}.`);
}

/** An id in a path. The documentation states its format; a request with any other text gets `not_found`. */
export function pathId(schema: z.ZodType<string>, example?: string) {
  const { pattern } = z.toJSONSchema(schema);
  return z.string().meta({ pattern, ...defined({ example }) });
}

/** The stream of an aggregate: `order_536365` → `order#536365`. */
export function streamOf(id: string): StreamId {
  return streamId(prefixOf(id), keyOf(id));
}

/** The id of the single related resource of `id`: (`payment`, `order_536365`) → `payment_536365`. */
export function siblingId(prefix: string, id: string): string {
  return `${prefix}_${keyOf(id)}`;
}

/** `order_536365` → `536365`. */
export function keyOf(id: string): string {
  return id.slice(id.indexOf('_') + 1);
}

/** Text that fits between two slashes of a URL (where `.` and `..` have another meaning) and can name a member of an object. */
function segment(length: number): RegExp {
  return new RegExp(`^(?!\\.{1,2}$|__proto__$)[A-Za-z0-9._-]{1,${length}}$`);
}

function prefixOf(id: string): string {
  return id.slice(0, id.indexOf('_'));
}

/** A stock keeping unit; also the id of its claim stream. */
export const skuSchema = z
  .string()
  .regex(segment(64), 'must be 1 to 64 letters, digits, dots, dashes or underscores, and not only one or two dots');

/** A place that holds stock. */
export const locationSchema = z
  .string()
  .regex(segment(32), 'must be 1 to 32 letters, digits, dots, dashes or underscores, and not only one or two dots');
export const DEFAULT_LOCATION = 'main';
