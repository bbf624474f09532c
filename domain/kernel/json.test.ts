import { expect } from 'chai';
import fc from 'fast-check';
import { canonicalJson, changed, changes, defined, ownEntry, sameJson } from './json.js';

describe('JSON values', () => {
  it('are equal in any order of keys, and with or without undefined members', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: null, e: undefined })).to.equal('{"a":null,"b":[{"c":2,"d":1}]}');
    expect(sameJson({ a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 })).to.equal(true);
    expect(sameJson({ a: 1, b: undefined }, { a: 1 })).to.equal(true);
  });

  it('differ by a value, a type, or the order in a list', () => {
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

  it('that are undefined have no text', () => {
    expect(canonicalJson(undefined)).to.equal('');
    expect(sameJson(undefined, undefined)).to.equal(true);
  });

  it('lose only their undefined members', () => {
    expect(Object.entries(defined({ a: undefined, b: null, c: 0, d: '' }))).to.deep.equal([
      ['b', null],
      ['c', 0],
      ['d', ''],
    ]);
  });

  it('change only where they differ: null removes a member, undefined leaves it', () => {
    const before: { a: number; b?: string; c?: string } = { a: 1, b: 'x' };
    const change = changes({ a: 1, b: null, c: null, d: undefined }, before);
    expect(change).to.deep.equal({ b: null });
    expect(changed(before, change)).to.deep.equal({ a: 1 });
    const member = fc.option(fc.integer(), { nil: undefined });
    const wanted = fc.record({ a: fc.option(member), b: fc.option(member), c: fc.option(member) });
    fc.assert(
      fc.property(fc.record({ a: member, b: member, c: member }), wanted, (state, wish) => {
        const after = changed(state, changes(wish, state));
        for (const name of ['a', 'b', 'c'] as const) {
          const expected = wish[name] === undefined ? state[name] : (wish[name] ?? undefined);
          expect(after[name]).to.equal(expected);
        }
        expect(changes(wish, after), 'nothing is left to change').to.deep.equal({});
      }),
    );
  });

  it('have only the entries that were added, whatever their names', () => {
    const record = JSON.parse('{"toString":1,"__proto__":2,"a":3}') as Record<string, number>;
    const found = ['toString', '__proto__', 'a', 'constructor', 'b'].map((name) => ownEntry(record, name));
    expect(found).to.deep.equal([1, 2, 3, undefined, undefined]);
  });
});
