import { generateKeyPairSync } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { createArchivedShop, PAST_WATERMARK_MS } from '../../test/archived-shop.js';
import { createMemoryArchive, createMemoryIndex } from '../../test/memory-archive.js';
import { the } from '../../test/the.js';
import { startWitness, type TestWitness } from '../../test/witness.js';
import type { Archiver } from './archiver.js';
import { openCheckpoint } from './checkpoint.js';
import { readCheckpoint } from './layout.js';
import { createPost, postedCheckpoints } from './posted-checkpoints.js';
import { type PublishingDeps, publishing } from './publishing.js';
import { InvalidNote, noteSigner, noteVerifier } from './signed-note.js';
import { createWitnessClient, parseWitness } from './witness.js';

type Shop = ReturnType<typeof createArchivedShop>;

describe('A checkpoint', () => {
  const { signer } = createArchivedShop();
  const log = noteVerifier(signer.verifierKey);
  let shop: Shop;
  let witness: TestWitness;
  let errors: string[];

  beforeEach(async () => {
    shop = createArchivedShop();
    witness = await startWitness([log]);
    errors = [];
  });
  afterEach(() => witness.stop());

  function published(changes: Partial<PublishingDeps> = {}): Archiver {
    return publishing(shop.archiver(), {
      archive: createMemoryArchive(shop.objects),
      index: createMemoryIndex(shop.data),
      clock: shop.clock,
      witnesses: [createWitnessClient(parseWitness(witness.address))],
      log: { error: (fields) => void errors.push((fields as { err: Error }).err.message) },
      ...changes,
    });
  }

  async function append(count: number): Promise<void> {
    for (let n = 0; n < count; n++) await shop.append(`note#${shop.log.arrivals.length}`);
    shop.passes(PAST_WATERMARK_MS);
  }

  const witnessesOf = (note: string | undefined) =>
    openCheckpoint(the(note), log, [noteVerifier(witness.verifierKey)])
      .signatures.filter(({ at }) => at !== undefined)
      .map(({ name }) => name);

  it('is cosigned by a witness, each time with a proof from the one before', async () => {
    const archiver = published();
    for (const count of [3, 1, 4, 1, 5]) {
      await append(count);
      expect(witnessesOf((await archiver.run()).checkpoint)).to.deep.equal(['witness.example/w1']);
    }
    expect(witness.cosigned).to.deep.equal([3, 4, 8, 9, 14]);
    expect(errors).to.deep.equal([]);
    expect(witnessesOf(await readCheckpoint(createMemoryArchive(shop.objects), 2))).to.have.length(1);
  });

  it('is cosigned once, and by a new process from where the witness is', async () => {
    await append(3);
    const archiver = published();
    await archiver.run();
    await archiver.run();
    expect(witness.cosigned).to.deep.equal([3]);
    await append(4);
    expect(witnessesOf((await published().run()).checkpoint)).to.have.length(1);
    expect(witness.cosigned).to.deep.equal([3, 7]);
    expect(errors).to.deep.equal([]);
  });

  for (const [name, intercept, message] of [
    ['answers nothing', (response) => response.destroy(), /witness.example\/w1: other side closed/],
    ['is overloaded', (response) => response.writeHead(503).end(), /it answered with status 503/],
    ['answers too much', (response) => response.end('x'.repeat(100_000)), /longer than 65536 bytes/],
    ['answers without a signature', (response) => response.end('ok\n'), /without a valid cosignature/],
    [
      'sends it elsewhere',
      (response) => response.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end(),
      /redirect/,
    ],
  ] satisfies [string, TestWitness['intercept'], RegExp][]) {
    it(`is archived while a witness ${name}, and offered to it again`, async () => {
      witness.intercept = intercept;
      await append(2);
      const archiver = published();
      expect(witnessesOf((await archiver.run()).checkpoint)).to.deep.equal([]);
      expect(errors).to.have.length(1);
      expect(errors[0]).to.match(message);
      expect(witnessesOf((await archiver.run()).checkpoint)).to.have.length(1);
    });
  }

  it('is refused by a witness that does not know the log, or knows another key of it', async () => {
    const other = noteSigner(log.name, generateKeyPairSync('ed25519').privateKey);
    await append(1);
    for (const [logs, message] of [
      [[], /does not know this log; give its operator the output of `commerce audit-key`/],
      [[noteVerifier(other.verifierKey)], /knows this log with another public key/],
    ] as const) {
      const strange = await startWitness(logs);
      await published({ witnesses: [createWitnessClient(parseWitness(strange.address))] }).run();
      expect(errors.pop()).to.match(message);
      await strange.stop();
    }
  });

  it('of an archive that was put back or rewritten is refused by a witness', async () => {
    await append(5);
    await published().run();
    shop = createArchivedShop();
    await append(3);
    await published().run();
    expect(errors.pop()).to.match(/has seen 5 commits, more than the 3 of this checkpoint/);
    await append(2);
    await published().run();
    expect(errors.pop()).to.match(/has seen another tree of this size|does not continue the one that it has seen/);
    await append(4);
    await published().run();
    expect(errors.pop()).to.match(/does not continue the one that it has seen/);
    expect(witness.cosigned).to.deep.equal([5]);
  });

  it('is posted to a file, a line for each', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'posts-'));
    const file = join(folder, 'checkpoints.jsonl');
    const archiver = published({ witnesses: [], post: createPost(file) });
    const notes: string[] = [];
    for (const count of [2, 3]) {
      await append(count);
      notes.push(the((await archiver.run()).checkpoint));
      await archiver.run();
      await appendFile(file, '{"checkpoint":"cut sh');
    }
    expect(await postedCheckpoints(file)).to.deep.equal(notes);
    expect(JSON.parse(the((await readFile(file, 'utf8')).split('\n')[1]))).to.have.property('postedAt');
    expect(await postedCheckpoints(join(folder, 'none'))).to.deep.equal([]);
    await rm(folder, { recursive: true });
  });

  it('is posted to a webhook, again if it failed', async () => {
    const posts: string[] = [];
    const server = createServer(async (request, response) => {
      posts.push(await text(request));
      response.writeHead(posts.length === 1 ? 500 : 204).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const archiver = published({ witnesses: [], post: createPost(`http://127.0.0.1:${port}/secret-token`) });
    await append(1);
    const { checkpoint } = await archiver.run();
    expect(errors).to.deep.equal([`COMMERCE_CHECKPOINT_POST (http://127.0.0.1:${port}): it answered with status 500`]);
    await archiver.run();
    await archiver.run();
    expect(posts.map((post) => JSON.parse(post).checkpoint)).to.deep.equal([checkpoint, checkpoint]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  for (const address of [
    '',
    'key',
    'http://w.example',
    `${signer.verifierKey} ftp://w.example`,
    `${signer.verifierKey} http://a b`,
  ]) {
    it(`has no witness at "${address}"`, () => {
      expect(() => parseWitness(address)).to.throw(InvalidNote);
    });
  }
});
