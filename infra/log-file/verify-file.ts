// Verifies an export offline, with nothing but the file and the public key: lines, chains, order, tree and signature. It takes one
// pass. Another one follows if the export has only a part of the log, and if something was changed and is looked for.
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { compareLogEntries, entryOf } from '../../domain/kernel/event-store.js';
import { isStreamId, type StreamId } from '../../domain/kernel/stream.js';
import { type Checkpoint, openCheckpoint, unverifiedCheckpoint } from '../archive/checkpoint.js';
import { commitLeafHash } from '../archive/commit-leaf.js';
import { InvalidLine, parseCommitLine } from '../archive/commit-line.js';
import { InvalidNote, type NoteVerifier } from '../archive/signed-note.js';
import { type BadCommit, type Chains, checkChains } from './chains.js';
import {
  type End,
  type Header,
  isEnd,
  isWholeLog,
  MAX_LISTED_LEAVES,
  MAX_LISTED_TIPS,
  parseEnd,
  parseHeader,
  selectionProblem,
  type Tree,
} from './export-format.js';
import { BrokenFile, linesOf, type ReadOptions } from './lines.js';
import { foldTree, hashesIn, InvalidTree, rootOfLeaves, treeOfLines } from './tree-of-lines.js';

/** Longest line of a commit, in characters. A commit has at most 256 KiB, which JSON may double. */
const MAX_COMMIT_LINE_LENGTH = 1024 * 1024;

/** After this many lines that are no commits, the rest of the file is not read. */
const MAX_BAD_LINES = 1_000;

/** Neighbours in the wrong order that are remembered until it is known which of the two was moved. */
const MAX_DISORDERS = 10_000;

/** Something that a clean export does not have: the first bad commit of a stream, or a line. */
export type Problem = BadCommit | LineProblem;

interface LineProblem {
  line: number;
  problem: string;
}

export interface FileReport {
  header: Header | undefined;
  commits: number;
  streams: number;
  problems: Problem[];
  /** The newest checkpoint. */
  checkpoint: CheckedCheckpoint | undefined;
  /** Commits that the checkpoint covers. The others rest on their chain alone. */
  covered: number;
}

interface CheckedCheckpoint extends Checkpoint {
  signature: 'valid' | 'invalid' | 'not checked';
}

export interface VerifyOptions extends ReadOptions {
  /** The public key of the log, by the origin that the file names. */
  publicKey?: (origin: string) => NoteVerifier;
}

/** What a reading of the file has found so far. */
interface Findings {
  lines: LineProblem[];
  chains: Chains;
  disorders: Disorder[];
}

/** Two neighbours in the wrong order. Which one was moved is not known; without other evidence it is the right one. */
type Disorder = [left: Placed, right: Placed];
interface Placed {
  commit: StoredCommit;
  line: number;
  leaf: string;
}

interface FirstPass extends Findings {
  header: Header | undefined;
  /** Undefined if the file ends before it. */
  end: End | undefined;
  lastLine: number;
  /** The root of a tree of all commit lines, in their order. */
  root: Buffer;
}

/** Throws `UnreadableFile` if there is no such file. All else is a problem in the report. */
export async function verifyFile(file: string, { publicKey, ...options }: VerifyOptions = {}): Promise<FileReport> {
  const pass = await readOnce(file, options);
  const { header, end, chains, lines, disorders, lastLine } = pass;
  const tell = (problem: string) => lines.push({ line: lastLine, problem });

  // A stream whose only lines are bad is one, too.
  const streams = new Set([...chains.streams(), ...chains.bad.keys()]).size;
  if (end) compareWithEnd(chains, end, header, streams, tell);
  if (end && !end.signed && (chains.commits > 0 || publicKey)) tell('it has no checkpoint');
  const signed = end?.signed;
  const checkpoint = signed && checkpointIn(signed.checkpoint, header, publicKey, tell);
  const isProven = signed && checkpoint && (await checkTree(file, options, pass, signed.tree, checkpoint, tell));
  for (const [, { commit, line }] of disorders) chains.report(badCommit(commit, line, OUT_OF_ORDER));

  return {
    header,
    commits: chains.commits,
    streams,
    problems: [...lines, ...chains.bad.values()],
    checkpoint,
    covered: isProven ? coveredIn(signed.tree) : 0,
  };
}

