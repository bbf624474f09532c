// A stored commit as a line of JSON: in the segments of the archive, and in exports.
import { z } from 'zod';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import type { StreamId } from '../../domain/kernel/stream.js';

/** Not the bytes of a commit as `commitLine` writes them. */
export class InvalidLine extends Error {
  override name = 'InvalidLine';
}

const count = z.int().min(1);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const storedCommit = z.strictObject({
  pk: z.string().regex(/^[^#]+#[^#]+$/),
  sk: count,
  f: count,
  fv: count,
  lv: count,
  ev: z.string(),
  at: count,
  cs: z.array(z.string()),
  ph: hash,
  h: hash,
  lp: z.int().min(0),
});

/** The line, with its newline. The order of the fields is part of the format. */
export function commitLine({ pk, sk, f, fv, lv, ev, at, cs, ph, h, lp }: StoredCommit): string {
  return `${JSON.stringify({ pk, sk, f, fv, lv, ev, at, cs, ph, h, lp })}\n`;
}

/** Reads a line without its newline. The hash is not checked. Throws `InvalidLine`. */
export function parseCommitLine(line: string): StoredCommit {
  const parsed = storedCommit.safeParse(jsonIn(line));
  if (parsed.success) return { ...parsed.data, pk: parsed.data.pk as StreamId };
  const [problem] = parsed.error.issues;
  throw new InvalidLine(`${problem?.path.join('.') || 'the line'}: ${problem?.message}`);
}

function jsonIn(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new InvalidLine(`it is not JSON: ${(error as Error).message}`);
  }
}
