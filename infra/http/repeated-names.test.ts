import { expect } from 'chai';
import fc from 'fast-check';
import { the } from '../../test/the.js';
import { MAX_BODY_BYTES } from './limits.js';
import { findRepeatedName } from './repeated-names.js';

describe('A repeated name in an object', () => {
  it('is found with its path', () => {
    for (const [json, path] of [
      ['{"a":1,"a":1}', ['a']],
      ['{"a":{"b":[0,{"c":1},{"d":1,"e":{},"d":2}]},"f":1}', ['a', 'b', 2, 'd']],
      ['[[],[{"":1,"":2}]]', [1, 0, '']],
      ['{"a":1,"\\u0061":2}', ['a']],
      ['{"a\\"b" : 1 , "a\\"b"\n:\t2}', ['a"b']],
      ['{"__proto__":1,"__proto__":2}', ['__proto__']],
      ['{"x":"{\\"a\\":1,\\"a\\":2}","a":",:","a":1}', ['a']],
    ] as const) {
      expect(findRepeatedName(json), json).to.deep.equal(path);
    }
  });

  it('is never found in the output of JSON serialisers', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.integer({ min: 0, max: 4 }), (value, blanks) => {
        expect(findRepeatedName(JSON.stringify(value, undefined, blanks))).to.equal(undefined);
      }),
    );
  });

  it('is found at any place', () => {
    const anyObject = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1, noNullPrototype: true });
    fc.assert(
      fc.property(anyObject, fc.nat(), fc.nat(3), (object, nth, depth) => {
        const names = Object.keys(object);
        const name = the(names[nth % names.length]);
        const doubled = `${JSON.stringify(object).slice(0, -1)},${JSON.stringify(name)}:0}`;
        const json = `${'[7,'.repeat(depth)}${doubled}${']'.repeat(depth)}`;
        expect(findRepeatedName(json)).to.deep.equal([...Array(depth).fill(1), name]);
      }),
    );
  });

  it('is found in one pass through the largest bodies', () => {
    const long = JSON.stringify('\\"'.repeat(MAX_BODY_BYTES / 4 - 10));
    const deep = '['.repeat(MAX_BODY_BYTES / 2) + ']'.repeat(MAX_BODY_BYTES / 2);
    const wide = `{${Array.from({ length: 20_000 }, (_, n) => `"${n}":0`).join()}}`;
    for (const json of [long, deep, wide, `{"a":${long},"b":${long}}`])
      expect(findRepeatedName(json)).to.equal(undefined);
  }).timeout(20_000);
});