/** The first pass: all that shows without the tree. */
async function readOnce(file: string, options: ReadOptions): Promise<FirstPass> {
  const lines: LineProblem[] = [];
  let header: Header | undefined;
  let end: End | undefined;
  let chains = checkChains();
  let lastLine = 0;
  const tree = foldTree();
  const order = checkOrder();
  const digest = createHash('sha256');

  function readLine(number: number, text: string): void {
    if (end) throw new BrokenFile(number, 'it is behind the last line of an export');
    if (number === 1) {
      header = parseHeader(text);
      chains = checkChains({ fromMiddle: header.from !== undefined });
    } else if (isEnd(text)) {
      const { digested, sha256, ...parts } = parseEnd(text);
      end = parts;
      if (digest.update(digested).digest('hex') !== sha256)
        lines.push({
          line: number,
          problem: 'its sha256 is not that of the file: a line was changed, removed or added',
        });
    } else {
      const commit = commitIn(text);
      const leaf = commitLeafHash(commit);
      tree.add(leaf);
      const foreign = header && selectionProblem(commit, header);
      if (foreign !== undefined) chains.report(badCommit(commit, number, `it does not belong here: ${foreign}`));
      if (chains.add(commit, number)) order.add({ commit, line: number, leaf: keyOf(leaf) });
    }
  }

  try {
    for await (const { number, text } of linesOf(file, options)) {
      lastLine = number;
      try {
        readLine(number, text);
      } catch (error) {
        if (!(error instanceof InvalidLine)) throw error;
        const place = number > 1 ? placeIn(text) : undefined;
        if (place) chains.report({ ...place, line: number, problem: error.message });
        else lines.push({ line: number, problem: error.message });
        if (number === 1 && !isJson(text)) break;
        if (lines.length === MAX_BAD_LINES) throw new BrokenFile(number, 'the rest of the file is not read');
      }
      if (!end) digest.update(text).update('\n');
    }
    if (lastLine === 0) lines.push({ line: 1, problem: 'the file is empty' });
    else if (!end)
      lines.push({ line: lastLine + 1, problem: 'the last line of an export is missing: it was cut short' });
  } catch (error) {
    if (!(error instanceof BrokenFile)) throw error;
    lines.push({ line: error.line, problem: error.problem });
  }
  return { header, end, chains, lines, disorders: order.disorders, lastLine, root: tree.root() };
}

function commitIn(text: string): StoredCommit {
  if (text.length > MAX_COMMIT_LINE_LENGTH) throw new InvalidLine('it is longer than any commit');
  return parseCommitLine(text);
}

const isJson = (text: string): boolean => /^\W{0,4}\{/.test(text);

/** The place of a commit whose line is damaged elsewhere. */
function placeIn(text: string): Pick<BadCommit, 'stream' | 'commitNo'> | undefined {
  const [, pk, sk] = /"pk"\s*:\s*"([^"\\]{1,2000})"\s*,\s*"sk"\s*:\s*"?(\d{1,10})\D/.exec(text.slice(0, 3_000)) ?? [];
  return pk !== undefined && isStreamId(pk) ? { stream: pk, commitNo: Math.max(1, Number(sk)) } : undefined;
}

const OUT_OF_ORDER = 'it is not in its place in the order of the log: at, then pk, then sk';

function badCommit({ pk: stream, sk: commitNo }: StoredCommit, line: number, problem: string): BadCommit {
  return { stream, commitNo, problem, line };
}

