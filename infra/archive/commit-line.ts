// A stored commit as a line of JSON: in the segments of the archive, and in exports.

import type { StoredCommit } from '../../domain/kernel/commit.js';
import { isStreamId } from '../../domain/kernel/stream.js';

/** Not the bytes of a commit as `commitLine` writes them. */
export class InvalidLine extends Error {
  override name = 'InvalidLine';
}

const HASH = /^[0-9a-f]{64}$/;

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isHash = (value: unknown): boolean => typeof value === 'string' && HASH.test(value);
/** A lone surrogate has no UTF-8 form of its own: it would be hashed like U+FFFD. */
const isText = (value: unknown): boolean => typeof value === 'string' && value.isWellFormed();

/** What each field must be, in the order of the line. */
const FIELDS: Readonly<Record<keyof StoredCommit, { is: (value: unknown) => boolean; a: string }>> = {
  pk: { is: (value) => isText(value) && isStreamId(value as string), a: 'a stream id' },
  sk: { is: isCount, a: 'a whole number' },
  f: { is: isCount, a: 'a whole number' },
  fv: { is: isCount, a: 'a whole number' },
  lv: { is: isCount, a: 'a whole number' },
  ev: { is: isText, a: 'a text in Unicode' },
  at: { is: isCount, a: 'a whole number' },
  cs: { is: (value) => Array.isArray(value) && value.every((id) => typeof id === 'string'), a: 'a list of texts' },
  ph: { is: isHash, a: '64 hexadecimal digits' },
  h: { is: isHash, a: '64 hexadecimal digits' },
  lp: { is: isCount, a: 'a whole number' },
};
const NAMES = Object.keys(FIELDS) as (keyof StoredCommit)[];

/** The line, with its newline. The order of the fields is part of the format. */
export function commitLine({ pk, sk, f, fv, lv, ev, at, cs, ph, h, lp }: StoredCommit): string {
  return `${JSON.stringify({ pk, sk, f, fv, lv, ev, at, cs, ph, h, lp })}\n`;
}

/**
 * Reads a line without its newline. It must have the very bytes that `commitLine` writes: JSON has many forms of one value, and a
 * reader of another language might take another one. Neither the hash nor the numbers are checked. Throws `InvalidLine`.
 */
export function parseCommitLine(line: string): StoredCommit {
  const value = jsonIn(line);
  if (typeof value !== 'object' || value === null) throw new InvalidLine('it is no commit');
  const fields = value as Record<string, unknown>;
  for (const name of NAMES) {
    if (!FIELDS[name].is(fields[name])) throw new InvalidLine(`${name} is not ${FIELDS[name].a}`);
  }
  const commit = value as StoredCommit;
  if (commitLine(commit) === `${line}\n`) return commit;
  const other = Object.keys(fields).find((name) => !Object.hasOwn(FIELDS, name));
  throw new InvalidLine(
    other === undefined
      ? 'it is not written as commits are: without spaces, each field once and in order, numbers and texts in one form'
      : `it has the field ${JSON.stringify(other)}, which no commit has`,
  );
}

function jsonIn(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new InvalidLine('it is not JSON');
  }
}
