import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { the } from '../../test/the.js';
import { checkpointText, openCheckpoint, unverifiedCheckpoint } from './checkpoint.js';
import { EMPTY_ROOT, leafHash } from './merkle-tree.js';
import { cosigner, InvalidNote, logVerifier, noteSigner, noteVerifier, openNote, signNote } from './signed-note.js';

/** The example of golang.org/x/mod/sumdb/note, from which the specification was made. */
const SEED = 'AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const VERIFIER_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const LINE =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';

/** The example of https://c2sp.org/tlog-cosignature. Its public keys are not published. */
const COSIGNED = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`;

describe('A signed note', () => {
  const peter = noteSigner('PeterNeumann', keyOf(Buffer.from(SEED, 'base64').subarray(1)));

  it('is signed and verified as in the example of the specification', () => {
    expect(peter.verifierKey).to.equal(VERIFIER_KEY);
    expect(signNote(TEXT, [peter])).to.equal(`${TEXT}\n${LINE}`);
    const { text, signatures } = openNote(`${TEXT}\n${LINE}`, [noteVerifier(VERIFIER_KEY)]);
    expect(text).to.equal(TEXT);
    expect(signatures).to.deep.include({
      name: 'PeterNeumann',
      keyId: Buffer.from('c74f20a3', 'hex'),
      at: undefined,
      line: LINE,
    });
  });

  it('is read up to its last empty line', () => {
    const text = 'a\n\nb\n\n\nc\n';
    expect(openNote(signNote(text, [peter]), [noteVerifier(VERIFIER_KEY)]).text).to.equal(text);
  });

  it('ignores signatures of unknown keys, and of known names with other keys', () => {
    const others = [noteSigner('other.example', newKey()), noteSigner('PeterNeumann', newKey())];
    const note = signNote(TEXT, [...others, peter]);
    expect(openNote(note, [noteVerifier(VERIFIER_KEY)]).signatures.map(({ line }) => line)).to.deep.equal([LINE]);
    refused(() => openNote(signNote(TEXT, others), [noteVerifier(VERIFIER_KEY)]), /not signed by a known key/);
  });

  it('is refused if a known key did not sign this text', () => {
    const changed = `${TEXT.replace('problem', 'Problem')}\n${LINE}`;
    refused(() => openNote(changed, [noteVerifier(VERIFIER_KEY)]), /signature of PeterNeumann is wrong/);
  });

  it('is refused after any change of a byte', () => {
    const note = Buffer.from(`${TEXT}\n${LINE}`);
    fc.assert(
      fc.property(fc.nat(note.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = Buffer.from(note);
        changed.writeUInt8(changed.readUInt8(at) ^ by, at);
        refused(() => openNote(changed.toString(), [noteVerifier(VERIFIER_KEY)]), /./);
      }),
    );
  });

  it('may be signed by many, within limits', () => {
    const many = Array.from({ length: 100 }, (_, n) => noteSigner(`n${n}`, newKey()));
    const verifiers = many.map(({ verifierKey }) => noteVerifier(verifierKey));
    expect(openNote(signNote(TEXT, many), verifiers).signatures).to.have.length(100);
    refused(() => openNote(signNote(TEXT, [...many, peter]), verifiers), /at most 100 signatures/);
    refused(() => openNote(signNote(`${'x'.repeat(1_000_000)}\n`, [peter]), verifiers), /at most 1000000 bytes/);
  });

  for (const [name, note] of Object.entries({
    'without an empty line': `${TEXT}${LINE}`,
    'without a signature': `${TEXT}\n`,
    'without its last newline': `${TEXT}\n${LINE.trim()}`,
    'with a hyphen for the dash': `${TEXT}\n${LINE.replace('—', '-')}`,
    'with a tab': `\t${TEXT}\n${LINE}`,
    'with a signature that is not base64': `${TEXT}\n— PeterNeumann x08go/ZJ!\n`,
    'with another form of the same base64': `${TEXT}\n${LINE.replace('nAM=', 'nAN=')}`,
    'with a signature that is too short': `${TEXT}\n— PeterNeumann x08gow==\n`,
    'with an empty line in the signatures': `${TEXT}\n${LINE}\n`,
  })) {
    it(`is refused ${name}`, () => {
      expect(() => openNote(note, [noteVerifier(VERIFIER_KEY)])).to.throw(InvalidNote);
    });
  }

  for (const key of [
    '',
    'PeterNeumann',
    VERIFIER_KEY.replace('c74f', 'c74e'),
    VERIFIER_KEY.slice(0, -4),
    'a+00000000+BQ==',
  ]) {
    it(`is not verified with the key "${key}"`, () => {
      expect(() => noteVerifier(key)).to.throw(InvalidNote);
    });
  }

  it('cannot be signed with a name that has spaces or a plus, nor with a key of another kind', () => {
    for (const name of ['', 'a b', 'a+b', 'a\n']) expect(() => noteSigner(name, newKey())).to.throw(RangeError);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(() => noteSigner('a', privateKey)).to.throw(RangeError);
    expect(() => signNote('no newline', [peter])).to.throw(RangeError);
  });
});

describe('A checkpoint', () => {
  const log = noteSigner('shop.example/log', newKey());
  const verifier = noteVerifier(log.verifierKey);
  const checkpoint = { origin: 'shop.example/log', size: 5, root: leafHash(Buffer.from('x')) };

  it('is what the specification shows', () => {
    expect(checkpointText(unverifiedCheckpoint(COSIGNED))).to.equal(COSIGNED.split('\n\n')[0]?.concat('\n'));
    expect(unverifiedCheckpoint(COSIGNED)).to.include({ origin: 'example.com/behind-the-sofa', size: 20_852_163 });
  });

  it('is cosigned by witnesses with their time', () => {
    const key = newKey();
    const witness = cosigner('witness.example', key, () => 1_679_315_147_999);
    const note = signNote(checkpointText(checkpoint), [log, witness]);
    const opened = openCheckpoint(note, verifier, [noteVerifier(witness.verifierKey)]);
    expect(opened).to.deep.include(checkpoint);
    expect(opened.signatures.map(({ name, at }) => ({ name, at }))).to.deep.equal([
      { name: 'shop.example/log', at: undefined },
      { name: 'witness.example', at: 1_679_315_147_000 },
    ]);
    const line = the(opened.signatures[1]).line;
    const later = Buffer.from(the(line.split(' ')[2]), 'base64');
    later.writeUInt8(later.readUInt8(11) + 1, 11);
    const bent = note.replace(line, `— witness.example ${later.toString('base64')}\n`);
    refused(() => openCheckpoint(bent, verifier, [noteVerifier(witness.verifierKey)]), /witness.example is wrong/);
    const copied = note.replace(line, cosigner('witness.example', key, () => 0).sign('other\n'));
    refused(() => openCheckpoint(copied, verifier, [noteVerifier(witness.verifierKey)]), /witness.example is wrong/);
  });

  it('needs the signature of the log itself', () => {
    const witness = cosigner('witness.example', newKey(), () => 0);
    const note = signNote(checkpointText(checkpoint), [witness]);
    refused(
      () => openCheckpoint(note, verifier, [noteVerifier(witness.verifierKey)]),
      /not signed by the log's own key/,
    );
  });

  it('of another log is refused', () => {
    const note = signNote(checkpointText({ ...checkpoint, origin: 'other.example' }), [log]);
    refused(() => openCheckpoint(note, verifier), /that of other.example, not of shop.example\/log/);
  });

  it('may have further lines, which the signature covers', () => {
    const note = signNote(`${checkpointText(checkpoint)}more\n`, [log]);
    expect(openCheckpoint(note, verifier)).to.deep.include(checkpoint);
  });

  for (const text of [
    'o\n5\n',
    `\n5\n${EMPTY_ROOT.toString('base64')}\n`,
    `o\n05\n${EMPTY_ROOT.toString('base64')}\n`,
    `o\n-5\n${EMPTY_ROOT.toString('base64')}\n`,
    `o\n9007199254740992\n${EMPTY_ROOT.toString('base64')}\n`,
    'o\n5\nAAAA\n',
    `o\n5\n${EMPTY_ROOT.toString('base64')}\n\nx\n`,
  ]) {
    it(`is refused if it reads ${JSON.stringify(text)}`, () => {
      refused(() => unverifiedCheckpoint(signNote(text, [log])), /has three lines/);
    });
  }

  it('is verified with a public key from elsewhere, too', () => {
    const key = newKey();
    const signer = noteSigner('shop.example/log', key);
    const note = signNote(checkpointText(checkpoint), [signer]);
    const { publicKey } = noteVerifier(signer.verifierKey);
    expect(openCheckpoint(note, logVerifier('shop.example/log', publicKey))).to.deep.include(checkpoint);
  });
});

function refused(work: () => unknown, message: RegExp): void {
  expect(work).to.throw(InvalidNote, message);
}

function newKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

function keyOf(seed: Buffer): KeyObject {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}
