import { expect } from 'chai';
import fc from 'fast-check';
import { partsOf, type StreamId, streamId } from '../../domain/kernel/stream.js';
import { decodeToken, encodeToken } from './consistency-token.js';
import { HttpProblem } from './problems.js';

const part = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }).filter((text) => !text.includes('\0'));
const stream = fc
  .tuple(fc.constantFrom('order', 'cart', 'stock', 'tax-rate'), part, part)
  .map(([category, ...parts]) => streamId(category, ...parts))
  .filter((id) => id.length <= 200);

describe('a consistency token', () => {
  it('brings back what was seen, which is nothing of a stream without commits', () => {
    const commitNo = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 31 - 1 }));
    const seen = fc.dictionary(stream, commitNo, { maxKeys: 32 });
    fc.assert(
      fc.property(seen, (commits) => {
        const entries = Object.entries(commits) as [StreamId, number][];
        const some = entries.filter(([, upTo]) => upTo > 0);
        expect([...decodeToken(encodeToken(new Map(entries)))]).to.deep.equal(some);
      }),
    );
  });

  it('is never empty, and without one nothing was seen', () => {
    expect(encodeToken(new Map())).not.to.equal('');
    expect(decodeToken(encodeToken(new Map())).size).to.equal(0);
    expect(decodeToken(undefined).size).to.equal(0);
  });

  it('that is forged is refused, or names streams as harmless as our own', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string().map((id) => `order#${id}`),
      fc.constant('order#%FF'),
      fc.constant('order#%00'),
    );
    fc.assert(
      fc.property(text, fc.oneof(fc.string(), fc.integer().map(String)), (id, commitNo) => {
        try {
          const token = Buffer.from(`1 ${id} ${commitNo}`).toString('base64url');
          for (const [named, upTo] of decodeToken(token)) {
            expect(partsOf(named).join()).not.to.contain('\0');
            expect(upTo).to.be.within(1, 2 ** 31 - 1);
          }
        } catch (error) {
          expect(error).to.be.instanceOf(HttpProblem);
        }
      }),
      { numRuns: 500 },
    );
  });
});
