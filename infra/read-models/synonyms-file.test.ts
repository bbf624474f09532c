import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../../test/running-shop.js';
import { openSynonyms } from './synonyms-file.js';

describe('The file of synonyms', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'synonyms-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is read again when it changes, and keeps counting when it is gone', async () => {
    const path = join(folder, 'synonyms.txt');
    const warnings: string[] = [];
    await writeFile(path, '# gifts\nmug, cup, beaker\nalone\n');
    const file = await openSynonyms({ path, readEveryMs: 10, warn: (message) => warnings.push(message) });
    expect(file.current().get('mug')).to.deep.equal([['cup'], ['beaker']]);
    expect(file.current().size).to.equal(3);
    await writeFile(path, 'Mugs, Coffee cups');
    await eventually('it is read', async () => {
      expect(file.current().get('mug')).to.deep.equal([['coffe', 'cup']]);
    });
    await rm(path);
    await eventually('there is a warning', async () => {
      expect(warnings).to.have.length(1);
    });
    expect(file.current().size).to.equal(2);
    file.close();
  });

  it('is named in the error if it is not there', async () => {
    const path = join(folder, 'none.txt');
    const error = await openSynonyms({ path, warn: () => {} }).catch((caught: Error) => caught);
    expect(String(error)).to.include('COMMERCE_SYNONYMS').and.to.include(path);
  });

  it('is not needed', async () => {
    const file = await openSynonyms({ path: undefined, warn: () => {} });
    expect(file.current().get('laptop')).to.deep.include(['notebook']);
  });
});
