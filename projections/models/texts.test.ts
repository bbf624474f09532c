import { expect } from 'chai';
import fc from 'fast-check';
import { filterKey, folded, sortKey } from './texts.js';

const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string());

describe('The folded form of a text', () => {
  const SAME: [string, string][] = [
    ['  Crème \t BRÛLÉE ', 'creme brulee'],
    ['Cre\u0300me', 'creme'],
    ['Ｆｕｌｌ－Ｗｉｄｔｈ', 'full-width'],
    ['Straße', 'strasse'],
    ['STRASSE', 'strasse'],
    ['ŒUVRE Æther', 'oeuvre aether'],
    ['Øresund, Łódź, Đà Nẵng', 'oresund, lodz, da nang'],
    ['oﬃce', 'office'],
    ['İstanbul ısparta', 'istanbul isparta'],
    ['ΟΔΟΣ', 'οδοσ'],
    ['ﾊﾞﾅﾅ', 'バナナ'],
    ['Men’s “best”', "men's “best”"],
    ['10–20 ‑ 30', '10-20 - 30'],
    ['soft\u00adware\u200b\ufeff', 'software'],
    ['Core™2 Duo®', 'core 2 duo'],
    ['a\u0000b\u0007', 'a b'],
    ['👍🏽 ❤️', '👍🏽 ❤'],
  ];
  for (const [text, expected] of SAME) {
    it(`of ${JSON.stringify(text)} is ${JSON.stringify(expected)}`, () => expect(folded(text)).to.equal(expected));
  }

  it('folds to itself, and is the same for composed and decomposed characters', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const once = folded(text);
        expect(folded(once)).to.equal(once);
        expect(folded(text.normalize('NFD'))).to.equal(once);
        expect(folded(text.normalize('NFC'))).to.equal(once);
      }),
    );
  });
});

describe('The keys of texts', () => {
  it('sort titles like a collation without case and accents', () => {
    const collation = new Intl.Collator('en', { sensitivity: 'base' });
    const letters = [
      ...'abcdefghijklmnopqrstuvwxyzABCXYZàÉîÖüñçŠžåæœ',
      ...'0123456789',
      ' ',
      '-',
      '(',
      '’',
      '~',
      '🎁',
      '手',
    ];
    const title = fc
      .string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 6 })
      .map((text) => text.trim());
    fc.assert(
      fc.property(title, title, (a, b) => {
        const signs = /[^\p{L}\p{N} ]/gu;
        fc.pre(!/ {2}/.test(a + b) && a.replace(signs, '!') === a && b.replace(signs, '!') === b);
        expect(Math.sign(Buffer.compare(Buffer.from(sortKey(a)), Buffer.from(sortKey(b))))).to.equal(
          Math.sign(collation.compare(a, b)),
        );
      }),
      { numRuns: 1_000 },
    );
    const titles = [
      'Zebra',
      'éclair',
      '“Apple”',
      'Äpfel',
      'apple',
      '10 apples',
      'Banana',
      '手',
      'ж',
      'app le',
      '🎁',
      'Eclair',
    ];
    expect(titles.sort((a, b) => Buffer.compare(Buffer.from(sortKey(a)), Buffer.from(sortKey(b))))).to.deep.equal([
      ...['🎁', '“Apple”', '10 apples', 'Äpfel', 'app le', 'apple', 'Banana', 'éclair', 'Eclair', 'Zebra', 'ж', '手'],
    ]);
  });

  it('fit an index row of Postgres, and never end in half a character', () => {
    fc.assert(
      fc.property(fc.constantFrom('\ufdfa', '🎁', 'ß', '㌖', 'a'), fc.constantFrom('', 'x', 'xy'), (unit, before) => {
        for (const key of [filterKey, sortKey]) {
          const made = key(before + unit.repeat(200));
          expect(Buffer.byteLength(made)).to.be.at.most(2_600);
          expect(Buffer.from(made).toString()).to.equal(made);
        }
      }),
    );
  });
});
