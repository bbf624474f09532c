// The spill of a rebuild in files.
import { readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { endPrograms, freshFolder } from '../../test/running-shop.js';
import { createFileSpill } from './file-spill.js';

const PLAN = { segments: [5, 9], slices: 3, commits: 4, sample: ['note#a'] as const };

describe('The spill of a rebuild', () => {
  after(endPrograms); // deletes the folders

  async function open() {
    const folder = join(await freshFolder(), 'rebuild', 'texts_v1_b2');
    const spill = createFileSpill(folder);
    await spill.setPlan(PLAN);
    return { folder, spill };
  }

  async function all(slice: AsyncIterable<readonly string[]>): Promise<string[]> {
    const found: string[] = [];
    for await (const lines of slice) found.push(...lines);
    return found;
  }

  it('returns the lines of a slice in the order of the segments, whichever was written first', async () => {
    const { folder, spill } = await open();
    const odd = 'a\u2028line\u2029 "break"\t\u0000 ü';
    await spill.write(1, [['a 3'], [], [`${odd} 4`]]);
    await spill.write(0, [['a 1', 'a 2'], [], [`${odd} 1`]]);
    const again = createFileSpill(folder);
    expect(await again.plan()).to.deep.equal(PLAN);
    expect(await again.segments()).to.deep.equal(new Set([0, 1]));
    expect(await all(again.read(0))).to.deep.equal(['a 1', 'a 2', 'a 3']);
    expect(await all(again.read(1))).to.deep.equal([]);
    expect(await all(again.read(2))).to.deep.equal([`${odd} 1`, `${odd} 4`]);
  });

  it('has no segment that a killed process has not finished', async () => {
    const { folder, spill } = await open();
    await writeFile(join(folder, 'segment-0.12.draft'), 'half');
    expect(await spill.segments()).to.deep.equal(new Set());
    expect(await all(spill.read(0))).to.deep.equal([]);
  });

  it('leaves nothing behind', async () => {
    const { folder, spill } = await open();
    await spill.write(0, [[], [], []]);
    await spill.remove();
    await spill.remove();
    expect(await spill.plan()).to.equal(undefined);
    expect(await readdir(dirname(dirname(folder)))).to.deep.equal([]);
  });
});
