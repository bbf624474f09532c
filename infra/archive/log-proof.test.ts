import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { checkpointText } from './checkpoint.js';
import { commitLeafHash, leafOf } from './commit-leaf.js';
import { readProof, verifyProof, writeProof } from './log-proof.js';
import { growTree, leafHash } from './merkle-tree.js';
import { InvalidNote, noteSigner, noteVerifier, signNote } from './signed-note.js';

/** The example of https://c2sp.org/tlog-proof, with the hashes that it shows and a checkpoint in full. */
const EXAMPLE = `c2sp.org/tlog-proof@v1
extra ZXhhbXBsZQ==
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

— example.com/fancylog hI2DJwAA
`;

describe('A proof of inclusion', () => {
  const log = noteSigner('shop.example/log', generateKeyPairSync('ed25519').privateKey);
  const verifier = noteVerifier(log.verifierKey);
  const leaves = ['a', 'b'].map((text) => leafHash(Buffer.from(text))) as [Buffer, Buffer];
  const tree = growTree();
  for (const leaf of leaves) tree.append(leaf);
  const checkpoint = signNote(checkpointText({ origin: log.name, size: 2, root: tree.root() }), [log]);
  const proof = { index: 1, hashes: [leaves[0]], checkpoint };

  it('is read and written as the specification shows', () => {
    const read = readProof(EXAMPLE);
    expect(read).to.include({ index: 73_894 });
    expect(read.hashes).to.have.length(5);
    expect(read.extra?.toString()).to.equal('example');
    expect(writeProof(read)).to.equal(EXAMPLE);
  });

  it('holds for its leaf only', () => {
    expect(verifyProof(readProof(writeProof(proof)), leaves[1], verifier)).to.include({ size: 2 });
    expect(() => verifyProof(proof, leaves[0], verifier)).to.throw(InvalidNote, /does not show entry 1/);
  });

  it('of a single commit has no hashes', () => {
    const root = leaves[0];
    const single = signNote(checkpointText({ origin: log.name, size: 1, root }), [log]);
    const text = writeProof({ index: 0, hashes: [], checkpoint: single });
    expect(text).to.match(/^c2sp.org\/tlog-proof@v1\nindex 0\n\nshop/);
    expect(verifyProof(readProof(text), leaves[0], verifier)).to.include({ size: 1 });
  });

  it('holds after no change of a byte, except in its extra data', () => {
    const bytes = Buffer.from(writeProof(proof));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ by, at);
        expect(() => verifyProof(readProof(changed.toString()), leaves[1], verifier)).to.throw(InvalidNote);
      }),
    );
  });

  for (const [name, text] of Object.entries({
    'is empty': '',
    'begins otherwise': EXAMPLE.replace('@v1', '@v2'),
    'has no index': EXAMPLE.replace(/index .*\n/, ''),
    'has an index with a leading zero': EXAMPLE.replace('index ', 'index 0'),
    'has extra data that is not base64': EXAMPLE.replace('ZXhhbXBsZQ==', '?'),
    'has a line that is no hash': EXAMPLE.replace('gSKyXoYZ', ''),
    'has more hashes than any tree': EXAMPLE.replace(/(gSKy.*\n)/, '$1'.repeat(60)),
  })) {
    it(`is refused if it ${name}`, () => {
      expect(() => readProof(text)).to.throw(InvalidNote);
    });
  }
});

describe('The leaf of a commit', () => {
  it('is JSON of stream, commit number, time and hash', () => {
    const commit = { pk: 'sku#NOTE-A5', sk: 1, at: 1_795_415_658_848_000, h: 'c8'.repeat(32) } as const;
    expect(leafOf(commit).toString()).to.equal(`["sku#NOTE-A5",1,1795415658848000,"${'c8'.repeat(32)}"]`);
    expect(commitLeafHash(commit)).to.deep.equal(leafHash(leafOf(commit)));
  });
});
