// Counting distinct keys of which some come twice.
import { expect } from 'chai';
import fc from 'fast-check';
import { countDistinct } from './distinct.js';

describe('Distinct keys', () => {
  it('are counted in parts of any size, however often they come', async () => {
    const pages = fc.array(fc.array(fc.nat({ max: 400 }).map(String)), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(pages, fc.integer({ min: 2, max: 300 }), async (found, atOnce) => {
        const keys = async function* () {
          yield* found;
        };
        expect(await countDistinct(keys, atOnce)).to.equal(new Set(found.flat()).size);
      }),
    );
  });

  it('are counted beyond the first size of the memory', async () => {
    const keys = async function* () {
      for (let page = 0; page < 20; page++) yield Array.from({ length: 1_000 }, (_, n) => `key ${page * 500 + n}`);
    };
    expect(await countDistinct(keys)).to.equal(10_500);
    expect(await countDistinct(keys, 3_000)).to.equal(10_500);
  });
});
