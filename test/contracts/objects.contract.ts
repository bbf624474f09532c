// The contract of every object store.
import { expect } from 'chai';
import type { ObjectStore } from '../../domain/kernel/objects.js';
import type { ObjectPlace } from '../../infra/objects/place.js';
import { freshName } from '../engines.js';

const bytes = (text: string) => Buffer.from(text);

async function all(names: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const name of names) found.push(name);
  return found;
}

export function objectsContract(open: () => ObjectPlace | Promise<ObjectPlace>): void {
  let place: ObjectPlace;
  let log: string;
  let objects: ObjectStore;

  before(async () => {
    place = await open();
  });
  beforeEach(() => {
    log = freshName('log');
    objects = place.of(log);
  });

  async function textOf(name: string): Promise<string | undefined> {
    const body = await objects.get(name);
    return body && Buffer.from(body).toString();
  }

  it('gives back the bytes that were put, and nothing for another name', async () => {
    const body = Uint8Array.from({ length: 256 }, (_, n) => n);
    expect(await objects.putOnce('a/b.bin', body)).to.equal(true);
    expect(Buffer.from((await objects.get('a/b.bin')) ?? [])).to.deep.equal(Buffer.from(body));
    expect(await objects.putOnce('empty', new Uint8Array())).to.equal(true);
    expect(await textOf('empty')).to.equal('');
    expect(await objects.get('a/c.bin')).to.equal(undefined);
    expect(await objects.get('b/c/d')).to.equal(undefined);
  });

  it('keeps the first object of a name', async () => {
    expect(await objects.putOnce('one', bytes('first'))).to.equal(true);
    expect(await objects.putOnce('one', bytes('second'))).to.equal(false);
    expect(await textOf('one')).to.equal('first');
  });

  it('lets one of many writers put the object', async () => {
    const texts = Array.from({ length: 20 }, (_, n) => `writer ${n}`.repeat(1000));
    const put = await Promise.all(texts.map((text) => objects.putOnce('raced', bytes(text))));
    const winners = texts.filter((_, n) => put[n]);
    expect(winners).to.have.length(1);
    expect(await textOf('raced')).to.equal(winners[0]);
  });

  it('lists names by prefix and after a name, in the order of their characters', async () => {
    const names = ['B', 'a-b', 'a.b', 'a/b.c', 'a/c/d', 'a0', 'b/z', 'ba'];
    for (const name of names.toReversed()) await objects.putOnce(name, bytes(name));
    expect(await all(objects.list(''))).to.deep.equal(names);
    expect(await all(objects.list('a/'))).to.deep.equal(['a/b.c', 'a/c/d']);
    expect(await all(objects.list('a/c'))).to.deep.equal(['a/c/d']);
    expect(await all(objects.list('', 'a/b.c'))).to.deep.equal(['a/c/d', 'a0', 'b/z', 'ba']);
    expect(await all(objects.list('a', 'a/c/d'))).to.deep.equal(['a0']);
    expect(await all(objects.list('', 'a/c'))).to.deep.equal(['a/c/d', 'a0', 'b/z', 'ba']);
    expect(await all(objects.list('c'))).to.deep.equal([]);
  });

  it('lists more names than one answer of S3 has', async () => {
    const names = Array.from({ length: 1_010 }, (_, n) => `many/${String(n).padStart(4, '0')}`);
    for (let from = 0; from < names.length; from += 50) {
      await Promise.all(names.slice(from, from + 50).map((name) => objects.putOnce(name, bytes(name))));
    }
    expect(await all(objects.list('many/'))).to.deep.equal(names);
  });

  it('keeps the objects of each log apart, and erases those of one', async () => {
    const other = place.of(freshName('log'));
    await objects.putOnce('one', bytes('mine'));
    expect(await other.putOnce('one', bytes('theirs'))).to.equal(true);
    await place.erase(log);
    expect(await objects.get('one')).to.equal(undefined);
    expect(await all(objects.list(''))).to.deep.equal([]);
    expect(await all(other.list(''))).to.deep.equal(['one']);
    expect(await objects.putOnce('one', bytes('again'))).to.equal(true);
  });

  it('refuses names that a file system could read in another way', async () => {
    for (const name of ['', '/a', 'a/', 'a//b', '../a', 'a/./b', 'a\\b', 'a b', 'é', 'a.12-0123abcd']) {
      const refused = await Promise.resolve()
        .then(() => objects.putOnce(name, bytes('x')))
        .catch((error: Error) => error.message);
      expect(refused, name).to.match(/cannot name an object/);
    }
  });
}
