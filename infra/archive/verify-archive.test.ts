import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Position, START, type StoredCommit } from '../../domain/kernel/commit.js';
import { createArchivedShop, nameOf, PAST_WATERMARK_MS } from '../../test/archived-shop.js';
import { runsOf } from '../../test/every-case.js';
import { createMemoryArchive, createMemoryIndex } from '../../test/memory-archive.js';
import { the } from '../../test/the.js';
import { hashOf } from '../event-store/codec.js';
import { checkpointText } from './checkpoint.js';
import { commitLine, parseCommitLine } from './commit-line.js';
import { checkpointName, manifestName } from './layout.js';
import { leafHash } from './merkle-tree.js';
import { noteSigner, noteVerifier, signNote } from './signed-note.js';
import { type ArchiveProblem, type VerifyArchiveDeps, verifyArchive } from './verify-archive.js';

describe('The verification of the archive', () => {
  it('finds no fault in an archive that is whole, late commits included', async () => {
    const shop = await archivedShop();
    const { report, problems } = await verified(shop);
    expect(problems).to.deep.equal([]);
    expect(report).to.deep.include({ segments: 4, commits: 8, checkpoints: 4, beyond: 1, unused: 0, problems: 0 });
    expect(report.newest).to.deep.include({ size: 8, cosignedBy: [] });
  });

  it('says that nothing is archived yet', async () => {
    const shop = createArchivedShop();
    await shop.append('note#a');
    const { report, problems } = await verified(shop);
    expect(problems).to.deep.equal([]);
    expect(report).to.deep.include({ segments: 0, commits: 0, newest: undefined, beyond: 1 });
  });

  it('names each commit of the log that is not what was archived', async () => {
    const shop = await archivedShop();
    const [first, second, third] = shop.log.arrivals;
    change(shop, the(first), ({ ev }) => ({ ev: ev.replace('2026', '2025') }));
    change(shop, the(second), (commit) => rehashed({ ...commit, ev: commit.ev.replace('2026', '2025') }));
    shop.log.arrivals.splice(shop.log.arrivals.indexOf(the(third)), 1);
    const { problems } = await verified(shop);
    expect(problems.map(text)).to.have.members([
      `the log: ${nameOf(the(first))}: it is not the commit that was archived`,
      `the log: ${nameOf(the(second))}: it is not the commit that was archived`,
      `the log: ${nameOf(the(third))}: it is archived, but it is not in the log any more`,
    ]);
  });

  it('names a commit that was put behind the end of the archive', async () => {
    const shop = await archivedShop();
    const model = the(shop.log.arrivals[0]);
    shop.log.arrivals.push(rehashed({ ...model, pk: 'note#inserted' }));
    const { problems } = await verified(shop);
    expect(problems.map(text)).to.deep.equal([
      'the log: note#inserted 1: it is older than the end of the archive, but not archived',
    ]);
  });

  it('needs the public key of the log', async () => {
    const shop = await archivedShop();
    const stranger = noteSigner('commerce-core/test', generateKeyPairSync('ed25519').privateKey);
    const { problems } = await verified(shop, { log: noteVerifier(stranger.verifierKey) });
    expect(problems.map(text)).to.include(`${checkpointName(1)}: The note is not signed by a known key.`);
    const { signer } = await archivedShop();
    expect((await verified(shop, { log: noteVerifier(signer.verifierKey) })).problems).to.deep.equal([]);
  });

  it('finds what was removed from the end of the archive by a posted checkpoint', async () => {
    const shop = await archivedShop();
    const posted = [1, 2, 4].map((number) => the(shop.objects.get(checkpointName(number))).toString());
    expect((await verified(shop, { posted })).problems).to.deep.equal([]);
    for (const name of [...shop.objects.keys()]) if (/0000000004/.test(name)) shop.objects.delete(name);
    shop.losesIndex();
    await catchUpIndex(shop);
    expect((await verified(shop, { posted })).problems.map(text)).to.include(
      'posted checkpoint 3: states 8 commits, but the archive has 6',
    );
  });

  it('finds a fork by a posted checkpoint', async () => {
    const shop = await archivedShop();
    const forged = checkpointText({ origin: 'commerce-core/test', size: 4, root: leafHash(Buffer.from('other')) });
    const posted = [signNote(forged, [shop.signer]), 'no note'];
    expect((await verified(shop, { posted })).problems.map(text)).to.have.members([
      'posted checkpoint 1: states 4 commits, of another tree than the archive',
      'posted checkpoint 2: A note is a text, an empty line and signature lines, each with a newline.',
    ]);
  });

  it('goes on behind a manifest that is missing', async () => {
    const shop = await archivedShop();
    shop.objects.delete(manifestName(2));
    const later = the(shop.log.arrivals.find(({ pk }) => pk === 'note#4'));
    change(shop, later, ({ ev }) => ({ ev: ev.replace('2026', '2025') }));
    const { report, problems } = await verified(shop);
    expect(problems.map(text)).to.deep.equal([
      `${manifestName(2)}: is missing`,
      'the log: note#4 1: it is not the commit that was archived',
    ]);
    expect(report).to.include({ segments: 4, commits: 8, checkpoints: 3, unused: 0 });
  });

  it('names the changed commit of a damaged segment, and still checks what comes after it', async () => {
    const shop = await archivedShop();
    const [name, bytes] = the([...shop.objects].find(([object]) => object.startsWith('segments/0000000002')));
    const [first, second] = bytes.toString().trimEnd().split('\n');
    const commit = parseCommitLine(the(second));
    const changed = rehashed({ ...commit, ev: commit.ev.replace('2026', '2025') });
    const later = the(shop.log.arrivals.find(({ pk }) => pk === 'note#4'));
    change(shop, later, ({ ev }) => ({ ev: ev.replace('2026', '2025') }));
    shop.objects.set(checkpointName(3), Buffer.from('no note'));
    const expected = [/^checkpoints\/0000000003\.txt: /, /^the log: note#4 1: it is not the commit that was archived$/];
    const damages: [Buffer | undefined, RegExp][] = [
      [Buffer.from(`${first}\n${commitLine(changed)}`), new RegExp(`^${name}: ${nameOf(commit)}: has other bytes`)],
      [Buffer.from('garbage'), new RegExp(`^${name}: has other bytes`)],
      [undefined, new RegExp(`^${name}: is missing$`)],
    ];
    for (const [damaged, why] of damages) {
      if (damaged) shop.objects.set(name, damaged);
      else shop.objects.delete(name);
      const { report, problems } = await verified(shop);
      const found = problems.map(text);
      for (const [n, problem] of [why, ...expected].entries()) expect(found[n]).to.match(problem);
      expect(found).to.have.length(3);
      expect(report).to.include({ segments: 4, commits: 8, checkpoints: 3, unused: 0 });
    }
  });

  it('goes on behind a damaged manifest, and without the index', async () => {
    const shop = await archivedShop();
    shop.objects.set(manifestName(2), Buffer.from('{}'));
    const { report, problems } = await verified(shop);
    expect(problems.map(({ where }) => where)).to.deep.equal([manifestName(2)]);
    expect(report).to.include({ segments: 4, commits: 8, checkpoints: 3, unused: 0 });
    const later = the([...shop.objects.keys()].find((name) => name.startsWith('segments/0000000004')));
    shop.objects.delete(later);
    shop.losesIndex();
    expect((await verified(shop)).problems.map(({ where }) => where)).to.include.members([manifestName(2), later]);
  });

  it('does not count the segment of an archiver that lost', async () => {
    const shop = await archivedShop();
    shop.objects.set(`segments/0000000002-${'0'.repeat(64)}.jsonl`, Buffer.from(''));
    const { report, problems } = await verified(shop);
    expect(problems).to.deep.equal([]);
    expect(report).to.include({ segments: 4, unused: 1 });
  });

  it('finds every change of a byte and every object that is missing', async () => {
    const shop = await archivedShop();
    const names = [...shop.objects.keys()];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.option(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }))),
        async (name, change) => {
          const before = the(shop.objects.get(name));
          if (change) {
            const bytes = Buffer.from(before);
            const at = change[0] % bytes.length;
            // The time in a manifest is not signed. It only says where the archiver goes on.
            fc.pre(!name.startsWith('manifests/') || at < bytes.indexOf('"upTo":'));
            bytes.writeUInt8(bytes.readUInt8(at) ^ change[1], at);
            shop.objects.set(name, bytes);
          } else {
            shop.objects.delete(name);
          }
          const { problems } = await verified(shop);
          shop.objects.set(name, before);
          // The last checkpoint may be missing for a moment.
          if (change || name !== checkpointName(4)) expect(problems).to.not.deep.equal([]);
        },
      ),
      { numRuns: runsOf(500) },
    );
  });
});