/** The total order of the good commits. */
function checkOrder() {
  let previous: Placed | undefined;
  let beforeThat: Placed | undefined;
  const disorders: Disorder[] = [];
  const areOrdered = (left: Placed | undefined, right: Placed) =>
    !left || compareLogEntries(entryOf(left.commit), entryOf(right.commit)) < 0;
  return {
    disorders,
    add(next: Placed) {
      if (previous && !areOrdered(previous, next)) {
        // Usually one line was moved. If the line before is the one that does not fit, the order goes on with this one.
        const isPreviousMoved = areOrdered(beforeThat, next);
        if (disorders.length < MAX_DISORDERS) disorders.push(isPreviousMoved ? [next, previous] : [previous, next]);
        if (isPreviousMoved) previous = next;
        return;
      }
      beforeThat = previous;
      previous = next;
    },
  };
}

/** The last line says how many commits there are, and where each stream ends. */
function compareWithEnd(
  chains: Chains,
  end: End,
  header: Header | undefined,
  streams: number,
  tell: (problem: string) => void,
): void {
  const { commits, tips } = end;
  if (commits !== chains.commits) tell(`it says that there are ${commits} commits, but there are ${chains.commits}`);
  if (tips === undefined && streams <= MAX_LISTED_TIPS) tell('it does not say where the streams end: tips is missing');
  if (tips === undefined) return;
  if (streams > MAX_LISTED_TIPS) tell(`it has tips, but there are more than ${MAX_LISTED_TIPS} streams`);
  const isFromMiddle = header?.from !== undefined;
  for (const [name, tip] of Object.entries(tips)) {
    const stream = name as StreamId;
    const last = chains.lastOf(stream);
    const commitNo = last === 0 && isFromMiddle ? tip : last + 1;
    if (last < tip) chains.report({ stream, commitNo, problem: `it is missing: the stream ends with commit ${tip}` });
  }
  for (const stream of chains.streams()) {
    const tip = Object.hasOwn(tips, stream) ? (tips[stream] ?? 0) : 0;
    const problem = 'the last line of the export does not know it';
    if (chains.lastOf(stream) > tip) chains.report({ stream, commitNo: tip + 1, problem });
  }
  if (chains.bad.size === 0 && !isDeepStrictEqual(Object.keys(tips), [...chains.streams()]))
    tell('its tips are not in the order in which the streams first appear');
}

function checkpointIn(
  note: string,
  header: Header | undefined,
  publicKey: VerifyOptions['publicKey'],
  tell: (problem: string) => void,
): CheckedCheckpoint | undefined {
  try {
    const checkpoint = unverifiedCheckpoint(note);
    const { origin } = checkpoint;
    if (header && origin !== header.origin)
      tell(`its checkpoint is one of ${origin}, but the export is one of ${header.origin}`);
    return { ...checkpoint, signature: publicKey ? signatureOf(note, publicKey(origin), tell) : 'not checked' };
  } catch (error) {
    if (!(error instanceof InvalidNote)) throw error;
    tell(`it has no checkpoint: ${error.message}`);
    return undefined;
  }
}

function signatureOf(note: string, key: NoteVerifier, tell: (problem: string) => void): 'valid' | 'invalid' {
  try {
    openCheckpoint(note, key);
    return 'valid';
  } catch (error) {
    if (!(error instanceof InvalidNote)) throw error;
    tell(`its checkpoint is not signed with the given public key: ${error.message}`);
    return 'invalid';
  }
}

