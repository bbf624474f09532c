// A receipt: a C2SP tlog-proof whose extra data is the commit itself. Whoever has the public key can check it offline.
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { ownProblem } from '../event-store/own-problem.js';
import { unverifiedCheckpoint } from './checkpoint.js';
import { commitLeafHash } from './commit-leaf.js';
import { commitLine, InvalidLine, parseCommitLine } from './commit-line.js';
import { type LogProof, PROOF_LINE, readProof, verifyProof, writeProof } from './log-proof.js';
import { verifyInclusion } from './merkle-tree.js';
import { InvalidNote, type NoteSignature, type NoteVerifier } from './signed-note.js';

/** The first line of every receipt. @public */
export const RECEIPT_LINE = PROOF_LINE;

export interface CheckedReceipt {
  commit: StoredCommit;
  /** Index of the commit in the archive. */
  index: number;
  origin: string;
  /** Commits in the tree of the checkpoint. */
  size: number;
  /** The log's signature, and those of known witnesses. Empty if no public key was given. */
  signatures: NoteSignature[];
}

export function writeReceipt(commit: StoredCommit, proof: Omit<LogProof, 'extra'>): string {
  return writeProof({ ...proof, extra: Buffer.from(commitLine(commit)) });
}

/**
 * Checks the commit by itself and the proof, and with a public key the signatures. `log` is `readPublicKey(…)`. Throws `InvalidNote` with
 * what is wrong.
 */
export function checkReceipt(
  text: string,
  log?: (origin: string) => NoteVerifier,
  witnesses: readonly NoteVerifier[] = [],
): CheckedReceipt {
  const proof = readProof(text);
  const commit = commitIn(proof);
  const problem = ownProblem(commit);
  if (problem !== undefined) throw new InvalidNote(`The commit of the receipt is bad: ${problem}.`);
  const leaf = commitLeafHash(commit);
  const { origin, size, root } = unverifiedCheckpoint(proof.checkpoint);
  const { index, hashes } = proof;
  if (!verifyInclusion({ leaf, index, size, proof: hashes, root }))
    throw new InvalidNote(`Commit ${commit.sk} of ${commit.pk} is not entry ${index} of this log of ${size} commits.`);
  const signatures = log ? verifyProof(proof, leaf, log(origin), witnesses).signatures : [];
  return { commit, index, origin, size, signatures };
}

function commitIn({ extra }: LogProof): StoredCommit {
  const line = extra?.toString() ?? '';
  if (!line.endsWith('\n'))
    throw new InvalidNote('The extra data of the receipt is no commit line: it has no newline.');
  try {
    return parseCommitLine(line.slice(0, -1));
  } catch (error) {
    if (!(error instanceof InvalidLine)) throw error;
    throw new InvalidNote(`The extra data of the receipt is no commit: ${error.message}.`);
  }
}
