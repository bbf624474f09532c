// Values that a test knows to be there.

/** The value itself. The test fails here, and not somewhere behind it, if there is none. */
export function the<T>(value: T): NonNullable<T> {
  if (value === undefined || value === null) throw new Error(`Got ${value} instead of a value.`);
  return value;
}
