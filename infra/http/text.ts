// Text that no engine can store (NUL, half a surrogate pair) and nesting that no recursion can walk are refused at the door.
import { MAX_BODY_DEPTH } from './limits.js';

export interface Unfit {
  path: string[];
  detail: string;
}

/** The first place in a JSON value that is unfit. */
export function findUnfit(value: unknown, depth = 0): Unfit | undefined {
  if (typeof value === 'string') return isFit(value) ? undefined : { path: [], detail: `holds ${UNFIT_TEXT}` };
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === MAX_BODY_DEPTH) return { path: [], detail: `is nested deeper than ${MAX_BODY_DEPTH} levels` };
  for (const [key, item] of Object.entries(value)) {
    if (!isFit(key)) return { path: [], detail: `has a field whose name holds ${UNFIT_TEXT}` };
    const found = findUnfit(item, depth + 1);
    if (found) return { path: [key, ...found.path], detail: found.detail };
  }
  return undefined;
}

const UNFIT_TEXT = 'a NUL character or half a surrogate pair';

function isFit(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}
