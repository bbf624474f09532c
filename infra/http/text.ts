// Rejects text that some engine cannot store (NUL, half a surrogate pair), names with a special meaning in programs, and JSON
// that is too deep or has too many values.
import { MAX_BODY_DEPTH, MAX_BODY_VALUES } from './limits.js';

export interface Unfit {
  path: string[];
  detail: string;
}

/** The first unacceptable place in a JSON value. */
export function findUnfit(value: unknown): Unfit | undefined {
  let values = 0;

  function look(value: unknown, depth: number): Unfit | undefined {
    if (typeof value === 'string') return isFit(value) ? undefined : { path: [], detail: `holds ${UNFIT_TEXT}` };
    if (typeof value !== 'object' || value === null) return undefined;
    if (depth === MAX_BODY_DEPTH) return { path: [], detail: `is nested deeper than ${MAX_BODY_DEPTH} levels` };
    values += Array.isArray(value) ? value.length : Object.keys(value).length;
    if (values > MAX_BODY_VALUES)
      return { path: [], detail: `exceeds the limit of ${MAX_BODY_VALUES} values in a body` };
    for (const key of Object.keys(value)) {
      if (!isFit(key)) return { path: [], detail: `has a field whose name holds ${UNFIT_TEXT}` };
      if (key === '__proto__') return { path: [key], detail: 'is not an allowed name of a field' };
      const found = look((value as Record<string, unknown>)[key], depth + 1);
      if (found) return { path: [key, ...found.path], detail: found.detail };
    }
    return undefined;
  }

  return look(value, 0);
}

const UNFIT_TEXT = 'a NUL character or half a surrogate pair';

function isFit(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}
