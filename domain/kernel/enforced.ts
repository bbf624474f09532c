// What a schema enforces by a function, in the words of JSON Schema: the OpenAPI document says it.
import { z } from 'zod';

export const enforced = z.registry<{
  pattern?: string;
  /** Taken away: the pattern is the rule, and what others mean by the name of a format is not. */
  format?: undefined;
  uniqueItems?: true;
  enum?: readonly string[];
  not?: { const: unknown } | { pattern: string };
}>();
