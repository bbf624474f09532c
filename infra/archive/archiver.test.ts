import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Position } from '../../domain/kernel/commit.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { createArchivedShop, nameOf, PAST_WATERMARK_MS } from '../../test/archived-shop.js';
import { runsOf } from '../../test/every-case.js';
import type { Hook } from '../../test/memory-archive.js';
import { the } from '../../test/the.js';
import { ArchiveRolledBack } from './archiver.js';
import { unverifiedCheckpoint } from './checkpoint.js';
import { ArchiveDamaged, checkpointName, manifestName } from './layout.js';
import { noteSigner } from './signed-note.js';

describe('The archiver', () => {
  it('gives each commit up to the watermark an index in total order, and signs the tree', async () => {
    const shop = createArchivedShop();
    const b = await shop.append('note#b');
    const a = await shop.append('note#a');
    await shop.append('note#b', b);
    shop.passes(PAST_WATERMARK_MS);
    await shop.append('note#a', a); // not yet behind the watermark
    const { head, checkpoint, held } = await shop.archiver().run();
    expect(head).to.include({ segments: 1, size: 3 });
    expect(held).to.deep.equal([]);
    expect(await shop.archived()).to.deep.equal(['note#a 1', 'note#b 1', 'note#b 2']);
    expect(unverifiedCheckpoint(the(checkpoint))).to.include({ origin: 'commerce-core/test', size: 3 });
  });

  it('signs nothing while nothing is new', async () => {
    const shop = createArchivedShop();
    expect(await shop.archiver().run()).to.deep.include({ checkpoint: undefined });
    await shop.append('note#a');
    shop.passes(PAST_WATERMARK_MS);
    const first = await shop.archiver().run();
    shop.passes(60_000);
    expect(await shop.archiver().run()).to.deep.equal(first);
    expect([...shop.objects.keys()]).to.have.length(3);
  });

  it('cuts a long log into segments of bounded length and size', async () => {
    const shop = createArchivedShop();
    for (let n = 0; n < 25; n++) {
      shop.passes(1);
      await shop.append(`note#${n}`);
    }
    shop.passes(PAST_WATERMARK_MS);
    const sizes: number[] = [];
    await shop.archiver({ maxSegmentCommits: 10 }).run({ onSegment: ({ size }) => void sizes.push(size) });
    expect(sizes).to.deep.equal([10, 20, 25]);
    for (let n = 0; n < 3; n++) {
      shop.passes(1);
      await shop.append(`note#large${n}`);
    }
    shop.passes(PAST_WATERMARK_MS);
    await shop.archiver({ maxSegmentBytes: 1 }).run();
    expect(await shop.archived()).to.have.length(28);
    expect([...shop.objects.keys()].filter((name) => name.startsWith('segments/'))).to.have.length(6);
  });

  it('puts commits of the same time into one segment', async () => {
    const shop = createArchivedShop();
    for (const id of ['note#a', 'note#b', 'note#c'] as const) await shop.append(id);
    shop.passes(1);
    await shop.append('note#d');
    shop.passes(PAST_WATERMARK_MS);
    const sizes: number[] = [];
    await shop.archiver({ maxSegmentCommits: 2 }).run({ onSegment: ({ size }) => void sizes.push(size) });
    expect(sizes).to.deep.equal([3, 4]);
    expect(await shop.problems()).to.deep.equal([]);
  });

  it('puts a commit that shows up late into the next segment, and changes no index', async () => {
    const shop = createArchivedShop();
    await shop.append('note#a');
    const late = await shop.append('note#late');
    await shop.append('note#b');
    shop.hides('note#late');
    shop.passes(PAST_WATERMARK_MS);
    await shop.archiver().run();
    const before = await shop.archived();
    shop.shows('note#late');
    await shop.append('note#late', late);
    shop.passes(PAST_WATERMARK_MS);
    await shop.archiver().run();
    expect(before).to.deep.equal(['note#a 1', 'note#b 1']);
    expect(await shop.archived()).to.deep.equal([...before, 'note#late 1', 'note#late 2']);
  });

  it('finds a commit that shows up days later', async () => {
    const shop = createArchivedShop();
    await shop.append('note#late');
    shop.hides('note#late');
    const archiver = shop.archiver();
    for (let day = 0; day < 3; day++) {
      await shop.append(`note#${day}`);
      shop.passes(24 * 60 * 60_000);
      await archiver.run();
    }
    shop.shows('note#late');
    shop.passes(24 * 60 * 60_000);
    await archiver.run();
    expect(await shop.archived()).to.include('note#late 1');
  });

  it('holds a stream back whose next commit is missing, archives all others, and goes on when it is there', async () => {
    const shop = createArchivedShop();
    const first = await shop.append('note#a');
    shop.passes(PAST_WATERMARK_MS);
    const archiver = shop.archiver();
    await archiver.run();
    const second = await shop.append('note#a', first);
    shop.hides('note#a', 2);
    await shop.append('note#a', second);
    await shop.append('note#b');
    shop.passes(PAST_WATERMARK_MS);
    const held = [{ stream: 'note#a', commitNo: 2, problem: 'it is missing, but commit 3 is there' }];
    expect(await archiver.run()).to.deep.include({ held });
    shop.passes(60 * 60_000);
    expect(await archiver.run()).to.deep.include({ held });
    expect(await shop.archived()).to.deep.equal(['note#a 1', 'note#b 1']);
    shop.shows('note#a');
    expect(await archiver.run()).to.deep.include({ held: [] });
    expect(await shop.archived()).to.deep.equal(['note#a 1', 'note#b 1', 'note#a 2', 'note#a 3']);
  });

  it('does not archive what does not match its hash, or does not continue the archived chain', async () => {
    const shop = createArchivedShop();
    const [a, b] = [await shop.append('note#a'), await shop.append('note#b')];
    shop.passes(PAST_WATERMARK_MS);
    const archiver = shop.archiver();
    await archiver.run();
    await shop.append('note#a', a);
    await shop.append('note#b', { ...b, hash: 'f'.repeat(64) });
    const changed = the(shop.log.arrivals.find(({ pk, sk }) => pk === 'note#a' && sk === 2));
    shop.log.arrivals.splice(shop.log.arrivals.indexOf(changed), 1, { ...changed, ev: changed.ev.replace('[', '[ ') });
    shop.passes(PAST_WATERMARK_MS);
    const { held } = await archiver.run();
    expect(held.map(({ stream, commitNo, problem }) => `${stream} ${commitNo}: ${problem}`)).to.have.members([
      'note#a 2: its content does not match its hash',
      'note#b 2: it does not continue the chain of the commits before it',
    ]);
    expect(await shop.archived()).to.have.length(2);
  });

  it('makes its index again from the archive', async () => {
    const shop = createArchivedShop();
    for (let n = 0; n < 5; n++) await shop.append(`note#${n}`);
    shop.passes(PAST_WATERMARK_MS);
    const before = await shop.archiver({ maxSegmentCommits: 2 }).run();
    const data = structuredClone([...shop.data.commits]);
    shop.losesIndex();
    expect(await shop.archiver().run()).to.deep.equal(before);
    expect([...shop.data.commits]).to.deep.equal(data);
  });

  it('refuses to go on with an archive that has less than before, or other segments', async () => {
    const shop = createArchivedShop();
    await shop.append('note#a');
    shop.passes(PAST_WATERMARK_MS);
    await shop.archiver().run();
    const manifest = the(shop.objects.get(manifestName(1)));
    shop.objects.delete(manifestName(1));
    await refused(
      shop.archiver().run(),
      ArchiveRolledBack,
      /had 1 segments, but manifests\/0000000001.json is missing/,
    );
    shop.objects.set(manifestName(1), Buffer.from(manifest.toString().replace('"size":1', '"size":2')));
    await refused(shop.archiver().run(), ArchiveRolledBack, /is another one now/);
  });

  it('does not sign what somebody else has written into the archive and is not in the log', async () => {
    const shop = createArchivedShop();
    const other = createArchivedShop();
    for (const each of [shop, other]) {
      await each.append('note#a');
      each.passes(PAST_WATERMARK_MS);
    }
    await other.append('note#forged');
    other.passes(PAST_WATERMARK_MS);
    await other.archiver().run();
    for (const [name, bytes] of other.objects) if (!name.startsWith('checkpoints/')) shop.objects.set(name, bytes);
    await refused(shop.archiver().run(), ArchiveDamaged, /has commit 1 of note#forged, which is not in the log/);
    expect(shop.objects.has(checkpointName(1))).to.equal(false);
  });

  it('does not continue checkpoints of another key', async () => {
    const shop = createArchivedShop();
    await shop.append('note#a');
    shop.passes(PAST_WATERMARK_MS);
    await shop.archiver().run();
    const { privateKey } = generateKeyPairSync('ed25519');
    const stranger = shop.archiver({ signer: noteSigner('commerce-core/test', privateKey) });
    await refused(stranger.run(), ArchiveDamaged, /not signed with this audit key/);
  });

  it('does not let a manifest name a segment that is damaged', async () => {
    const shop = createArchivedShop();
    await shop.append('note#a');
    shop.passes(PAST_WATERMARK_MS);
    await shop.archiver().run();
    const segment = the([...shop.objects.keys()].find((name) => name.startsWith('segments/')));
    const again = createArchivedShop();
    again.objects.set(segment, Buffer.from('x'));
    await again.append('note#a');
    again.passes(PAST_WATERMARK_MS);
    await refused(again.archiver().run(), ArchiveDamaged, /has other bytes/);
    expect(again.objects.has(manifestName(1))).to.equal(false);
  });

  it('never forks and loses nothing, however many archivers run, crash, and see commits late', async function () {
    this.timeout(120_000);
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fc.integer(), play), {
      numRuns: runsOf(150),
    });
  });
});

