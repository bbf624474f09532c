// The lock between processes: exclusive while its holder lives, free when the holder is gone.
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { withLock } from './lock.js';

describe('The lock between processes', () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'commerce-lock-'));
    path = join(folder, 'lock');
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('lets one holder in at a time, and leaves nothing behind', async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      await new Promise(setImmediate);
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 20 }, () => withLock(path, work)));
    expect(most).to.equal(1);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('is taken over, by one at a time, from a holder that was killed', async () => {
    await writeFile(path, '999999999 killed');
    let inside = 0;
    await Promise.all(
      Array.from({ length: 20 }, () =>
        withLock(path, async () => {
          expect(++inside).to.equal(1);
          await new Promise(setImmediate);
          inside -= 1;
        }),
      ),
    );
  });

  it('is taken over from a holder without heartbeat, because its pid may belong to another program now', async () => {
    await writeFile(path, `${process.pid} silent`);
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(path, longAgo, longAgo);
    expect(await withLock(path, async () => 'ours')).to.equal('ours');
  });

  it('is released after a failure', async () => {
    await withLock(path, () => Promise.reject(new Error('failed'))).catch(() => {});
    expect(await withLock(path, async () => 'ours')).to.equal('ours');
  });
});
