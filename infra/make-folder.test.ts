import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeFolder } from './make-folder.js';

describe('A folder and its parents', () => {
  it('are made by many programs at once', async () => {
    const root = await mkdtemp(join(tmpdir(), 'folders-'));
    for (let round = 0; round < 20; round++) {
      const path = join(root, String(round), 'a', 'b', 'c');
      await Promise.all(Array.from({ length: 20 }, (_, n) => makeFolder(n % 2 ? path : join(path, '..'))));
      expect((await stat(path)).isDirectory()).to.equal(true);
    }
    await rm(root, { recursive: true });
  });

  it('are not made where the system allows none', async () => {
    const refused = await makeFolder('/proc/none/inner').catch((error: NodeJS.ErrnoException) => error.code);
    expect(refused).to.be.oneOf(['ENOENT', 'EACCES', 'EPERM', 'ENOTSUP', 'EROFS']);
  });
});
