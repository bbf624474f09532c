import { expect } from 'chai';
import fc from 'fast-check';
import { z } from 'zod';
import { the } from '../../test/the.js';
import { asShortText, longText, recordOf, searchText, shortText, textRules, wholeNumber } from './text.js';

const MAX = 20;
const short = shortText(MAX);
const long = longText(MAX);
const ENGLAND = '\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}';

/** Many visible characters, and many invisible ones. */
const character = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  fc.constantFrom(
    ...' \t\n\r\u001b\u00a0\u00ad\u0301\u200b\u200c\u200d\u202e\u2066\u2028\u2800\u3164\ufeff\ufffe',
    ENGLAND,
    'é',
    '👩‍🚀',
  ),
);
const text = fc.array(character, { maxLength: MAX + 5 }).map((parts) => parts.join(''));

describe('A short text', () => {
  it('may be in any script', () => {
    for (const written of [
      'Ada',
      'Zoë',
      'Ωmega',
      '李',
      'می‌خواهم',
      'क्‍ष',
      'שלום',
      'ﷺ',
      '👨‍👩‍👧',
      '❤️',
      ENGLAND,
      '7½"',
      'a\u0301\u0323',
      '\u0600١',
    ])
      expect(short.safeParse(written).success, written).to.equal(true);
  });

  it('is trimmed and composed', () => {
    expect(short.parse('  Ada \u00a0')).to.equal('Ada');
    expect(short.parse('e\u0301')).to.equal('é');
    expect(short.parse('\u200dAda')).to.equal('Ada');
  });

  it('has no line breaks, control characters, direction marks or invisible characters, and the message names the one found', () => {
    for (const [written, named] of [
      ['a\nb', 'U+000A'],
      ['a\rb', 'U+000D'],
      ['a\tb', 'U+0009'],
      ['\u001b[31mred', 'U+001B'],
      ['a\u0085b', 'U+0085'],
      ['evil\u202etxt', 'U+202E'],
      ['a\u2066b', 'U+2066'],
      ['a\u200fb', 'U+200F'],
      ['Ada\u200b', 'U+200B'],
      ['soft\u00adhyphen', 'U+00AD'],
      ['\ufeffAda', 'U+FEFF'],
      ['a\u2028b', 'U+2028'],
      ['a\u{e0041}b', 'U+E0041'],
      ['a\ufffe', 'U+FFFE'],
    ])
      expect(short.safeParse(written).error?.issues[0]?.message, named).to.include(named);
  });

  it('has at least one visible character', () => {
    for (const blank of [
      ' ',
      '\u00a0',
      '\u3000',
      '\u200c',
      '\u200d\u200d',
      '\u2800',
      '\u3164',
      '\u0301',
      '\ufe0f',
      '\u{e0101}',
    ])
      expect(short.safeParse(blank).error?.issues[0]?.message, blank).to.include('visible');
    expect(short.safeParse('').error?.issues[0]?.message).to.equal('must have at least 1 character');
  });

  it('has a maximum number of characters, however many bytes each has', () => {
    expect(short.safeParse('😀'.repeat(MAX)).success).to.equal(true);
    expect(short.safeParse('x'.repeat(MAX + 1)).error?.issues[0]?.message).to.equal('must have at most 20 characters');
    expect(short.safeParse(`x${' '.repeat(MAX)}`).success).to.equal(false);
  });

  it('stays unchanged once it is accepted, and fits its documented pattern', () => {
    const { pattern, not } = the(textRules.get(short));
    const [whole, stray] = [pattern, not.pattern].map((source) => new RegExp(source, 'u')) as [RegExp, RegExp];
    fc.assert(
      fc.property(text, (written) => {
        const fits = whole.test(written) && !stray.test(written) && [...written].length <= MAX;
        const taken = short.safeParse(written);
        expect(taken.success).to.equal(fits && [...written.normalize('NFC').trim()].length <= MAX);
        if (!taken.success) return;
        expect(taken.data).to.equal(taken.data.normalize('NFC').trim());
        expect(short.parse(taken.data)).to.equal(taken.data);
        expect(long.safeParse(written).success).to.equal(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('has tags only in flags', () => {
    const tags = fc.constantFrom('a', ENGLAND, '\u{1f3f4}', '\u{e0067}', '\u{e0031}', '\u{e007f}');
    fc.assert(
      fc.property(fc.array(tags, { minLength: 1, maxLength: MAX }), (parts) => {
        const written = parts.join('');
        const rest = written.replaceAll(/\u{1f3f4}[\u{e0030}-\u{e007a}]+\u{e007f}/gu, 'flag');
        const taken = shortText(500).safeParse(written).success;
        expect(taken).to.equal(!/[\u{e0000}-\u{e007f}]/u.test(rest));
      }),
      { numRuns: 2_000 },
    );
  });

  it('can be made of any foreign text', () => {
    expect(asShortText('a\nb', MAX)).to.equal('a b');
    expect(asShortText(`${ENGLAND}\u{e0041} \ud800`, MAX)).to.equal(ENGLAND);
    expect(asShortText('\u200b\n', MAX)).to.equal(undefined);
    fc.assert(
      fc.property(text, (written) => {
        const made = asShortText(written, MAX);
        if (made !== undefined) expect(short.parse(made)).to.equal(made);
        else expect(short.safeParse(written).success).to.equal(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is refused in linear time, even for an error at its end', () => {
    const longest = shortText(50_000);
    const started = performance.now();
    for (const piece of ['a', ' ', '\u{1f3f4}', ENGLAND]) longest.safeParse(`${piece.repeat(5_000)}\n`);
    expect(performance.now() - started).to.be.lessThan(1_000);
  });
});

describe('A long text', () => {
  it('may have lines and tabs', () => {
    expect(long.parse('a\tb\r\nc\rd\n')).to.equal('a\tb\nc\nd');
  });

  it('has no other control characters, and at least one visible one', () => {
    for (const refused of ['', '\n\t', 'a\u0007', 'a\u202eb', 'a\u2028b'])
      expect(long.safeParse(refused).success).to.equal(false);
  });
});

describe('A text to search for', () => {
  it('may be blank', () => {
    expect(searchText(MAX).parse(' mug ')).to.equal('mug');
    expect(searchText(MAX).parse('')).to.equal('');
    expect(searchText(MAX).safeParse('a\u0000').success).to.equal(false);
  });
});

describe('A record', () => {
  it('has a documented limit', () => {
    const record = recordOf(short, short, 2);
    expect(record.safeParse({ a: 'x', b: 'y' }).success).to.equal(true);
    expect(record.safeParse({ a: 'x', b: 'y', c: 'z' }).success).to.equal(false);
    expect(z.toJSONSchema(record)).to.include({ maxProperties: 2 });
  });
});

describe('The names in a record', () => {
  const options = recordOf(shortText(9), z.number(), 3);
  const complaints = (text: string) =>
    options.safeParse(JSON.parse(text)).error?.issues.map(({ path, message }) => [path, message]);

  it('differ even once they are normalised', () => {
    expect(options.parse({ size: 1, ' colour': 2 })).to.deep.equal({ size: 1, colour: 2 });
    expect(complaints('{"size":1,"colour":2," colour ":3}')).to.deep.equal([[[' colour '], 'is given more than once']]);
    expect(complaints('{"":1," ":2}')?.map(([, message]) => message)).to.not.include('is given more than once');
  });

  it('belong to an object', () => {
    for (const given of ['null', '7', '"text"']) expect(complaints(given), given).to.have.length(1);
  });
});

describe('A whole number in a query', () => {
  const limit = wholeNumber(z.number().int().max(100));

  it('is written in digits, without leading zeros', () => {
    expect(['0', '7', '100'].map((text) => limit.parse(text))).to.deep.equal([0, 7, 100]);
    expect(limit.parse(7)).to.equal(7);
    for (const text of ['', ' ', '07', '+5', '-1', '1e1', '0x10', '1.0', ' 7', '7 ', '101']) {
      expect(limit.safeParse(text).success, text).to.equal(false);
    }
  });
});
