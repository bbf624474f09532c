// The operator of the program on its machine, as the reader of personal data.
import { randomUUID } from 'node:crypto';
import type { Reader } from '../commands/personal/openings.js';
import { OPERATOR } from '../commands/runtime/origin.js';

/** `purpose`: the command, such as `replay --open`. */
export function commandLine(purpose: string): Reader {
  return { actor: OPERATOR, requestId: randomUUID(), purpose: `commerce ${purpose}` };
}
