import { expect } from 'chai';
import type { Pool } from 'pg';
import type { StreamId } from '../../domain/kernel/stream.js';
import { describeWith } from '../../test/engines.js';
import { createMemoryIndex } from '../../test/memory-archive.js';
import { the } from '../../test/the.js';
import { createPool } from '../postgres.js';
import { commitLeafHash } from './commit-leaf.js';
import {
  consistencyProof,
  edgeOf,
  growTree,
  inclusionProof,
  leafHash,
  type Node,
  rootAt,
  verifyInclusion,
} from './merkle-tree.js';
import type { ArchivedCommit, ArchiveIndex } from './port.js';
import { createArchiveTables, createPostgresArchiveIndex } from './postgres-archive-index.js';

describeWith('postgres', 'The index of the archive in Postgres', function (engines) {
  this.timeout(60_000);
  let pool: Pool;
  let index: ArchiveIndex;

  beforeEach(async () => {
    pool = createPool({ url: await engines.freshDatabase() });
    await Promise.all([createArchiveTables(pool), createArchiveTables(pool), createArchiveTables(pool)]);
    index = createPostgresArchiveIndex(pool);
  });
  afterEach(() => pool.end());

  it('has nothing at first', async () => {
    expect(await index.head()).to.include({ segments: 0, size: 0, upTo: 0 });
    expect(await index.lastOf(['note#a'])).to.deep.equal(new Map());
    expect(await index.find([{ stream: 'note#a', commitNo: 1 }])).to.deep.equal([undefined]);
    expect(await index.nodes([])).to.deep.equal([]);
  });

  it('has the head, the commits and all nodes of the tree, over many tiles', async () => {
    const memory = createMemoryIndex();
    for (const count of [1, 254, 1, 3, 700, 60_000, 5, 6_000]) {
      const segment = await segmentFor(index, count);
      expect(await index.add(...segment)).to.equal(true);
      await memory.add(...segment);
    }
    const head = await index.head();
    expect(head).to.deep.equal(await memory.head());
    expect(await rootAt(head.size, index.nodes)).to.deep.equal(head.root);
    for (const at of [0, 1, 255, 256, 958, 60_957, 65_535, 65_536, head.size - 1]) {
      const place = { stream: streamOf(at), commitNo: at + 1 };
      const [commit] = await index.find([place]);
      expect(commit).to.deep.equal({ ...place, index: at, h: hashOf(at) });
      const proof = await inclusionProof(at, head.size, index.nodes);
      expect(proof).to.deep.equal(await inclusionProof(at, head.size, memory.nodes));
      const leaf = commitLeafHash({ pk: place.stream, sk: at + 1, at: at + 1, h: hashOf(at) });
      expect(verifyInclusion({ leaf, index: at, size: head.size, proof, root: head.root })).to.equal(true);
      const consistency = await consistencyProof(at, head.size, index.nodes);
      expect(consistency).to.deep.equal(await consistencyProof(at, head.size, memory.nodes));
    }
  });

  it('finds the last commit of each stream, and commits in the order of the question', async () => {
    await index.add(...(await segmentFor(index, 30)));
    const last = await index.lastOf(['note#0', 'note#1', 'note#1', 'note#none']);
    expect([...last].map(([stream, { commitNo }]) => `${stream} ${commitNo}`)).to.have.members([
      'note#0 29',
      'note#1 30',
    ]);
    const places = [
      { stream: streamOf(7), commitNo: 8 },
      { stream: 'note#none' as const, commitNo: 1 },
      { stream: streamOf(2), commitNo: 3 },
    ];
    expect((await index.find(places)).map((commit) => commit?.index)).to.deep.equal([7, undefined, 2]);
  });

  it('adds a segment once, and only as the next one', async () => {
    const first = await segmentFor(index, 10);
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => index.add(...first)));
    expect(outcomes.filter(Boolean)).to.have.length(1);
    const second = await segmentFor(index, 10);
    expect(await index.add({ ...second[0], segments: 3 }, second[1], second[2])).to.equal(false);
    expect(await index.add(...second)).to.equal(true);
    expect(await index.add(...first)).to.equal(false);
    expect(await index.head()).to.include({ segments: 2, size: 20 });
  });

  it('adds a segment as a whole or not at all', async () => {
    const [head, commits, nodes] = await segmentFor(index, 10);
    const twice = [...commits, the(commits[0])];
    expect(await index.add(head, twice, nodes).catch((error: Error) => error.message)).to.match(/duplicate key/);
    expect(await index.head()).to.include({ segments: 0 });
    expect(await index.add(head, commits, nodes)).to.equal(true);
    expect(await rootAt(10, index.nodes)).to.deep.equal(head.root);
  });
});

const streamOf = (index: number): StreamId => `note#${index % 2}`;
const hashOf = (index: number) => leafHash(Buffer.from(`commit ${index}`)).toString('hex');

/** The next segment of an index, with this number of commits. */
async function segmentFor(index: ArchiveIndex, count: number) {
  const { segments, size } = await index.head();
  const nodes: { node: Node; hash: Buffer }[] = [];
  const tree = growTree((node, hash) => nodes.push({ node, hash }), { size, edge: await index.nodes(edgeOf(size)) });
  const commits: ArchivedCommit[] = [];
  for (let at = size; at < size + count; at++) {
    const commit = { stream: streamOf(at), commitNo: at + 1, index: at, h: hashOf(at) };
    tree.append(commitLeafHash({ pk: commit.stream, sk: commit.commitNo, at: at + 1, h: commit.h }));
    commits.push(commit);
  }
  const head = { segments: segments + 1, size: tree.size, root: tree.root(), upTo: 1_000 + tree.size };
  return [head, commits, nodes] as const;
}
