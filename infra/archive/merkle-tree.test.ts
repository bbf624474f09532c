import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { the } from '../../test/the.js';
import {
  consistencyProof,
  EMPTY_ROOT,
  edgeOf,
  growTree,
  inclusionProof,
  leafHash,
  type Node,
  type ReadNodes,
  rootAt,
  verifyConsistency,
  verifyInclusion,
} from './merkle-tree.js';

/** The leaves, roots and proofs of the reference implementation of RFC 6962 (certificate-transparency, merkle_tree_test). */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const A = '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7';
const B = '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e';
const C = '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4';
const D = 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b';
const E = 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0';
const F = '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a';
const [, R1, R2, , R4] = ROOTS.map(String);

describe('The Merkle tree', () => {
  it('has the roots of RFC 6962', async () => {
    const leaves = LEAVES.map((hex) => leafHash(Buffer.from(hex, 'hex')));
    const { read, roots } = grown(leaves);
    expect(roots.map(hex)).to.deep.equal(ROOTS);
    for (const [size, root] of ROOTS.entries()) expect(hex(await rootAt(size, read))).to.equal(root);
  });

  it('has the proofs of RFC 6962', async () => {
    const { read } = grown(LEAVES.map((hex) => leafHash(Buffer.from(hex, 'hex'))));
    const inclusion = async (leaf: number, size: number) => (await inclusionProof(leaf - 1, size, read)).map(hex);
    expect(await inclusion(1, 1)).to.deep.equal([]);
    expect(await inclusion(1, 8)).to.deep.equal([A, B, C]);
    expect(await inclusion(6, 8)).to.deep.equal([D, E, R4]);
    expect(await inclusion(3, 3)).to.deep.equal([R2]);
    expect(await inclusion(2, 5)).to.deep.equal([R1, B, D]);
    const consistency = async (from: number, to: number) => (await consistencyProof(from, to, read)).map(hex);
    expect(await consistency(1, 1)).to.deep.equal([]);
    expect(await consistency(1, 8)).to.deep.equal([A, B, C]);
    expect(await consistency(6, 8)).to.deep.equal([F, E, R4]);
    expect(await consistency(2, 5)).to.deep.equal([B, D]);
  });

  it('proves every leaf in every tree of up to 130 leaves, and nothing else', async () => {
    const leaves = manyLeaves(130);
    const { read, roots } = grown(leaves);
    for (let size = 0; size <= leaves.length; size++) {
      const root = the(roots[size]);
      expect(hex(root)).to.equal(hex(recursiveRoot(leaves.slice(0, size))));
      for (let index = 0; index < size; index++) {
        const proof = await inclusionProof(index, size, read);
        const shown = { leaf: the(leaves[index]), index, size, proof, root };
        expect(verifyInclusion(shown)).to.equal(true);
        expect(verifyInclusion({ ...shown, leaf: leafHash(Buffer.of(9)) })).to.equal(false);
        expect(verifyInclusion({ ...shown, index: index + 1 })).to.equal(false);
        expect(verifyInclusion({ ...shown, proof: [...proof, root] })).to.equal(false);
        if (proof.length > 0) expect(verifyInclusion({ ...shown, proof: proof.slice(0, -1) })).to.equal(false);
      }
    }
  }).timeout(60_000);

  it('proves that every tree of up to 130 leaves continues every smaller one, and no other', async () => {
    const { read, roots } = grown(manyLeaves(130));
    for (let to = 0; to < roots.length; to++) {
      for (let from = 0; from <= to; from++) {
        const proof = await consistencyProof(from, to, read);
        const shown = {
          from: { size: from, root: the(roots[from]) },
          to: { size: to, root: the(roots[to]) },
          proof,
        };
        expect(verifyConsistency(shown)).to.equal(true);
        const other = leafHash(Buffer.of(9));
        expect(verifyConsistency({ ...shown, from: { size: from, root: other } })).to.equal(false);
        if (from > 0) expect(verifyConsistency({ ...shown, to: { size: to, root: other } })).to.equal(false);
        expect(verifyConsistency({ ...shown, proof: [...proof, other] })).to.equal(false);
      }
    }
  }).timeout(60_000);

  it('does not accept a proof of which one bit was changed', async () => {
    const leaves = manyLeaves(130);
    const { read, roots } = grown(leaves);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 130 }), fc.nat(), fc.nat(), fc.nat(7), async (size, n, byte, bit) => {
        const index = n % size;
        const proof = await inclusionProof(index, size, read);
        const changed = Buffer.concat(proof);
        changed.writeUInt8(changed.readUInt8(byte % changed.length) ^ (1 << bit), byte % changed.length);
        const bent = proof.map((_, at) => changed.subarray(at * 32, at * 32 + 32));
        const root = the(roots[size]);
        expect(verifyInclusion({ leaf: the(leaves[index]), index, size, proof: bent, root })).to.equal(false);
      }),
    );
  });

  it('continues from the hashes of its right edge', async () => {
    const leaves = manyLeaves(70);
    const { read, roots } = grown(leaves);
    for (let size = 0; size < leaves.length; size++) {
      const tree = growTree(undefined, { size, edge: await read(edgeOf(size)) });
      expect(tree.root()).to.deep.equal(roots[size]);
      for (const leaf of leaves.slice(size)) tree.append(leaf);
      expect(tree.root()).to.deep.equal(roots.at(-1));
    }
  });

  it('refuses proofs that do not exist', () => {
    const none: ReadNodes = () => [];
    expect(() => inclusionProof(3, 3, none)).to.throw(RangeError);
    expect(() => consistencyProof(4, 3, none)).to.throw(RangeError);
  });

  it('works with sizes beyond 32 bits', async () => {
    // All leaves are the same, so all subtrees of a level are, too.
    const levels = [leafHash(Buffer.of(0))];
    while (levels.length < 54) levels.push(innerHash(the(levels.at(-1)), the(levels.at(-1))));
    const read: ReadNodes = (nodes) => nodes.map(({ level }) => the(levels[level]));
    for (const size of [2 ** 32, 2 ** 40 + 3, 2 ** 49 - 1, Number.MAX_SAFE_INTEGER]) {
      const [root, smaller] = [await rootAt(size, read), await rootAt(size - 2, read)];
      const proof = await inclusionProof(size - 2, size, read);
      expect(verifyInclusion({ leaf: the(levels[0]), index: size - 2, size, proof, root })).to.equal(true);
      const [from, to] = [
        { size: size - 2, root: smaller },
        { size, root },
      ];
      expect(verifyConsistency({ from, to, proof: await consistencyProof(from.size, size, read) })).to.equal(true);
    }
  });
});

/** A tree of these leaves, all its nodes, and the root of each of its sizes. */
function grown(leaves: readonly Buffer[]): { read: ReadNodes; roots: Buffer[] } {
  const nodes = new Map<string, Buffer>();
  const nameOf = ({ level, index }: Node) => `${level}/${index}`;
  const tree = growTree((node, hash) => void nodes.set(nameOf(node), hash));
  const roots = [tree.root()];
  for (const leaf of leaves) {
    tree.append(leaf);
    roots.push(tree.root());
  }
  return { roots, read: (wanted) => wanted.map((node) => the(nodes.get(nameOf(node)))) };
}

/** MTH as RFC 6962, 2.1 defines it. */
function recursiveRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length <= 1) return leaves[0] ?? EMPTY_ROOT;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return innerHash(recursiveRoot(leaves.slice(0, split)), recursiveRoot(leaves.slice(split)));
}

function innerHash(left: Buffer, right: Buffer): Buffer {
  return createHash('sha256').update(Buffer.of(1)).update(left).update(right).digest();
}

function manyLeaves(count: number): Buffer[] {
  return Array.from({ length: count }, (_, n) => leafHash(Buffer.from(`leaf ${n}`)));
}

function hex(hash: Buffer): string {
  return hash.toString('hex');
}
