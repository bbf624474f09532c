// The Merkle tree of RFC 6962: its root, its proofs, and a tree that grows in the memory of a few hashes. A hash has 32 bytes;
// sizes and indices are safe integers.
import { createHash } from 'node:crypto';

export const HASH_BYTES = 32;

/** A perfect subtree: the 2^level leaves that begin at leaf index × 2^level. */
export interface Node {
  level: number;
  index: number;
}

/** Leaves from `start` up to, but not including, `end`. */
export interface Range {
  start: number;
  end: number;
}

/** Reads the hashes of perfect subtrees, in the order of the question. All of them lie within the tree. */
export type ReadNodes = (nodes: readonly Node[]) => Promise<readonly Buffer[]> | readonly Buffer[];

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const LEAF = Uint8Array.of(0);
const INNER = Uint8Array.of(1);

export const EMPTY_ROOT: Buffer = sha256();

export function leafHash(leaf: Uint8Array): Buffer {
  return sha256(LEAF, leaf);
}

export function innerHash(left: Uint8Array, right: Uint8Array): Buffer {
  return sha256(INNER, left, right);
}

/** A tree that only grows. It keeps one hash for each perfect subtree on its right edge. */
export interface GrowingTree {
  readonly size: number;
  /** Adds the hash of the next leaf. */
  append(leaf: Buffer): void;
  root(): Buffer;
}

/**
 * Continues a tree of `size` leaves, whose `edge` are the hashes of `edgeOf(size)`. `onNode` is called for each perfect subtree
 * as soon as it is complete.
 */
export function growTree(
  onNode: (node: Node, hash: Buffer) => void = () => {},
  { size: start, edge: given }: { size: number; edge: readonly Buffer[] } = { size: 0, edge: [] },
): GrowingTree {
  let size = start;
  const edge = [...given];
  return {
    get size() {
      return size;
    },
    append(leaf) {
      let node = { level: 0, index: size };
      let hash = leaf;
      onNode(node, hash);
      while (node.index % 2 === 1) {
        hash = innerHash(edge.pop() as Buffer, hash);
        node = { level: node.level + 1, index: (node.index - 1) / 2 };
        onNode(node, hash);
      }
      edge.push(hash);
      size++;
    },
    root: () => rootOf(edge),
  };
}

/** The perfect subtrees on the right edge of a tree, the largest first. */
export function edgeOf(size: number): Node[] {
  return nodesOf({ start: 0, end: size });
}

/** The hash of leaves whose perfect subtrees, the largest first, have these hashes. */
function rootOf(hashes: readonly Buffer[]): Buffer {
  return hashes.length === 0 ? EMPTY_ROOT : hashes.reduceRight((right, left) => innerHash(left, right));
}

/** The root of the first `size` leaves. */
export async function rootAt(size: number, read: ReadNodes): Promise<Buffer> {
  return rootOf(await read(edgeOf(size)));
}

/** Shows that a leaf is in a tree (RFC 6962, 2.1.1). Throws `RangeError` unless index < size. */
export function inclusionProof(index: number, size: number, read: ReadNodes): Promise<Buffer[]> {
  if (!(index >= 0 && index < size)) throw new RangeError(`A tree of ${size} leaves has no leaf ${index}.`);
  return hashesOf(inclusionPath(index, { start: 0, end: size }), read);
}

/** Shows that the first `from` leaves of a tree are unchanged in a larger one (RFC 6962, 2.1.2). Empty if `from` is 0. */
export function consistencyProof(from: number, to: number, read: ReadNodes): Promise<Buffer[]> {
  if (!(from >= 0 && from <= to)) throw new RangeError(`A tree of ${to} leaves does not continue one of ${from}.`);
  return hashesOf(from === 0 ? [] : consistencyPath(from, { start: 0, end: to }, true), read);
}

/** The ranges whose hashes are the proof, the deepest first. */
function inclusionPath(index: number, range: Range): Range[] {
  if (range.end - range.start === 1) return [];
  const [left, right] = halvesOf(range);
  return index < left.end ? [...inclusionPath(index, left), right] : [...inclusionPath(index, right), left];
}

/** `isWhole`: the verifier knows the hash of the range already, because it is the older root itself. */
function consistencyPath(from: number, range: Range, isWhole: boolean): Range[] {
  if (from === range.end) return isWhole ? [] : [range];
  const [left, right] = halvesOf(range);
  return from <= left.end
    ? [...consistencyPath(from, left, isWhole), right]
    : [...consistencyPath(from, right, false), left];
}

/** The split of RFC 6962: the left part is the largest power of two that is smaller than the whole. */
function halvesOf({ start, end }: Range): [Range, Range] {
  const middle = start + 2 ** levelBelow(end - start);
  return [
    { start, end: middle },
    { start: middle, end },
  ];
}

/** The largest level whose subtree is smaller than this width. Math.log2 is not exact enough for large numbers. */
function levelBelow(width: number): number {
  let level = 0;
  while (2 ** (level + 1) < width) level++;
  return level;
}

/** The perfect subtrees of a range that a split has made, the largest first. */
function nodesOf({ start, end }: Range): Node[] {
  const nodes: Node[] = [];
  for (let at = start; at < end; ) {
    const level = levelBelow(end - at + 1);
    nodes.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return nodes;
}

async function hashesOf(ranges: readonly Range[], read: ReadNodes): Promise<Buffer[]> {
  const parts = ranges.map(nodesOf);
  const hashes = [...(await read(parts.flat()))];
  return parts.map((nodes) => rootOf(hashes.splice(0, nodes.length)));
}

export interface Inclusion {
  /** The hash of the leaf. */
  leaf: Uint8Array;
  index: number;
  size: number;
  proof: readonly Uint8Array[];
  root: Uint8Array;
}

/** RFC 9162, 2.1.3.2. */
export function verifyInclusion({ leaf, index, size, proof, root }: Inclusion): boolean {
  if (!(index >= 0 && index < size)) return false;
  let [node, last] = [index, size - 1];
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = innerHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, half(last)];
    } else {
      hash = innerHash(hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && isSame(hash, root);
}

export interface Consistency {
  from: { size: number; root: Uint8Array };
  to: { size: number; root: Uint8Array };
  proof: readonly Uint8Array[];
}

/** RFC 9162, 2.1.4.2. Everything continues the empty tree. */
export function verifyConsistency({ from, to, proof }: Consistency): boolean {
  if (from.size === to.size) return proof.length === 0 && isSame(from.root, to.root);
  if (from.size > to.size || from.size < 0) return false;
  if (from.size === 0) return proof.length === 0 && isSame(from.root, EMPTY_ROOT);
  const isPerfect = 2 ** levelBelow(from.size + 1) === from.size;
  const [first, ...rest] = isPerfect ? [from.root, ...proof] : proof;
  if (!first) return false;
  let [node, last] = [from.size - 1, to.size - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  let [older, newer] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      older = innerHash(sibling, older);
      newer = innerHash(sibling, newer);
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, half(last)];
    } else {
      newer = innerHash(newer, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && isSame(older, from.root) && isSame(newer, to.root);
}

const half = (n: number) => Math.floor(n / 2);

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
