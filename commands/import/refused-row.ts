// A row of a file that is not imported.

export interface RefusedRow {
  /** From 1. */
  row: number;
  /** The column or field, as the documentation of the format names it. */
  field: string;
  /** What is wrong with it, without the name of the field. */
  reason: string;
}

export function isRefused<T extends object>(row: T | RefusedRow): row is RefusedRow {
  return 'field' in row;
}
