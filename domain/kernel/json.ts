// JSON values: equality, which recognises repeated commands and requests, and helpers for members.
import { z } from 'zod';

/** True if both have the same JSON text after keys are sorted and undefined members are dropped. */
export function sameJson(a: unknown, b: unknown): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/** JSON text with sorted keys: equal values give equal text. Gives '' for undefined, which has no JSON text. */
export function canonicalJson(value: unknown): string {
  const text: string | undefined = JSON.stringify(value, (_, member) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
  return text ?? '';
}

/** The entry with that name. The name may be any text: `constructor` is found only if it was added as an entry. */
export function ownEntry<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

type OptionalKeys<T> = { [K in keyof T]: undefined extends T[K] ? K : never }[keyof T];
type Defined<T> = Omit<T, OptionalKeys<T>> & { [K in OptionalKeys<T>]?: Exclude<T[K], undefined> };

/**
 * Leaves out the members that are undefined. Projections do this for every event, so it is a loop: `Object.fromEntries` takes four
 * times as long.
 */
export function defined<T extends object>(members: T): Defined<T> {
  const kept: Partial<T> = {};
  for (const name in members) {
    if (members[name] !== undefined) kept[name] = members[name];
  }
  return kept as Defined<T>;
}

/**
 * Keeps only the wanted changes that make a difference: a value sets a field, `null` removes it, `undefined` leaves it. Events
 * record changes in this form, and `changed` applies them to a state.
 */
export function changes<W extends object>(
  wanted: W,
  before: { readonly [K in keyof W]?: unknown },
): Partial<Defined<W>> {
  const entries = Object.entries(wanted).filter(
    ([field, value]) => value !== undefined && !sameJson(value, before[field as keyof W] ?? null),
  );
  return Object.fromEntries(entries) as Partial<Defined<W>>;
}

type Revision<S extends z.ZodRawShape> = {
  [K in keyof S]: S[K] extends z.ZodOptional ? z.ZodNullable<S[K]> : z.ZodOptional<S[K]>;
};

/** The schema of such changes: no field is required, and `null` removes an optional one. */
export function revisionOf<S extends z.ZodRawShape>({
  shape,
}: z.ZodObject<S, z.core.$strict>): z.ZodObject<Revision<S>, z.core.$strict> {
  const fields = Object.entries(shape).map(([name, field]) => [
    name,
    field instanceof z.ZodOptional ? field.nullable() : z.optional(field),
  ]);
  return z.strictObject(Object.fromEntries(fields) as Revision<S>);
}

export function changed<T extends object>(before: T, change: { [K in keyof T]?: T[K] | null | undefined }): T {
  const after = Object.entries({ ...before, ...change }).filter(([, value]) => value !== null);
  return Object.fromEntries(after) as T;
}