/** True if the commits have the root of the checkpoint. */
async function checkTree(
  file: string,
  options: ReadOptions,
  pass: FirstPass,
  tree: Tree,
  checkpoint: Checkpoint,
  tell: (problem: string) => void,
): Promise<boolean> {
  const { size, root } = checkpoint;
  const { chains, header } = pass;
  const inTree = coveredIn(tree);
  const lines = tree.covered.reduce((sum, [, count]) => sum + count, 0);
  if (lines !== chains.commits) tell(`its tree is one of ${lines} commit lines, but there are ${chains.commits}`);
  if ((tree.leaves !== undefined) !== inTree <= MAX_LISTED_LEAVES)
    tell(`it lists the leaves of up to ${MAX_LISTED_LEAVES} covered commits, and of no more`);
  if (inTree === 0 && chains.commits > 0) tell('its checkpoint covers none of its commits, so nothing proves them');
  try {
    const [first] = tree.covered;
    const isAll = tree.covered.length === 1 && first?.[0] === 0 && first[1] === size && chains.commits === size;
    const found = isAll ? pass.root : await rootOfFile(file, options, tree, size, chains);
    if (!found.equals(root)) {
      tell('the commits do not have the root of the checkpoint: some that it covers were changed, removed or added');
      if (hasLeavesOf(tree, checkpoint)) await nameChanged(file, options, pass, tree);
      return false;
    }
    if (tree.leaves && !hasLeavesOf(tree, checkpoint)) tell('the leaves that it lists are not those of the checkpoint');
  } catch (error) {
    if (!(error instanceof InvalidTree)) throw error;
    tell(`its tree cannot be one of these commits: ${error.message}`);
    return false;
  }
  if (header && isWholeLog(header) && inTree < size)
    tell(`the export is one of the whole log, but ${size - inTree} commits that the checkpoint covers are missing`);
  return true;
}

function coveredIn({ covered }: Tree): number {
  return covered.reduce((sum, [index, count]) => (index === null ? sum : sum + count), 0);
}

/** The second pass: the root, if the last line says which leaf each line is. */
async function rootOfFile(
  file: string,
  options: ReadOptions,
  tree: Tree,
  size: number,
  chains: Chains,
): Promise<Buffer> {
  const fold = treeOfLines(tree, size);
  const behind = uncoveredAtEnd(tree);
  let read = 0;
  for await (const { commit, line } of commitsOf(file, options)) {
    read++;
    if (!fold.line(commitLeafHash(commit)) && read <= chains.commits - behind)
      chains.report(badCommit(commit, line, 'the checkpoint does not cover it, but it covers later commits'));
  }
  return fold.root();
}

function uncoveredAtEnd({ covered }: Tree): number {
  const [index, count] = covered.at(-1) ?? [0, 0];
  return index === null ? count : 0;
}

/** True if the last line lists the leaves, and they are those of the checkpoint. */
function hasLeavesOf(tree: Tree, { size, root }: Checkpoint): boolean {
  return tree.leaves !== undefined && rootOfLeaves(tree, hashesIn(tree.leaves), size).equals(root);
}

/** Finds the commits whose leaf is not among the listed ones. */
async function nameChanged(
  file: string,
  options: ReadOptions,
  { chains, disorders }: FirstPass,
  tree: Tree,
): Promise<void> {
  const genuine = new Set(hashesIn(tree.leaves ?? Buffer.alloc(0)).map(keyOf));
  const behind = uncoveredAtEnd(tree);
  let read = 0;
  for await (const { commit, line } of commitsOf(file, options)) {
    read++;
    if (!genuine.has(keyOf(commitLeafHash(commit))) && read <= chains.commits - behind)
      chains.report(badCommit(commit, line, 'it is not the commit that the checkpoint covers'));
  }
  for (const disorder of disorders) {
    if (!genuine.has(disorder[0].leaf) && genuine.has(disorder[1].leaf)) disorder.reverse();
  }
}

const keyOf = (hash: Buffer): string => hash.toString('latin1');

/** The lines of the file that are commits. */
export async function* commitsOf(
  file: string,
  options: ReadOptions = {},
): AsyncGenerator<{ commit: StoredCommit; line: number }> {
  try {
    for await (const { number, text } of linesOf(file, options)) {
      if (number === 1 || isEnd(text)) continue;
      try {
        yield { commit: commitIn(text), line: number };
      } catch (error) {
        if (!(error instanceof InvalidLine)) throw error;
      }
    }
  } catch (error) {
    if (!(error instanceof BrokenFile)) throw error;
  }
}
