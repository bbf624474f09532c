import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { createKeyedHash, createLocalKeyWrap, loadMasterKey, MasterKeyInvalid } from './master-key.js';

describe('The master key', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'master-key-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('comes from the environment if it is set there', async () => {
    const key = randomBytes(32);
    expect(await loadMasterKey({ dataDir: folder, given: key.toString('base64') })).to.deep.equal(key);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('is made once in the data folder by many programs at once, readable only by its owner', async () => {
    const dataDir = join(folder, 'data');
    const keys = await Promise.all(Array.from({ length: 10 }, () => loadMasterKey({ dataDir })));
    expect(keys[0]).to.have.length(32);
    for (const key of keys) expect(key).to.deep.equal(keys[0]);
    expect(await readdir(dataDir)).to.deep.equal(['master.key']);
    expect((await stat(join(dataDir, 'master.key'))).mode & 0o777).to.equal(0o600);
    expect(await loadMasterKey({ dataDir })).to.deep.equal(keys[0]);
  });

  it('is reported with its source and not replaced if it is invalid', async () => {
    await writeFile(join(folder, 'master.key'), 'short');
    const sources = {
      'master.key': {},
      COMMERCE_MASTER_KEY: { given: randomBytes(31).toString('base64') },
    };
    for (const [source, given] of Object.entries(sources)) {
      const refused = await loadMasterKey({ dataDir: folder, ...given }).catch((error: unknown) => error);
      expect(refused).to.be.instanceOf(MasterKeyInvalid).with.property('message').that.includes(source);
    }
  });

  it('wraps data keys for one subject each', async () => {
    const { wrap, unwrap } = createLocalKeyWrap(randomBytes(32));
    const dataKey = randomBytes(32);
    const wrapped = await wrap(dataKey, 'customer_1');
    expect(await unwrap(wrapped, 'customer_1')).to.deep.equal(dataKey);
    const others = [
      unwrap(wrapped, 'customer_2'),
      createLocalKeyWrap(randomBytes(32)).unwrap(wrapped, 'customer_1'),
      unwrap(Buffer.concat([wrapped, Buffer.from([0])]), 'customer_1'),
    ];
    for (const result of await Promise.allSettled(others))
      expect(result).to.have.property('reason').that.is.instanceOf(MasterKeyInvalid);
  });

  it('hashes a text to the same value for the same purpose and key only', () => {
    const masterKey = randomBytes(32);
    const hash = createKeyedHash(masterKey);
    const anyPair = fc.tuple(fc.string(), fc.string());
    fc.assert(
      fc.property(anyPair, anyPair, (one, other) => {
        const same = one[0] === other[0] && one[1] === other[1];
        expect(hash(...one) === createKeyedHash(masterKey)(...other)).to.equal(same);
      }),
    );
    expect(hash('a', 'bc')).not.to.equal(hash('ab', 'c'));
    expect(hash('email', 'ada@example.org')).not.to.equal(createKeyedHash(randomBytes(32))('email', 'ada@example.org'));
  });
});
