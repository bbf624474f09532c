import { expect } from 'chai';
import fc from 'fast-check';
import { the } from '../../test/the.js';
import { jsonHashOf } from '../kept-json.js';
import { ENTITY_TAGS, entityTag, expectedVersionOf, knownTagsOf } from './entity-tags.js';
import { HttpProblem } from './problems.js';

const version = fc.nat();
const tagOf = (version: number, body?: string) =>
  entityTag(version, body === undefined ? undefined : jsonHashOf(body, body));
const strong = fc.tuple(version, fc.string()).map(([n, body]) => tagOf(n, body));
/** The characters that RFC 9110 allows between the quotes, including commas and backslashes. */
const foreign = fc
  .string({ unit: fc.constantFrom(...'!#$,\\vx9-~\x80\xff'.split('')), maxLength: 8 })
  .filter((text) => !/^v\d/.test(text))
  .map((text) => `"${text}"`);
const weak = fc.oneof(strong, foreign).map((tag) => `W/${tag}`);
const gap = fc.constantFrom(',', ', ', ' ,', '\t,  ', ',,', ' , ,');

/** A header with these tags, as clients and proxies write it. */
const listOf = (tags: string[], gaps: string[]) =>
  tags.map((tag, n) => (n ? the(gaps[n % gaps.length]) : '') + tag).join('');
const gaps = fc.array(gap, { minLength: 1 });

describe('The tag of an answer', () => {
  it('is equal for the same version and body, and different for any other', () => {
    const answer = fc.record({ version, body: fc.oneof(fc.string(), fc.constant(undefined)) });
    fc.assert(
      fc.property(answer, answer, (one, other) => {
        const isSame = one.version === other.version && one.body === other.body;
        expect(tagOf(one.version, one.body) === tagOf(other.version, other.body)).to.equal(isSame);
        expect(tagOf(one.version, one.body)).to.match(ENTITY_TAGS);
      }),
    );
    expect(tagOf(12, undefined)).to.equal('"v12"');
  });
});

describe('If-Match', () => {
  const expected = (header?: string, mayMake = false) =>
    expectedVersionOf(header === undefined ? {} : { 'if-match': header }, mayMake);

  it('gives the versions of our strong tags, whatever else is in the list', () => {
    const tag = fc.oneof(
      fc.tuple(version, fc.string()).map(([n, body]) => ({ tag: tagOf(n, body), version: n })),
      fc.oneof(weak, foreign).map((other) => ({ tag: other, version: undefined })),
    );
    fc.assert(
      fc.property(fc.array(tag, { minLength: 1 }), gaps, (tags, between) => {
        const wanted = tags.flatMap((one) => one.version ?? []);
        const header = listOf(
          tags.map((one) => one.tag),
          between,
        );
        expect(expected(header)).to.deep.equal(wanted.length === 1 ? wanted[0] : wanted);
      }),
    );
  });

  it('accepts a version without a hash, but no version that no stream can have', () => {
    expect(expected('"v12"')).to.equal(12);
    for (const odd of ['"v"', '"v-1"', '"v1.5"', '"v1e3"', `"v${'9'.repeat(400)}"`, '"12"', '"V12"', '""'])
      expect(expected(odd), odd).to.deep.equal([]);
  });

  it('requires by `*` that the resource exists, for requests that may create it', () => {
    expect(expected('*')).to.equal(undefined);
    expect(expected('*', true)).to.equal('any');
    expect(expected(undefined, true)).to.equal(undefined);
  });

  it('and If-None-Match are rejected by name if they are not a list of tags', () => {
    for (const odd of [
      '',
      ' ',
      ',',
      'v12',
      '"v12',
      'v12"',
      '"a" "b"',
      '"a""b"',
      'w/"a"',
      'W/ "a"',
      'W/a',
      '*, "a"',
      '"a", *',
      '**',
      '"a b"',
      '"a\x7f"',
    ]) {
      expect(() => expected(odd), odd).to.throw(HttpProblem, /^If-Match: use ETags from earlier answers/);
      expect(() => knownTagsOf({ 'if-none-match': odd }), odd).to.throw(HttpProblem, /^If-None-Match: use ETags/);
    }
  });

  it('is parsed in linear time, however it is written', () => {
    for (const [piece, end] of [
      [',', 'x'],
      [' ', 'x'],
      ['"",', 'x'],
      ['W/', ''],
      ['" ,', ''],
      ['"a"\t,\t', '"'],
    ] as const) {
      const header = piece.repeat(16_000 / piece.length) + end;
      // Of this process, so that a busy machine does not count. In µs.
      const began = process.cpuUsage();
      for (let n = 0; n < 10; n++) ENTITY_TAGS.test(header);
      expect(process.cpuUsage(began).user, piece).to.be.below(1_000_000);
    }
  });
});

describe('If-None-Match', () => {
  const known = (header: string) => the(knownTagsOf({ 'if-none-match': header }));

  it('matches an answer whose tag is in the list, strong or weak, and no other', () => {
    fc.assert(
      fc.property(
        strong,
        fc.array(fc.oneof(strong, weak, foreign)),
        fc.nat(),
        fc.boolean(),
        gaps,
        (tag, others, at, isWeak, between) => {
          const rest = others.filter((other) => !other.endsWith(tag));
          const all = rest.toSpliced(at % (rest.length + 1), 0, isWeak ? `W/${tag}` : tag);
          expect(known(listOf(all, between)).include(tag)).to.equal(true);
          expect(known(listOf(all, between)).include(undefined)).to.equal(false);
          if (rest.length > 0) expect(known(listOf(rest, between)).include(tag)).to.equal(false);
        },
      ),
    );
  });

  it('matches every answer by `*`, and none without the header', () => {
    expect(known('*').include('"v1"')).to.equal(true);
    expect(known('*').include(undefined)).to.equal(true);
    expect(knownTagsOf({})).to.equal(undefined);
  });
});
