// What every snapshot store promises. Each adapter's test runs this suite on its real engine.
import { expect } from 'chai';
import fc from 'fast-check';
import type { Position } from '../../domain/kernel/commit.js';
import type { SnapshotStore } from '../../domain/kernel/event-store.js';
import { streamId } from '../../domain/kernel/stream.js';
import { freshName } from '../engines.js';

/** JSON has no −0. */
const anyState = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);

export function snapshotStoreContract(name: string, open: () => SnapshotStore | Promise<SnapshotStore>): void {
  describe(`${name} as a snapshot store`, () => {
    let store: SnapshotStore;
    before(async () => {
      store = await open();
    });

    const newStream = () => streamId('stock', freshName('s'), 'main');
    const positionAt = (commitNo: number): Position => ({
      commitNo,
      version: commitNo * 2,
      hash: commitNo.toString(16).padStart(64, '0'),
      at: 1_767_323_045_678_000 + commitNo,
    });

    it('has nothing of a stream that was never saved', async () => {
      expect(await store.load(newStream(), 1)).to.equal(undefined);
    });

    it('gives back any state as it was saved', async () => {
      await fc.assert(
        fc.asyncProperty(anyState, async (state) => {
          const stream = newStream();
          await store.save(stream, 1, { position: positionAt(7), state });
          expect(await store.load(stream, 1)).to.deep.equal({ position: positionAt(7), state });
        }),
        { numRuns: 30 },
      );
    });

    it('keeps the newest, in whatever order they are saved', async () => {
      await fc.assert(
        fc.asyncProperty(fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 1 }), async (commitNos) => {
          const stream = newStream();
          await Promise.all(
            commitNos.map((commitNo) => store.save(stream, 1, { position: positionAt(commitNo), state: { commitNo } })),
          );
          const newest = Math.max(...commitNos);
          expect(await store.load(stream, 1)).to.deep.equal({
            position: positionAt(newest),
            state: { commitNo: newest },
          });
        }),
        { numRuns: 10 },
      );
    });

    it('keeps the versions of a fold apart', async () => {
      const stream = newStream();
      await store.save(stream, 1, { position: positionAt(9), state: 'old fold' });
      expect(await store.load(stream, 2)).to.equal(undefined);
      await store.save(stream, 2, { position: positionAt(3), state: 'new fold' });
      expect((await store.load(stream, 1))?.state).to.equal('old fold');
      expect((await store.load(stream, 2))?.state).to.equal('new fold');
    });
  });
}
