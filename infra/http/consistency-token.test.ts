import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { type StreamId, streamId } from '../../domain/kernel/stream.js';
import { createSeals } from '../crypto/seals.js';
import { createConsistencyTokens } from './consistency-token.js';
import { MAX_TOKEN_CHARS } from './limits.js';
import { HttpProblem } from './problems.js';

const part = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' });
const stream = fc
  .tuple(fc.constantFrom('order', 'cart', 'stock', 'tax-rate'), part, part)
  .map(([category, ...parts]) => streamId(category, ...parts));
const commitNo = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 31 - 1 }));
const anySeen = fc
  .dictionary(stream, commitNo, { maxKeys: 32 })
  .map((commits) => new Map(Object.entries(commits) as [StreamId, number][]));

describe('a consistency token', () => {
  const masterKey = randomBytes(32);
  const open = (key = masterKey) => createConsistencyTokens(createSeals(key).consistencyTokens);
  const tokens = open();

  it('decodes to the seen commits in every process of the shop, without empty streams', () => {
    fc.assert(
      fc.property(anySeen, (seen) => {
        const some = [...seen].filter(([, upTo]) => upTo > 0);
        expect([...open().decode(tokens.encode(seen))]).to.deep.equal(some);
      }),
    );
  });

  it('is never empty, and a missing one means that nothing was seen', () => {
    expect(tokens.encode(new Map())).to.match(/./);
    expect(open().decode(tokens.encode(new Map())).size).to.equal(0);
    expect(tokens.decode(undefined).size).to.equal(0);
  });

  it('hides the names of its streams', () => {
    const token = tokens.encode(new Map([['stock#MUG@leeds', 7]]));
    expect(Buffer.from(token, 'base64url').toString('latin1')).not.to.match(/stock|MUG|leeds/);
  });

  it('is returned unchanged if an answer adds nothing', () => {
    const token = open().encode(new Map([['order#1', 5]]));
    expect(tokens.encode(tokens.decode(token))).to.equal(token);
  });

  it('fits the limit with the most and longest streams', () => {
    const longest = (n: number) => streamId('stock', `${n}`.padStart(64, 'x'), 'y'.repeat(32));
    const seen = new Map(Array.from({ length: 32 }, (_, n) => [longest(n), 2 ** 31 - 1] as const));
    expect(tokens.encode(seen).length).to.be.at.most(MAX_TOKEN_CHARS);
    expect(tokens.decode(tokens.encode(seen))).to.deep.equal(seen);
  });

  it('is rejected unless this shop made it: changed, cut, invented, of another shop, or in clear', () => {
    const refused = (token: string) => expect(() => tokens.decode(token), token).to.throw(HttpProblem);
    fc.assert(
      fc.property(anySeen, fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (seen, at, letter) => {
        const token = tokens.encode(seen);
        const place = at % token.length;
        const changed = token.slice(0, place) + letter + token.slice(place + 1);
        if (changed !== token) refused(changed);
        refused(token.slice(0, place));
        refused(`${token}${letter}`);
        refused(open(randomBytes(32)).encode(seen));
        refused(Buffer.from(`1 ${[...seen].flat().join(' ')}`).toString('base64url'));
      }),
    );
    fc.assert(fc.property(fc.oneof(fc.string(), fc.base64String(), fc.constant('MQ')), (text) => void refused(text)));
  });
});
