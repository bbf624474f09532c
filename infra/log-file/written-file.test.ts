import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { writeWhole } from './written-file.js';

describe('A file that is written whole', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'written-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('never replaces another one, also not one that came meanwhile, and leaves no draft', async () => {
    const file = join(folder, 'log.jsonl');
    await writeWhole(file, (write) => write('first'));
    const refused = (work: Promise<unknown>) =>
      work.then(
        () => 'written',
        ({ code, path }) => [code, path],
      );
    expect(await refused(writeWhole(file, (write) => write('second')))).to.deep.equal(['EEXIST', file]);
    const other = join(folder, 'other.jsonl');
    const late = writeWhole(other, async (write) => {
      await writeWhole(other, (write) => write('earlier'));
      await write('later');
    });
    expect(await refused(late)).to.deep.equal(['EEXIST', other]);
    expect((await readdir(folder)).sort()).to.deep.equal(['log.jsonl', 'other.jsonl']);
    expect(await Promise.all([file, other].map((path) => readFile(path, 'utf8')))).to.deep.equal(['first', 'earlier']);
  });
});
