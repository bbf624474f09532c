import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { SEALED_TEXT } from '../../domain/kernel/seal.js';
import { createSeals } from './seals.js';

describe('A seal', () => {
  const masterKey = randomBytes(32);
  const seals = createSeals(masterKey);
  const cursors = seals.cursors('list');

  it('can be opened with the master key, and is the same for the same text in every process', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const sealed = cursors.seal(text);
        expect(sealed).to.match(SEALED_TEXT);
        expect(createSeals(masterKey).cursors('list').open(sealed)).to.equal(text);
        expect(createSeals(masterKey).cursors('list').seal(text)).to.equal(sealed);
        expect(cursors.seal(`${text}.`).slice(0, 16), 'the nonce of another text').not.to.equal(sealed.slice(0, 16));
      }),
    );
  });

  it('can be opened only for its own purpose', () => {
    const sealed = cursors.seal('text');
    for (const other of [
      seals.cursors('another list'),
      seals.consistencyTokens,
      seals.accessTokens('list'),
      createSeals(randomBytes(32)).cursors('list'),
    ]) {
      expect(other.open(sealed)).to.equal(undefined);
    }
  });

  it('is broken by any change, even one that decodes to the same bytes', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.base64String({ minLength: 1, maxLength: 8 }), (text, at, other) => {
        const sealed = cursors.seal(text);
        const place = at % (sealed.length + 1);
        for (const changed of [
          sealed.slice(0, place),
          sealed.slice(0, place) + other + sealed.slice(place + 1),
          sealed.slice(0, place) + other + sealed.slice(place),
        ]) {
          if (changed !== sealed) expect(cursors.open(changed)).to.equal(undefined);
        }
      }),
    );
    for (const end of ['=', ' ', '\n', '$', '.']) expect(cursors.open(cursors.seal('text') + end)).to.equal(undefined);
  });
});
