// The contract of every store of snapshots. Each adapter's test runs this suite on its real engine.
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Position } from '../../domain/kernel/commit.js';
import type { SnapshotStore } from '../../domain/kernel/event-store.js';
import { streamId } from '../../domain/kernel/stream.js';
import { createKeyedHash } from '../../infra/crypto/master-key.js';
import {
  createAuthenticSnapshots,
  type KeptText,
  type SnapshotTexts,
} from '../../infra/event-store/authentic-snapshots.js';
import { freshName } from '../engines.js';
import { the } from '../the.js';

/** JSON has no −0. */
const anyState = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);

export function snapshotStoreContract(name: string, open: () => SnapshotTexts | Promise<SnapshotTexts>): void {
  describe(`${name} as a snapshot store`, () => {
    let texts: SnapshotTexts;
    let store: SnapshotStore;
    let dropped: string[];
    const storeOf = (key: Uint8Array) =>
      createAuthenticSnapshots({
        texts,
        keyedHash: createKeyedHash(key),
        onDropped: (stream, foldVersion) => void dropped.push(`${stream} ${foldVersion}`),
      });
    before(async () => {
      texts = await open();
      store = storeOf(randomBytes(32));
    });
    beforeEach(() => {
      dropped = [];
    });
    afterEach(() => expect(dropped).to.deep.equal([]));

    const newStream = () => streamId('stock', freshName('s'), 'main');
    const positionAt = (commitNo: number): Position => ({
      commitNo,
      version: commitNo * 2,
      hash: commitNo.toString(16).padStart(64, '0'),
      at: 1_767_323_045_678_000 + commitNo,
    });

    it('returns nothing for a stream that was never saved', async () => {
      expect(await store.load(newStream(), 1)).to.equal(undefined);
    });

    it('returns any state as it was saved', async () => {
      await fc.assert(
        fc.asyncProperty(anyState, async (state) => {
          const stream = newStream();
          await store.save(stream, 1, { position: positionAt(7), state });
          expect(await store.load(stream, 1)).to.deep.include({ position: positionAt(7), state });
        }),
        { numRuns: 30 },
      );
    });

    it('keeps the newest snapshot, in whatever order they are saved', async () => {
      await fc.assert(
        fc.asyncProperty(fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 1 }), async (commitNos) => {
          const stream = newStream();
          await Promise.all(
            commitNos.map((commitNo) => store.save(stream, 1, { position: positionAt(commitNo), state: { commitNo } })),
          );
          const newest = Math.max(...commitNos);
          expect(await store.load(stream, 1)).to.deep.include({
            position: positionAt(newest),
            state: { commitNo: newest },
          });
        }),
        { numRuns: 10 },
      );
    });

    it('keeps the fold versions separate', async () => {
      const stream = newStream();
      await store.save(stream, 1, { position: positionAt(9), state: 'old fold' });
      expect(await store.load(stream, 2)).to.equal(undefined);
      await store.save(stream, 2, { position: positionAt(3), state: 'new fold' });
      expect((await store.load(stream, 1))?.state).to.equal('old fold');
      expect((await store.load(stream, 2))?.state).to.equal('new fold');
    });

    it('drops a snapshot of another stream or fold, reports it once, and keeps the next one', async () => {
      const commitNo = 2 ** 31 - 1;
      const foreign = newStream();
      await store.save(foreign, 1, { position: positionAt(commitNo), state: { onHand: 91_327 } });
      await storeOf(randomBytes(32)).save(foreign, 2, { position: positionAt(commitNo), state: { onHand: 91_327 } });
      const [theirs, ofOtherKey] = (await Promise.all([1, 2].map((fold) => texts.load(foreign, fold)))) as KeptText[];
      const odd = fc.oneof(
        fc.constantFrom(the(theirs).text, the(ofOtherKey).text, 'x', '{}', 'null', `${'A'.repeat(43)}[]`),
        fc.string({ minLength: 1 }).filter((text) => !text.includes('\0')),
        fc.nat(the(theirs).text.length - 1).map((at) => the(theirs).text.slice(0, at) || 'x'),
      );
      await fc.assert(
        fc.asyncProperty(odd, async (text) => {
          const stream = newStream();
          await texts.save(stream, 1, { commitNo, text });
          expect(await store.load(stream, 1)).to.equal(undefined);
          expect(dropped.splice(0)).to.deep.equal([`${stream} 1`]);
          expect(await store.load(stream, 1)).to.equal(undefined);
          await store.save(stream, 1, { position: positionAt(3), state: 'good' });
          expect((await store.load(stream, 1))?.state).to.equal('good');
        }),
        { numRuns: 20 },
      );
    });

    it('drops a snapshot whose commit number would block all later ones', async () => {
      const stream = newStream();
      await store.save(stream, 1, { position: positionAt(3), state: 'old' });
      const { text } = the(await texts.load(stream, 1));
      await texts.save(stream, 1, { commitNo: 2 ** 31 - 1, text });
      expect(await store.load(stream, 1)).to.equal(undefined);
      expect(dropped.splice(0)).to.have.length(1);
    });
  });
}
