// An installation is complete or absent, and is done once.
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { installOnce } from './installation.js';

describe('An installation of engines', () => {
  let home: string;
  const before = process.env.COMMERCE_ENGINES_DIR;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'commerce-install-'));
    process.env.COMMERCE_ENGINES_DIR = home;
  });

  afterEach(async () => {
    if (before === undefined) delete process.env.COMMERCE_ENGINES_DIR;
    else process.env.COMMERCE_ENGINES_DIR = before;
    await rm(home, { recursive: true });
  });

  const install = (content: string, build = (draft: string) => writeFile(join(draft, 'proof'), '')): Promise<string> =>
    installOnce('sample', content, 'proof', build);

  it('is built once, however many callers want it at the same time', async () => {
    let builds = 0;
    const build = async (draft: string) => {
      builds += 1;
      await writeFile(join(draft, 'proof'), '');
    };
    const folders = await Promise.all([1, 2, 3].map(() => install('v1', build)));
    expect([builds, new Set(folders).size]).to.deep.equal([1, 1]);
  });

  it('is built again for other versions', async () => {
    expect(await install('v2')).to.not.equal(await install('v1'));
  });

  it('is repeated from the beginning after a failure or a kill', async () => {
    await install('v1', () => Promise.reject(new Error('the line is down'))).catch(() => {});
    const killed = (await readdir(home)).find((name) => name.endsWith('.draft')) as string;
    await mkdir(join(home, killed, 'rubbish'));
    const folder = await install('v1');
    expect(await readdir(folder)).to.deep.equal(['proof']);
    expect(await readdir(home)).to.deep.equal([basename(folder)]);
  });
});
