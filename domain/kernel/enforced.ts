// Rules that a schema enforces by a function, in the words of JSON Schema. The OpenAPI document states them.
import { z } from 'zod';

export const enforced = z.registry<{
  pattern?: string;
  /** Removes the format: the pattern is the rule, and others give the format's name another meaning. */
  format?: undefined;
  uniqueItems?: true;
  enum?: readonly string[];
  not?: { const: unknown } | { pattern: string };
}>();