type Step =
  | { does: 'append'; stream: number; afterMs: number }
  | { does: 'hide' | 'show'; stream: number }
  | { does: 'archive'; archivers: number; crashes: boolean; segment: number }
  | { does: 'lose index' };

const stream = fc.nat(4);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      does: fc.constant('append' as const),
      stream,
      afterMs: fc.oneof(fc.constant(0), fc.nat(900)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constantFrom('hide' as const, 'show' as const), stream }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('archive' as const),
      archivers: fc.integer({ min: 1, max: 3 }),
      crashes: fc.boolean(),
      segment: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ does: 'lose index' as const }) },
);

/** Plays a history and checks after each step that what was archived and signed stays, and at the end that all is archived. */
async function play(steps: readonly Step[], seed: number): Promise<void> {
  const random = randomFrom(seed);
  const shop = createArchivedShop();
  const ends = new Map<StreamId, Position>();
  let before: string[] = [];
  for (const each of steps) {
    if (each.does === 'append') {
      const id: StreamId = `note#${each.stream}`;
      shop.passes(each.afterMs);
      ends.set(id, await shop.append(id, ends.get(id)));
    } else if (each.does === 'archive') {
      shop.passes(PAST_WATERMARK_MS);
      await Promise.all(
        Array.from({ length: each.archivers }, () => {
          const pace: Hook = async (_, when) => {
            for (let turns = random(4); turns > 0; turns--) await Promise.resolve();
            if (each.crashes && random(12) === 0) throw new Crash(`crashed ${when} it was written`);
          };
          // The index of the log may be behind for one of them.
          const store = shop.storeWithout(`note#${random(8)}`);
          return shop.archiver({ store, maxSegmentCommits: each.segment }, pace).run().catch(unlessCrash);
        }),
      );
    } else if (each.does === 'lose index') {
      shop.losesIndex();
    } else {
      shop[each.does === 'hide' ? 'hides' : 'shows'](`note#${each.stream}`, 1 + random(4));
    }
    const now = await shop.archived();
    expect(now.slice(0, before.length)).to.deep.equal(before);
    before = now;
  }
  for (let n = 0; n < 5; n++) shop.shows(`note#${n}`);
  shop.passes(PAST_WATERMARK_MS);
  const { head, checkpoint, held } = await shop.archiver().run();

  expect(held).to.deep.equal([]);
  const all = await shop.archived();
  expect([...all].sort()).to.deep.equal(shop.log.arrivals.map(nameOf).sort());
  for (const id of ends.keys()) {
    const own = all.filter((name) => name.startsWith(`${id} `));
    expect(own).to.deep.equal(own.map((_, n) => `${id} ${n + 1}`));
  }
  for (const [n, name] of all.entries()) {
    const [id, commitNo] = name.split(' ');
    expect(shop.data.commits.get(`${commitNo} ${id}`)).to.include({ index: n });
  }
  expect(await shop.problems()).to.deep.equal([]);
  const roots = await shop.roots();
  expect(head.size).to.equal(all.length);
  if (all.length > 0) expect(unverifiedCheckpoint(the(checkpoint)).root).to.deep.equal(roots.get(head.size));
  // Nothing but the roots of the final tree was ever signed, not even by an archiver that crashed.
  for (const text of shop.signed) {
    const { size, root } = unverifiedCheckpoint(`${text}\n— x AAAAAAA=\n`);
    expect(root).to.deep.equal(roots.get(size));
  }
}

class Crash extends Error {}

function unlessCrash(error: unknown): void {
  if (!(error instanceof Crash)) throw error;
}

/** Numbers below `limit`, always the same for a seed. */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

async function refused(work: Promise<unknown>, kind: new (...parts: never[]) => Error, message: RegExp): Promise<void> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(kind).with.property('message').that.matches(message);
}
