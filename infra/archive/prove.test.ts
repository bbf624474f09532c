import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { type Position, START } from '../../domain/kernel/commit.js';
import { createArchivedShop, PAST_WATERMARK_MS } from '../../test/archived-shop.js';
import { createMemoryArchive, createMemoryIndex } from '../../test/memory-archive.js';
import { the } from '../../test/the.js';
import { publicKeyText, readPublicKey } from './audit-key.js';
import { LogChanged, NotArchived, prove } from './prove.js';
import { checkReceipt } from './receipt.js';
import { InvalidNote, noteSigner } from './signed-note.js';

describe('A receipt', () => {
  const { signer } = createArchivedShop();
  const publicKey = publicKeyText(signer);

  async function shopWith(commits: number) {
    const shop = createArchivedShop();
    let end: Position = START;
    for (let n = 0; n < commits; n++) end = await shop.append('note#a', end);
    await shop.append('note#b');
    shop.passes(PAST_WATERMARK_MS);
    const deps = {
      archive: createMemoryArchive(shop.objects),
      index: createMemoryIndex(shop.data),
      archiver: shop.archiver(),
      store: shop.storeWithout(),
    };
    return { shop, deps };
  }

  it('shows offline that a commit is in the log, which it archives first if need be', async () => {
    const { deps } = await shopWith(3);
    const { commit, size, receipt } = await prove(deps, 'note#a', 2);
    expect([commit.commitNo, size]).to.deep.equal([2, 4]);
    const checked = checkReceipt(receipt, readPublicKey(publicKey));
    expect(checked).to.deep.include({ index: commit.index, origin: 'commerce-core/test', size: 4 });
    expect(checked.commit).to.include({ pk: 'note#a', sk: 2, h: commit.h });
    expect(checked.signatures.map(({ name }) => name)).to.deep.equal(['commerce-core/test']);
    expect((await prove(deps, 'note#a', undefined)).commit.commitNo).to.equal(3);
  });

  it('is checked without a public key, except for its signature', async () => {
    const { deps } = await shopWith(1);
    const { receipt } = await prove(deps, 'note#a', 1);
    expect(checkReceipt(receipt).signatures).to.deep.equal([]);
    const other = noteSigner(signer.name, generateKeyPairSync('ed25519').privateKey);
    expect(() => checkReceipt(receipt, readPublicKey(publicKeyText(other)))).to.throw(
      InvalidNote,
      /not signed by a known key/,
    );
  });

  it('is of no other commit', async () => {
    const { deps } = await shopWith(2);
    const [first, second] = [await prove(deps, 'note#a', 1), await prove(deps, 'note#a', 2)];
    const extraOf = (receipt: string) => the(/^extra .*$/m.exec(receipt))[0];
    const swapped = first.receipt.replace(extraOf(first.receipt), extraOf(second.receipt));
    expect(() => checkReceipt(swapped)).to.throw(InvalidNote, /Commit 2 of note#a is not entry 0/);
    const line = Buffer.from(extraOf(first.receipt).slice(6), 'base64').toString();
    const changed = Buffer.from(line.replace('2026', '2025')).toString('base64');
    expect(() => checkReceipt(first.receipt.replace(/^extra .*$/m, `extra ${changed}`))).to.throw(
      InvalidNote,
      /its h is not the hash of its content/,
    );
    expect(() => checkReceipt(first.receipt.replace(/^extra .*\n/m, ''))).to.throw(InvalidNote, /is no commit/);
  });

  it('has a commit of which nothing was changed, hashed or not', async () => {
    const { deps } = await shopWith(1);
    const { receipt } = await prove(deps, 'note#a', 1);
    const [, extra = ''] = the(/^extra (.*)$/m.exec(receipt));
    const line = Buffer.from(extra, 'base64').toString();
    const { lp } = JSON.parse(line);
    for (const [changed, message] of [
      [line.replace(`"lp":${lp}`, `"lp":${(lp + 1) % 64}`), /its lp is/],
      [line.replace('"f":1', '"f":2'), /its format f is 2/],
      [line.trimEnd(), /has no newline/],
      [`${line}\n`, /not written as commits are/],
    ] as const) {
      const forged = receipt.replace(extra, Buffer.from(changed).toString('base64'));
      expect(() => checkReceipt(forged, readPublicKey(publicKey))).to.throw(InvalidNote, message);
    }
  });

  it('does not exist of what is not in the log, or too new', async () => {
    const { shop, deps } = await shopWith(1);
    for (const [stream, commitNo, message] of [
      ['note#none', undefined, /^There is no stream note#none\.$/],
      ['note#a', 7, /^note#a has 1 commits, so there is no commit 7\.$/],
    ] as const) {
      const error = await prove(deps, stream, commitNo).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(NotArchived).with.property('message').that.matches(message);
    }
    await shop.append('note#new');
    const error = await prove(deps, 'note#new', undefined).catch((thrown: unknown) => thrown);
    expect(error)
      .to.be.instanceOf(NotArchived)
      .with.property('message')
      .that.matches(/too new to be archived/);
  });

  it('is not made of a commit that was changed since it was archived', async () => {
    const { shop, deps } = await shopWith(1);
    await deps.archiver.run();
    const [commit] = shop.log.arrivals;
    shop.log.arrivals.splice(0, 1, { ...the(commit), h: 'f'.repeat(64) });
    const error = await prove(deps, 'note#a', 1).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(LogChanged);
  });

  it('is verified with the public key as PEM, too', () => {
    const pem = publicKey.slice(publicKey.indexOf('-----'));
    const { name, keyId } = readPublicKey(pem)(signer.name);
    expect([name, keyId]).to.deep.equal([signer.name, readPublicKey(publicKey)('ignored').keyId]);
    expect(createPublicKey(pem).asymmetricKeyType).to.equal('ed25519');
    const { publicKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    for (const text of [
      '',
      'x',
      '-----BEGIN PUBLIC KEY-----\n',
      rsa.export({ type: 'spki', format: 'pem' }).toString(),
    ])
      expect(() => readPublicKey(text)).to.throw(InvalidNote, /output of `commerce audit-key`/);
  });
});
