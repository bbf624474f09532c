// What the archive consists of. All is written once:
//   segments/<number>-<SHA-256>.jsonl   commits in the order of their index, one line each
//   manifests/<number>.json             which of the segments with this number counts, and the tree after it
//   checkpoints/<number>.txt            the signed note of that tree
//   cosignatures/<number>-<key id>.txt  a witness's line below that note
// A manifest has no other name, so it can be created only once: it decides between archivers that work at the same time.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Hlc } from '../../domain/kernel/clock.js';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { OperatorError } from '../../domain/kernel/errors.js';
import { InvalidLine, parseCommitLine } from './commit-line.js';
import { HASH_BYTES } from './merkle-tree.js';
import type { ArchiveStore } from './port.js';

export interface Manifest {
  /** Number of the segment: 1, 2, 3 … */
  number: number;
  /** SHA-256 of the segment, lower-case hex. */
  sha256: string;
  /** Index of the segment's first commit: the size of the tree before it. */
  first: number;
  /** Size and root of the tree after it. */
  size: number;
  root: Buffer;
  /** The log up to here is in this segment and those before it, except for commits that became visible late. */
  upTo: Hlc;
}

/** Something in the archive is missing or is not what was written. */
export class ArchiveDamaged extends OperatorError {
  override name = 'ArchiveDamaged';
  constructor(
    /** The damaged object. */
    readonly object: string,
    readonly problem: string,
  ) {
    super(`${object} ${problem}`);
  }
}

export const MANIFESTS = 'manifests/';
export const CHECKPOINTS = 'checkpoints/';
export const SEGMENTS = 'segments/';

/** Names of ten digits sort like their numbers. */
const numbered = (number: number) => String(number).padStart(10, '0');

export const manifestName = (number: number): string => `${MANIFESTS}${numbered(number)}.json`;
export const checkpointName = (number: number): string => `${CHECKPOINTS}${numbered(number)}.txt`;
export const cosignaturesOf = (number: number): string => `cosignatures/${numbered(number)}-`;
export const cosignatureName = (number: number, keyId: Buffer): string =>
  `${cosignaturesOf(number)}${keyId.toString('hex')}.txt`;
export const segmentName = ({ number, sha256 }: Pick<Manifest, 'number' | 'sha256'>): string =>
  `${SEGMENTS}${numbered(number)}-${sha256}.jsonl`;

/** The number in the name of a manifest, checkpoint or segment. NaN for other names. */
export function numberIn(name: string): number {
  return Number(/^\w+\/(\d{10,})[.-]/.exec(name)?.[1]);
}

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const manifest = z.strictObject({
  f: z.literal(1),
  number: z.int().min(1),
  sha256: hex,
  first: z.int().min(0),
  size: z.int().min(1),
  root: z.base64(),
  upTo: z.int().min(0),
});

export function manifestText({ number, sha256, first, size, root, upTo }: Manifest): string {
  return `${JSON.stringify({ f: 1, number, sha256, first, size, root: root.toString('base64'), upTo })}\n`;
}

/** Undefined if the archive ends before it. Throws `ArchiveDamaged`. */
export async function readManifest(archive: ArchiveStore, number: number): Promise<Manifest | undefined> {
  const name = manifestName(number);
  const bytes = await archive.read(name);
  if (!bytes) return undefined;
  const parsed = manifest.safeParse(jsonIn(name, bytes));
  if (!parsed.success) throw new ArchiveDamaged(name, `is no manifest: ${z.prettifyError(parsed.error)}`);
  const root = Buffer.from(parsed.data.root, 'base64');
  if (parsed.data.number !== number) throw new ArchiveDamaged(name, `has the number ${parsed.data.number}`);
  if (root.length !== HASH_BYTES) throw new ArchiveDamaged(name, 'has a root that is no hash');
  return { ...parsed.data, root };
}

function jsonIn(name: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (error) {
    throw new ArchiveDamaged(name, `is not JSON: ${(error as Error).message}`);
  }
}

/** The commits of a segment, whose bytes match its manifest. Throws `ArchiveDamaged`. */
export async function readSegment(archive: ArchiveStore, of: Manifest): Promise<StoredCommit[]> {
  const name = segmentName(of);
  const bytes = await archive.read(name);
  if (!bytes) throw new ArchiveDamaged(name, 'is missing');
  const found = sha256(bytes);
  if (found !== of.sha256) throw new ArchiveDamaged(name, `has other bytes: their SHA-256 is ${found}`);
  const lines = bytes.toString().split('\n');
  if (lines.pop() !== '' || lines.length !== of.size - of.first)
    throw new ArchiveDamaged(name, `does not have the ${of.size - of.first} commits of its manifest`);
  return lines.map((line, n) => {
    try {
      return parseCommitLine(line);
    } catch (error) {
      if (!(error instanceof InvalidLine)) throw error;
      throw new ArchiveDamaged(name, `has no commit in line ${n + 1}: ${error.message}`);
    }
  });
}

/** The checkpoint after a segment, with the lines of all witnesses. Undefined if it is not signed yet. */
export async function readCheckpoint(archive: ArchiveStore, number: number): Promise<string | undefined> {
  const note = await archive.read(checkpointName(number));
  if (!note) return undefined;
  let text = note.toString();
  for await (const name of archive.list(cosignaturesOf(number))) text += (await archive.read(name))?.toString() ?? '';
  return text;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
