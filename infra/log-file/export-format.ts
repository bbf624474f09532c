// The first and the last line of an export. Like the commits between them, they have exactly one form.
import { z } from 'zod';
import { millisOf } from '../../domain/kernel/clock.js';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { defined } from '../../domain/kernel/json.js';
import { categoryOf } from '../../domain/kernel/stream.js';
import { InvalidLine } from '../archive/commit-line.js';

export const EXPORT_FORMAT = 'commerce-log';
export const EXPORT_VERSION = 1;

/** Exports with at most this many covered commits have the hash of each leaf, so that a changed commit can be named. */
export const MAX_LISTED_LEAVES = 262_144;

/** Exports with at most this many streams name the last commit of each, so that a commit that was cut off can be named. */
export const MAX_LISTED_TIPS = 100_000;

/** What an export has of the log: all, unless one of these is set. Times in ms, both included. */
export interface Selection {
  from?: number;
  to?: number;
  category?: string;
}

export interface Header extends Selection {
  /** Name of the log in its checkpoints. */
  origin: string;
}

/** Commit lines in a row: index of the first in the tree, and their number. With null, the checkpoint does not cover them. */
export type Run = readonly [index: number | null, count: number];

export interface Tree {
  /** All commit lines, in their order. */
  covered: Run[];
  /** The hashes of the largest perfect subtrees that fill the gaps between the covered commits, in order; 32 bytes each. */
  gaps: Buffer;
  /** The hashes of the covered leaves, in the order of their indices. */
  leaves?: Buffer;
}

export interface End {
  commits: number;
  /** The number of the last commit of each stream. */
  tips?: Record<string, number>;
  /** The signed note, and where the commits are in its tree. Missing if nothing of the log has been signed. */
  signed?: { checkpoint: string; tree: Tree };
}

const time = z.iso.datetime({ precision: 3 }).transform((text) => Date.parse(text));
const headerSchema = z.strictObject({
  format: z.literal(EXPORT_FORMAT),
  version: z.literal(EXPORT_VERSION),
  origin: z.string().min(1),
  from: time.optional(),
  to: time.optional(),
  category: z.string().min(1).optional(),
});

const timeText = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());

export function headerLine({ origin, from, to, category }: Header): string {
  const selection = defined({ from: timeText(from), to: timeText(to), category });
  return `${JSON.stringify({ format: EXPORT_FORMAT, version: EXPORT_VERSION, origin, ...selection })}\n`;
}

/** Throws `InvalidLine`. */
export function parseHeader(line: string): Header {
  const { origin, from, to, category } = parsed(headerSchema, line, 'it does not begin an export');
  return oneForm(line, { origin, ...defined({ from, to, category }) }, headerLine);
}

const count = z.int().min(0);
const hashes = z.base64().transform((text) => Buffer.from(text, 'base64'));
const endSchema = z.strictObject({
  commits: count,
  tips: z.record(z.string(), z.int().min(1)).optional(),
  tree: z
    .strictObject({
      covered: z.array(z.tuple([count.nullable(), z.int().min(1)])),
      gaps: hashes,
      leaves: hashes.optional(),
    })
    .optional(),
  checkpoint: z.string().optional(),
  sha256: z.string(),
});

/** `digest` gives the SHA-256, in hex, of all lines before and the text that it gets. */
export function endLine({ commits, tips, signed }: End, digest: (text: string) => string): string {
  const tree = signed && {
    covered: signed.tree.covered,
    gaps: signed.tree.gaps.toString('base64'),
    ...defined({ leaves: signed.tree.leaves?.toString('base64') }),
  };
  const text = JSON.stringify(defined({ commits, tips, tree, checkpoint: signed?.checkpoint })).slice(0, -1);
  return `${text},"sha256":"${digest(text)}"}\n`;
}

/**
 * `digested` is what `endLine` has hashed of the line, after all lines before it; `sha256` is the hash that it states. Throws
 * `InvalidLine`.
 */
export function parseEnd(line: string): End & { digested: string; sha256: string } {
  const { commits, tips, tree, checkpoint, sha256 } = parsed(endSchema, line, 'it is no last line of an export');
  if ((tree === undefined) !== (checkpoint === undefined)) throw new InvalidLine('tree and checkpoint belong together');
  const signed = tree && checkpoint !== undefined ? { checkpoint, tree: defined(tree) } : undefined;
  const end = defined({ commits, tips, signed }) as End;
  oneForm(line, end, (value) => endLine(value, () => sha256));
  return { ...end, digested: line.slice(0, line.lastIndexOf(',"sha256":')), sha256 };
}

/** True if the line is meant as the last one. */
export function isEnd(line: string): boolean {
  return line.startsWith('{"commits":');
}

export function isWholeLog({ from, to, category }: Selection): boolean {
  return from === undefined && to === undefined && category === undefined;
}

/** What is wrong with a commit that the selection does not have. */
export function selectionProblem({ at, pk }: StoredCommit, { from, to, category }: Selection): string | undefined {
  if (category !== undefined && categoryOf(pk) !== category) return `the header selects the category ${category}`;
  if (from !== undefined && millisOf(at) < from) return `the header selects times from ${timeText(from)}`;
  if (to !== undefined && millisOf(at) > to) return `the header selects times to ${timeText(to)}`;
  return undefined;
}

function parsed<T>(schema: z.ZodType<T>, line: string, otherwise: string): T {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new InvalidLine(`${otherwise}: it is not JSON`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new InvalidLine(`${otherwise}: ${[issue?.path.join('.'), issue?.message].filter(Boolean).join(': ')}`);
}

/** The value, if the line has the one form in which it is written. */
function oneForm<T>(line: string, value: T, write: (value: T) => string): T {
  if (write(value) === `${line}\n`) return value;
  throw new InvalidLine('it is not written as an export writes it');
}
