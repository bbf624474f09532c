// Values that must exist in a test.

/** The value. If there is none, the test fails here. */
export function the<T>(value: T): NonNullable<T> {
  if (value === undefined || value === null) throw new Error(`Got ${value} instead of a value.`);
  return value;
}
