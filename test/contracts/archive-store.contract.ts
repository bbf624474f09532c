// The contract of every place of the archive: a name is written once, whole, by one of its writers.
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { ArchiveStore } from '../../infra/archive/port.js';
import { freshName } from '../engines.js';

export function archiveStoreContract(open: () => ArchiveStore | Promise<ArchiveStore>): void {
  let store: ArchiveStore;
  let folder: string;
  before(async () => {
    store = await open();
  });
  beforeEach(() => {
    folder = freshName('segments');
  });

  it('returns what was written, byte for byte', async () => {
    const content = randomBytes(300_000);
    expect(await store.create(`${folder}/a.jsonl`, content)).to.equal(true);
    expect(await store.read(`${folder}/a.jsonl`)).to.deep.equal(content);
    expect(await store.create(`${folder}/empty`, Buffer.alloc(0))).to.equal(true);
    expect(await store.read(`${folder}/empty`)).to.deep.equal(Buffer.alloc(0));
  });

  it('has nothing under a name that was not written', async () => {
    expect(await store.read(`${folder}/a`)).to.equal(undefined);
    expect(await namesIn(`${folder}/`)).to.deep.equal([]);
  });

  it('writes a name once, also if many write it at the same time', async () => {
    const contents = Array.from({ length: 12 }, (_, n) => Buffer.from(`writer ${n}`));
    const outcomes = await Promise.all(contents.map((content) => store.create(`${folder}/a`, content)));
    expect(outcomes.filter(Boolean)).to.have.length(1);
    const winner = contents[outcomes.indexOf(true)];
    expect(await store.read(`${folder}/a`)).to.deep.equal(winner);
    expect(await store.create(`${folder}/a`, Buffer.from('later'))).to.equal(false);
    expect(await store.read(`${folder}/a`)).to.deep.equal(winner);
  });

  it('lists the names with a prefix in order', async () => {
    for (const name of ['10-b', '02-a', '1', '10-a', '03']) await store.create(`${folder}/${name}`, Buffer.from(name));
    expect(await namesIn(`${folder}/`)).to.deep.equal(['02-a', '03', '1', '10-a', '10-b']);
    expect(await namesIn(`${folder}/10-`)).to.deep.equal(['10-a', '10-b']);
    expect(await namesIn(`${folder}/x`)).to.deep.equal([]);
  });

  async function namesIn(prefix: string): Promise<string[]> {
    const names: string[] = [];
    for await (const name of store.list(prefix)) names.push(name.slice(folder.length + 1));
    return names;
  }
}
