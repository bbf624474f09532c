import { expect } from 'chai';
import { streamId } from '../../domain/kernel/stream.js';
import { createArchivedShop, PAST_WATERMARK_MS } from '../../test/archived-shop.js';
import { exportOf } from '../../test/exported-log.js';
import { createMemoryArchive, createMemoryIndex } from '../../test/memory-archive.js';
import { the } from '../../test/the.js';
import { ArchiveDamaged, CHECKPOINTS, manifestName, SEGMENTS } from '../archive/layout.js';
import { openArchivedLog } from './archived-log.js';

/** An archive of several segments, some with late commits, and the export of its log. */
async function archivedShop() {
  const shop = createArchivedShop();
  const archiver = shop.archiver({ maxSegmentCommits: 2 });
  let last = await archiver.run();
  for (const round of ['a', 'b']) {
    const late = streamId('note', `late-${round}`);
    for (const id of [streamId('note', round), late, streamId('memo', round), streamId('order', round)]) {
      await shop.append(id);
      shop.passes(1);
    }
    shop.hides(late);
    shop.passes(PAST_WATERMARK_MS);
    await archiver.run();
    shop.shows(late);
    shop.passes(PAST_WATERMARK_MS);
    last = await archiver.run();
  }
  const archive = createMemoryArchive(shop.objects);
  const { head, checkpoint } = last;
  const log = { store: shop.storeWithout(), index: createMemoryIndex(shop.data), archive, head, checkpoint };
  return { archive, exported: await exportOf({ ...log, origin: shop.signer.name }) };
}

describe('The log in an archive', () => {
  it('gives the same export as the event store, late commits in their place', async () => {
    const { archive, exported } = await archivedShop();
    expect(exported.result).to.include({ commits: 8, covered: 8, size: 8 });
    expect(await exportOf(await openArchivedLog(archive))).to.deep.equal(exported);
  });

  it('has the commits behind the newest checkpoint, which does not cover them', async () => {
    const { archive, exported } = await archivedShop();
    const last = the(
      [...archive.objects.keys()]
        .filter((name) => name.startsWith('checkpoints/'))
        .sort()
        .at(-1),
    );
    archive.objects.delete(last);
    const { text, result } = await exportOf(await openArchivedLog(archive));
    expect(result.commits).to.equal(8);
    expect(result.covered).to.be.below(8);
    expect(text.split('\n').slice(0, -2)).to.deep.equal(exported.text.split('\n').slice(0, -2));
  });

  it('is refused if an object is missing, has other bytes, or no checkpoint was signed', async () => {
    const damages: ((objects: Map<string, Buffer>) => void)[] = [
      (objects) => objects.delete(manifestName(2)),
      (objects) => objects.delete(the(namesIn(objects, SEGMENTS)[0])),
      (objects) => objects.set(the(namesIn(objects, SEGMENTS)[0]), Buffer.from('{}')),
      (objects) => {
        for (const name of namesIn(objects, CHECKPOINTS)) objects.delete(name);
      },
    ];
    for (const damage of damages) {
      const { archive } = await archivedShop();
      damage(archive.objects);
      const failed = await openArchivedLog(archive).catch((error: unknown) => error);
      expect(failed, String(damage)).to.be.instanceOf(ArchiveDamaged);
    }
  });
});

function namesIn(objects: Map<string, Buffer>, prefix: string): string[] {
  return [...objects.keys()].filter((name) => name.startsWith(prefix)).sort();
}