type Shop = ReturnType<typeof createArchivedShop>;

/** Four segments of two commits each, one of them late, and one commit that is not archived yet. */
async function archivedShop(): Promise<Shop> {
  const shop = createArchivedShop();
  await shop.append('note#late');
  shop.hides('note#late');
  let a: Position = START;
  for (let n = 1; n <= 4; n++) {
    shop.passes(PAST_WATERMARK_MS);
    a = await shop.append('note#a', a);
    if (n === 3) shop.shows('note#late');
    else await shop.append(`note#${n}`);
    shop.passes(PAST_WATERMARK_MS);
    await shop.archiver().run();
  }
  await shop.append('note#new');
  return shop;
}

async function verified(shop: Shop, changes: Partial<VerifyArchiveDeps> = {}) {
  const problems: ArchiveProblem[] = [];
  const report = await verifyArchive(
    {
      archive: createMemoryArchive(shop.objects),
      index: createMemoryIndex(shop.data),
      store: shop.storeWithout(),
      log: noteVerifier(shop.signer.verifierKey),
      ...changes,
    },
    { onProblem: (problem) => void problems.push(problem) },
  );
  expect(report.problems).to.equal(problems.length);
  return { report, problems };
}

/** Follows what is in the archive, without adding to it. */
async function catchUpIndex(shop: Shop): Promise<void> {
  const objects = new Map(shop.objects);
  await shop.archiver().run();
  for (const name of [...shop.objects.keys()]) if (!objects.has(name)) shop.objects.delete(name);
}

function change(shop: Shop, commit: StoredCommit, by: (commit: StoredCommit) => Partial<StoredCommit>): void {
  shop.log.arrivals.splice(shop.log.arrivals.indexOf(commit), 1, { ...commit, ...by(commit) });
}

const rehashed = (commit: StoredCommit): StoredCommit => ({ ...commit, h: hashOf(commit) });

function text({ where, stream, commitNo, problem }: ArchiveProblem): string {
  return stream === undefined ? `${where}: ${problem}` : `${where}: ${stream} ${commitNo}: ${problem}`;
}
