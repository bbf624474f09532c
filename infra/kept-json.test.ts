import { expect } from 'chai';
import fc from 'fast-check';
import { jsonHashOf, jsonOf, keepJson } from './kept-json.js';

describe('JSON that is kept', () => {
  const entry = fc.dictionary(fc.string(), fc.jsonValue());

  it('is the text of JSON.stringify, for any value and for pages of kept and of other entries', () => {
    const page = fc.record({ data: fc.array(fc.tuple(entry, fc.boolean())), more: entry }, { requiredKeys: ['data'] });
    fc.assert(
      fc.property(fc.jsonValue(), page, (value, { data, ...rest }) => {
        expect(jsonOf(value)).to.equal(JSON.stringify(value));
        const entries = data.map(([one, isKept]) => (isKept ? keepJson(one) : one));
        expect(jsonOf({ data: entries, ...rest })).to.equal(JSON.stringify({ data: entries, ...rest }));
        expect(jsonOf({ ...rest, data: entries.map(keepJson) })).to.equal(JSON.stringify({ data: entries, ...rest }));
      }),
    );
  });

  it('has the same hash as the same text that is not kept', () => {
    fc.assert(
      fc.property(entry, (value) => {
        const text = JSON.stringify(value);
        expect(jsonHashOf(keepJson({ ...value }), text))
          .to.equal(jsonHashOf(value, text))
          .and.match(/^[\w-]{16}$/);
      }),
    );
  });

  it('is made once', () => {
    let times = 0;
    const value = keepJson({ toJSON: () => ++times });
    for (let n = 0; n < 3; n++) expect(jsonOf({ data: [value] })).to.equal('{"data":[1]}');
  });
});
