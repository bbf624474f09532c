// C2SP tlog-proof (https://c2sp.org/tlog-proof): a file that shows offline that an entry is in a log.
import { decimal, type OpenedCheckpoint, openCheckpoint } from './checkpoint.js';
import { HASH_BYTES, verifyInclusion } from './merkle-tree.js';
import { fromBase64, InvalidNote, type NoteVerifier } from './signed-note.js';

export interface LogProof {
  /** Index of the entry in the log, from 0. */
  index: number;
  /** The inclusion proof. */
  hashes: Buffer[];
  /** The signed checkpoint, with all its signatures. */
  checkpoint: string;
  /** Data that the proof does not cover. A reader must not trust it before comparing it with the proof. */
  extra?: Buffer;
}

/** The first line of a proof. */
export const PROOF_LINE = 'c2sp.org/tlog-proof@v1';

/** Longer paths do not exist: a tree has less than 2^53 leaves. */
const MAX_HASHES = 63;

export function writeProof({ index, hashes, checkpoint, extra }: LogProof): string {
  return [
    PROOF_LINE,
    ...(extra ? [`extra ${extra.toString('base64')}`] : []),
    `index ${index}`,
    ...hashes.map((hash) => hash.toString('base64')),
    '',
    checkpoint,
  ].join('\n');
}

/** Throws `InvalidNote`. Nothing is verified yet: see `verifyProof`. */
export function readProof(text: string): LogProof {
  const end = text.indexOf('\n\n');
  const [first, ...lines] = text.slice(0, end).split('\n');
  if (end < 0 || first !== PROOF_LINE) throw new InvalidNote(`A proof begins with the line ${PROOF_LINE}.`);
  const extra = lines[0]?.startsWith('extra ') ? fromBase64(lines.shift()?.slice('extra '.length) ?? '') : null;
  const [, indexText = ''] = /^index (\d+)$/.exec(lines.shift() ?? '') ?? [];
  const index = decimal(indexText);
  const hashes = lines.map((line) => fromBase64(line));
  if (extra === undefined) throw new InvalidNote('The extra data of the proof is not base64.');
  if (index === undefined) throw new InvalidNote('The proof has no line "index <number>".');
  if (hashes.length > MAX_HASHES || !hashes.every((hash) => hash?.length === HASH_BYTES))
    throw new InvalidNote(`The proof has a line that is no hash, or more than ${MAX_HASHES} hashes.`);
  return {
    index,
    hashes: hashes as Buffer[],
    checkpoint: text.slice(end + 2),
    ...(extra && { extra }),
  };
}

/** The checkpoint, if the log signed it and has this leaf at the proof's index. Throws `InvalidNote`. */
export function verifyProof(
  { index, hashes: proof, checkpoint: note }: LogProof,
  leaf: Buffer,
  log: NoteVerifier,
  witnesses: readonly NoteVerifier[] = [],
): OpenedCheckpoint {
  const checkpoint = openCheckpoint(note, log, witnesses);
  const { size, root } = checkpoint;
  if (!verifyInclusion({ leaf, index, size, proof, root }))
    throw new InvalidNote(
      `The proof does not show entry ${index} in the log of ${size} commits: one of them was changed.`,
    );
  return checkpoint;
}
