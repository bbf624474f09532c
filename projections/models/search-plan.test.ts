import { expect } from 'chai';
import fc from 'fast-check';
import { relaxed, searchPlan } from './search-plan.js';
import { headsOf } from './search-words.js';
import { closestWord } from './spelling.js';
import { SHIPPED_SYNONYMS, synonymsOf } from './synonyms.js';
import { folded, indexedWords } from './texts.js';

const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string());
const NO_SYNONYMS = synonymsOf('');
const SHIPPED = synonymsOf(SHIPPED_SYNONYMS);

describe('The words of a text', () => {
  it('are all found by the text itself, however it is typed', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom('NFC', 'NFD', 'NFKC'), (text, form) => {
        fc.pre([...folded(text)].length <= 200);
        // Marks that are left out: typed as the letters TM or SM, they are words.
        fc.pre(form !== 'NFKC' || !/[™℠]/.test(text));
        const indexed = indexedWords([text]);
        const [words, stems] = [new Set(indexed.words.split(' ')), new Set(indexed.stems.split(' '))];
        const asked = searchPlan(text.normalize(form).toLowerCase(), NO_SYNONYMS);
        for (const word of asked.words) expect(words).to.include(word);
        for (const ways of asked.parts) {
          expect(ways.some((way) => way.stems.every((stem) => stems.has(stem)))).to.equal(true);
        }
      }),
      {
        numRuns: 500,
        examples: [
          ...['︱', '︲', '﹘', '﹣', '－', '⁻', '₋'].map((dash) => [`0${dash}a`, 'NFKC'] as [string, string]),
          ['ẞ', 'NFC'],
          ['B″A', 'NFKC'],
          ['don´t', 'NFKC'],
        ],
      },
    );
  });
});

describe('The plan of a search', () => {
  it('is small, however long the question', () => {
    for (const unit of ['a-', '\ufdfa', '㌖', "a'b ", 'ab ', 'notebook stand ', 'b-c d-e f ', '手', '🎁']) {
      const text = unit.repeat(200);
      const { words, parts, bonuses } = searchPlan(text, SHIPPED);
      const ways = parts.flat();
      const clauses = [
        words,
        bonuses.flatMap(({ tokens }) => tokens),
        ways.flatMap(({ stems, ranked }) => [...stems, ...ranked.flat(2)]),
      ];
      // OpenSearch accepts 1,024 clauses.
      expect(clauses.flat().length, unit).to.be.at.most(900);
    }
  });

  const waysOf = (text: string) =>
    searchPlan(text, SHIPPED).parts.map((ways) => ways.map(({ stems }) => stems.join(' ')));

  it('finds words, neighbours as one word, and synonyms', () => {
    expect(waysOf('note book')).to.deep.equal([
      ['note', 'notebook'],
      ['book', 'notebook'],
    ]);
    expect(waysOf('red laptops')[1]).to.include.members(['laptop', 'redlaptop', 'notebook', 'laptop comput']);
    expect(waysOf('the USB sticks')).to.deep.equal([
      ['usb stick', 'usbstick', 'usb flash drive', 'flash drive', 'pen drive', 'thumb drive'],
    ]);
    expect(waysOf('in-ear headphones, grey')[1]).to.include.members(['grei', 'grai']);
  });

  it('takes the last word for the kind of product', () => {
    const heads = searchPlan('usb hub', SHIPPED).parts.map((ways) => ways[0]?.head?.tokens);
    expect(heads).to.deep.equal([undefined, ['h:hub']]);
  });

  it('is content with half of the words, if there are several', () => {
    expect(relaxed(searchPlan('mug', SHIPPED))).to.equal(undefined);
    expect(relaxed(searchPlan('blue mug', SHIPPED))).to.include({ needed: 1 });
    expect(relaxed(searchPlan('large blue mug', SHIPPED))).to.include({ needed: 2 });
  });
});

describe('The kind of a product', () => {
  const KINDS: Record<string, string[]> = {
    'HP Compaq 6530b Notebook PC': ['compaq', 'notebook'],
    'Targus Messenger notebook case 39.1 cm (15.4") Messenger case Black': ['case'],
    'Philips Headset for iPhone with remote and mic SHH9756/00': ['headset'],
    'Duracell Camera Battery - replaces Nikon EN-EL12': ['batteri'],
    'Blue mug': ['mug'],
    'Keyboard cover, USB keyboard': ['cover', 'keyboard'],
  };
  for (const [title, kinds] of Object.entries(KINDS)) {
    it(`is ${kinds.join(' or ')} by the title ${title}`, () => expect(headsOf(title)).to.deep.equal(kinds));
  }
});

describe('A misspelt word', () => {
  const titles = ['Wireless keyboard', 'Keyboard cover', 'Key ring', 'Laptop bag', 'Mouse'];
  const WORDS: [string, string | undefined][] = [
    ['keybord', 'keyboard'],
    ['kyeboard', 'keyboard'],
    ['labtop', 'laptop'],
    ['mosue', 'mouse'],
    ['keyboard', undefined],
    ['teapot', undefined],
  ];
  for (const [word, better] of WORDS) {
    it(`${word} becomes ${better ?? 'nothing else'}`, () => expect(closestWord(word, titles)).to.equal(better));
  }
});
