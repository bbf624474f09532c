// Lists the fields of a schema that have no description in the OpenAPI document.
import { z } from 'zod';

/** Paths such as `zones.rates.upTo`. */
export function undescribedFields(schema: z.ZodType): string[] {
  return [...new Set(undescribedIn(z.toJSONSchema(schema) as JsonSchema, []))];
}

interface JsonSchema {
  description?: string;
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  oneOf?: JsonSchema[];
}

function undescribedIn({ properties = {}, items, oneOf = [] }: JsonSchema, path: readonly string[]): string[] {
  const fields = Object.entries(properties).flatMap(([name, field]) => {
    const at = [...path, name];
    return [...(field.description ? [] : [at.join('.')]), ...undescribedIn(field, at)];
  });
  return [...fields, ...[...(items ? [items] : []), ...oneOf].flatMap((part) => undescribedIn(part, path))];
}
