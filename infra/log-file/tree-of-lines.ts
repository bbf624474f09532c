// The Merkle tree of an export: computed from its commits, and from the hashes of what the export does not have.
import { EMPTY_ROOT, HASH_BYTES, innerHash, type Node } from '../archive/merkle-tree.js';
import type { Run, Tree } from './export-format.js';

/** Leaves that arrive before their turn, because their commits became visible late. They are few. */
const MAX_WAITING = 100_000;

/** The last line says something about the tree that cannot be. */
export class InvalidTree extends Error {
  override name = 'InvalidTree';
}

/** A tree that grows by perfect subtrees. */
interface Fold {
  readonly size: number;
  add(hash: Buffer, level?: number): void;
  root(): Buffer;
}

/** Leaves arrive in the order of their lines. */
export interface LineTree {
  /** The leaf of the next commit line. False if the tree does not have it. */
  line(leaf: Buffer): boolean;
  root(): Buffer;
}

export function foldTree(): Fold {
  const edge: { level: number; hash: Buffer }[] = [];
  let size = 0;
  return {
    get size() {
      return size;
    },
    add(hash, level = 0) {
      size += 2 ** level;
      let node = { level, hash };
      for (let left = edge.at(-1); left?.level === node.level; left = edge.at(-1)) {
        edge.pop();
        node = { level: node.level + 1, hash: innerHash(left.hash, node.hash) };
      }
      edge.push(node);
    },
    root() {
      const last = edge.at(-1);
      if (!last) return EMPTY_ROOT;
      return edge.slice(0, -1).reduceRight((right, { hash }) => innerHash(hash, right), last.hash);
    },
  };
}

/** The largest perfect subtrees that fill these leaves, from `start` up to, but not including, `end`. */
export function subtreesOf(start: number, end: number): Node[] {
  const nodes: Node[] = [];
  for (let at = start; at < end; ) {
    let level = 0;
    while (at % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= end) level++;
    nodes.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return nodes;
}

/** The leaves that these runs do not have, in order. Throws `InvalidTree` if two runs overlap or end after the tree. */
export function gapsOf(covered: readonly Run[], size: number): Node[] {
  const nodes: Node[] = [];
  let end = 0;
  for (const [index, count] of inTree(covered)) {
    if (index < end) throw new InvalidTree('two commits have the same index');
    if (index > end) nodes.push(...subtreesOf(end, index));
    end = index + count;
  }
  if (end > size) throw new InvalidTree('a commit has an index behind the end of the tree');
  nodes.push(...subtreesOf(end, size));
  return nodes;
}

/** Throws `InvalidTree` if the tree cannot be that of so many leaves. */
export function treeOfLines(tree: Tree, size: number): LineTree {
  const place = places(tree.covered);
  const fold = withGaps(tree, size);
  const waiting = new Map<number, Buffer>();
  return {
    line(leaf) {
      const index = place();
      if (index === null) return false;
      waiting.set(index, leaf);
      for (let next = waiting.get(fold.next()); next; next = waiting.get(fold.next())) {
        waiting.delete(fold.next());
        fold.add(next);
      }
      if (waiting.size > MAX_WAITING) throw new InvalidTree('too many commits are far from their place in the tree');
      return true;
    },
    root: fold.root,
  };
}

/** The root of the listed leaves, with the gaps between them. Throws `InvalidTree`. */
export function rootOfLeaves(tree: Tree, leaves: readonly Buffer[], size: number): Buffer {
  const fold = withGaps(tree, size);
  for (const leaf of leaves) fold.add(leaf);
  return fold.root();
}

export function hashesIn(bytes: Buffer): Buffer[] {
  if (bytes.length % HASH_BYTES !== 0) throw new InvalidTree(`its hashes do not have ${HASH_BYTES} bytes each`);
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, n) =>
    bytes.subarray(n * HASH_BYTES, (n + 1) * HASH_BYTES),
  );
}

/** Fills the gaps whenever the tree has grown to one. */
function withGaps({ covered, gaps }: Tree, size: number) {
  const fold = foldTree();
  const hashes = hashesIn(gaps);
  const nodes = gapsOf(covered, size);
  if (nodes.length !== hashes.length)
    throw new InvalidTree(`its gaps need ${nodes.length} hashes, but there are ${hashes.length}`);
  let gap = 0;
  const fill = () => {
    for (let node = nodes[gap]; node && node.index * 2 ** node.level === fold.size; node = nodes[gap])
      fold.add(hashes[gap++] as Buffer, node.level);
  };
  fill();
  return {
    /** Index of the leaf that comes next. */
    next: () => fold.size,
    add(leaf: Buffer) {
      fold.add(leaf);
      fill();
    },
    root: () => fold.root(),
  };
}

/** The runs in the tree, in its order. */
function inTree(covered: readonly Run[]): (readonly [index: number, count: number])[] {
  return covered
    .flatMap(([index, count]) => (index === null ? [] : [[index, count] as const]))
    .sort(([a], [b]) => a - b);
}

/** Gives the index of each next line. Null: the checkpoint does not cover it, or the runs have ended. */
function places(covered: readonly Run[]): () => number | null {
  let run = 0;
  let inRun = 0;
  return () => {
    const [index, count] = covered[run] ?? [null, Number.POSITIVE_INFINITY];
    const place = index === null ? null : index + inRun;
    if (++inRun === count) {
      run++;
      inRun = 0;
    }
    return place;
  };
}
