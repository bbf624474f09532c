import { mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Unavailable } from '../../domain/kernel/errors.js';
import { archiveStoreContract } from '../../test/contracts/archive-store.contract.js';
import { createFolderArchive } from './folder-archive.js';

describe('The archive in a folder', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'archive-'));
  });
  after(() => rm(folder, { recursive: true }));

  archiveStoreContract(() => createFolderArchive(join(folder, 'deep', 'archive')));

  it('makes its files read-only, and leaves no drafts', async () => {
    const archive = createFolderArchive(join(folder, 'own'));
    await archive.create('segments/a', Buffer.from('a'));
    await archive.create('segments/a', Buffer.from('b'));
    expect((await stat(join(folder, 'own/segments/a'))).mode & 0o777).to.equal(0o444);
    expect(await readdir(join(folder, 'own/drafts'))).to.deep.equal([]);
  });

  it('names itself when it cannot be written', async () => {
    await writeFile(join(folder, 'file'), '');
    await symlink(join(folder, 'nowhere'), join(folder, 'broken'));
    for (const place of ['file', 'broken/deep']) {
      const archive = createFolderArchive(join(folder, place));
      const error = await archive.create('segments/a', Buffer.from('a')).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(Unavailable).with.property('message').that.includes(join(folder, place));
    }
  });
});
