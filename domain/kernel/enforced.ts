// What a schema enforces by a function, in the words of JSON Schema: the OpenAPI document says it.
import { z } from 'zod';

export const enforced = z.registry<{
  pattern?: string;
  enum?: readonly string[];
  not?: { const: unknown } | { pattern: string };
}>();
