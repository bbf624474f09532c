// Finds the first errors of a value and then stops. zod finds all errors first, and a large body can have so many that this takes
// seconds. This code walks value and schema in parallel and gives the leaves to zod.
import { z } from 'zod';
import type { Path } from './pointers.js';

type ZodIssue = z.core.$ZodIssue;

export interface Search {
  /** Validates one leaf, or a container whose members need no separate check. Returns its issues. */
  judge(schema: z.ZodType, value: unknown): readonly ZodIssue[];
  /** Called for each issue, with the place that the issue's path is relative to. */
  found(issue: ZodIssue, at: Path): void;
  /** The search stops once this returns true. */
  isEnough(): boolean;
}

/** Skips the rules for whole containers. They apply only once all members are valid. */
export function findFirstFaults(schema: z.ZodType, value: unknown, { judge, found, isEnough }: Search): void {
  function look(schema: z.ZodType, value: unknown, at: Path): void {
    if (isEnough()) return;
    const inner = containerOf(schema, value);
    if (inner instanceof z.ZodArray && Array.isArray(value) && value.length <= most(inner._zod.bag.maximum)) {
      lookAtEach(value.entries(), at, () => inner.element as z.ZodType);
    } else if (inner instanceof z.ZodObject && isObject(value)) {
      const shape: Record<string, z.ZodType> = inner.shape;
      for (const key of Object.keys(value)) {
        if (isEnough()) return;
        if (!Object.hasOwn(shape, key)) found(unknownKey(key, value), at);
      }
      lookAtEach(
        Object.keys(shape).map((key) => [key, value[key]] as const),
        at,
        (key) => shape[key]!,
      );
    } else if (inner instanceof z.ZodRecord && isObject(value)) {
      const limit = most(inner.meta()?.maxProperties);
      if (Object.keys(value).length > limit) found(tooManyKeys(limit, value), at);
      else lookAtEach(Object.entries(value), at, () => inner.valueType as z.ZodType, inner.keyType as z.ZodType);
    } else {
      for (const issue of judge(schema, value)) found(issue, at);
    }
  }

  function lookAtEach<K extends PropertyKey>(
    entries: Iterable<readonly [K, unknown]>,
    at: Path,
    schemaOf: (key: K) => z.ZodType,
    keySchema?: z.ZodType,
  ): void {
    for (const [key, item] of entries) {
      if (isEnough()) return;
      for (const issue of keySchema ? judge(keySchema, key) : []) found(issue, [...at, key]);
      look(schemaOf(key), item, [...at, key]);
    }
  }

  look(schema, value, []);
}

/** The schema of the value's content, without the wrappers for missing values. */
function containerOf(schema: z.ZodType, value: unknown): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return value === undefined ? schema : containerOf(schema.def.innerType as z.ZodType, value);
  if (schema instanceof z.ZodNullable)
    return value === null ? schema : containerOf(schema.def.innerType as z.ZodType, value);
  if (schema instanceof z.ZodPipe) {
    const { in: taken, out } = schema.def;
    return containerOf((taken instanceof z.ZodTransform ? out : taken) as z.ZodType, value);
  }
  if (schema instanceof z.ZodDiscriminatedUnion && isObject(value)) return chosenOf(schema, value) ?? schema;
  return schema;
}

function chosenOf({ options, def }: z.ZodDiscriminatedUnion, value: Record<string, unknown>): z.ZodType | undefined {
  return options.find((option): option is z.ZodObject => {
    const tag = option instanceof z.ZodObject ? (option.shape[def.discriminator] as z.ZodType | undefined) : undefined;
    return tag?.safeParse(value[def.discriminator]).success === true;
  });
}

function most(limit: unknown): number {
  return typeof limit === 'number' ? limit : Number.POSITIVE_INFINITY;
}

function unknownKey(key: string, input: Record<string, unknown>): ZodIssue {
  return { code: 'unrecognized_keys', keys: [key], path: [], message: '', input };
}

function tooManyKeys(limit: number, input: unknown): ZodIssue {
  const message = `must have at most ${limit} fields`;
  return { code: 'too_big', origin: 'record', maximum: limit, inclusive: true, path: [], message, input };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
