import { expect } from 'chai';
import { canonicalJson, defined, ownEntry, sameJson } from './json.js';

describe('JSON values', () => {
  it('are the same whatever the order of their keys, and with or without members that are undefined', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: null, e: undefined })).to.equal('{"a":null,"b":[{"c":2,"d":1}]}');
    expect(sameJson({ a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 })).to.equal(true);
    expect(sameJson({ a: 1, b: undefined }, { a: 1 })).to.equal(true);
  });

  it('differ by a value, a kind, or the order in a list', () => {
    for (const [a, b] of [
      [{ a: 1 }, { a: 2 }],
      [{ a: 1 }, { a: '1' }],
      [
        [1, 2],
        [2, 1],
      ],
      [{}, []],
      [{}, null],
      [undefined, null],
    ]) {
      expect(sameJson(a, b), `${canonicalJson(a)} and ${canonicalJson(b)}`).to.equal(false);
    }
  });

  it('that are missing have no text', () => {
    expect(canonicalJson(undefined)).to.equal('');
    expect(sameJson(undefined, undefined)).to.equal(true);
  });

  it('lose the members that are undefined, and no other', () => {
    expect(Object.entries(defined({ a: undefined, b: null, c: 0, d: '' }))).to.deep.equal([
      ['b', null],
      ['c', 0],
      ['d', ''],
    ]);
  });

  it('have the entries that somebody has put there, whatever they are called', () => {
    const record = JSON.parse('{"toString":1,"__proto__":2,"a":3}') as Record<string, number>;
    const found = ['toString', '__proto__', 'a', 'constructor', 'b'].map((name) => ownEntry(record, name));
    expect(found).to.deep.equal([1, 2, 3, undefined, undefined]);
  });
});
