// Equality of JSON values, by which repeats of commands and of requests are recognised.

/** True if both have the same JSON text once keys are sorted and undefined members are dropped. */
export function sameJson(a: unknown, b: unknown): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/** JSON text with sorted keys: the same for values that mean the same; empty for undefined, which has none. */
export function canonicalJson(value: unknown): string {
  const text: string | undefined = JSON.stringify(value, (_, member) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
  return text ?? '';
}
