import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { SubjectKey } from '../crypto/subject-keys.js';
import { forgetIn, type KeysHead, KeysRefused, type NamedKey, readKeys, writeKeys } from './keys-file.js';
import { createKnownBackups, KEYS_FILE } from './known-backups.js';

const HEAD: KeysHead = {
  log: 'log-1',
  madeAt: '2026-11-29T12:00:00.000Z',
  expiresAt: '2026-12-29T12:00:00.000Z',
  secrets: { 'master.key': 'secret' },
};
const wrapped = (): SubjectKey => ({ wrapped: randomBytes(60) });

describe('The keys of a backup', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'backup-'));
    path = join(folder, KEYS_FILE);
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function write(keys: readonly NamedKey[], to = path): Promise<void> {
    await writeKeys(
      to,
      HEAD,
      (async function* () {
        yield* keys;
      })(),
    );
  }
  async function read(from = path): Promise<Map<string, unknown>> {
    const found = new Map<string, unknown>();
    const { keys } = await readKeys(from);
    for await (const [subject, key] of keys()) {
      found.set(subject, 'wrapped' in key ? Buffer.from(key.wrapped).toString('hex') : key);
    }
    return found;
  }

  it('are read as they were written, only by their owner', async () => {
    const anyKey = fc.oneof(
      fc.uint8Array({ minLength: 1 }).map((bytes): SubjectKey => ({ wrapped: bytes })),
      fc.constant<SubjectKey>({ forgotten: true }),
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string({ minLength: 1 }), anyKey), async (keys) => {
        await write(Object.entries(keys));
        const expected = Object.entries(keys).map(([subject, key]) => [
          subject,
          'wrapped' in key ? Buffer.from(key.wrapped).toString('hex') : key,
        ]);
        expect([...(await read())]).to.deep.equal(expected);
        expect((await readKeys(path)).head).to.deep.equal(HEAD);
      }),
      { numRuns: 20 },
    );
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    expect(await readdir(folder)).to.deep.equal([KEYS_FILE]);
  });

  it('are refused after any damage: cut short, changed, or with a line more or less', async () => {
    await write(Array.from({ length: 4 }, (_, n): NamedKey => [`customer_${n}`, wrapped()]));
    const text = await readFile(path, 'utf8');
    const lines = text.split('\n');
    const damaged = [
      '',
      text.slice(0, -1).slice(0, -10),
      lines.slice(0, -2).join('\n'),
      [...lines.slice(0, 2), ...lines.slice(3)].join('\n'),
      [lines[0], lines[1], ...lines.slice(1)].join('\n'),
      text.replace('customer_2', 'customer_9'),
      text.replace('log-1', 'log-2'),
      `${text}{}\n`,
      'PK\u0003\u0004',
    ];
    for (const [n, bad] of damaged.entries()) {
      await writeFile(path, bad);
      const error = await readKeys(path).catch((caught: unknown) => caught);
      expect(error, String(n)).to.be.instanceOf(KeysRefused).with.property('message').that.includes(path);
    }
  });

  it('of a forgotten person become tombstones, also of somebody who had none, and all others stay', async () => {
    await write([
      ['customer_ada', wrapped()],
      ['customer_bob', wrapped()],
    ]);
    const before = await read();
    await forgetIn(path, new Set(['customer_ada', 'customer_new']));
    expect(await read()).to.deep.equal(
      new Map([
        ['customer_ada', { forgotten: true }],
        ['customer_bob', before.get('customer_bob')],
        ['customer_new', { forgotten: true }],
      ]),
    );
    expect(await readFile(path, 'utf8')).to.not.include(before.get('customer_ada') as string);
    expect((await readKeys(path)).head).to.deep.equal(HEAD);
  });

  it('are found in every backup that is still there, forgotten in each, and deleted once they expire', async () => {
    const dataDir = join(folder, 'data');
    const backups = createKnownBackups(dataDir);
    await backups.forget('customer_ada');
    const folders = ['one', 'two', 'moved'].map((name) => join(folder, name));
    for (const made of folders) {
      await mkdir(made);
      await write([['customer_ada', wrapped()]], join(made, KEYS_FILE));
      await backups.add(made);
      await backups.add(made);
    }
    await rm(folders[2]!, { recursive: true });
    await createKnownBackups(dataDir).forget('customer_ada');
    for (const made of folders.slice(0, 2)) {
      expect(await read(join(made, KEYS_FILE))).to.deep.equal(new Map([['customer_ada', { forgotten: true }]]));
    }
    expect(await backups.expire(Date.parse(HEAD.expiresAt) - 1)).to.deep.equal([]);
    expect(await backups.expire(Date.parse(HEAD.expiresAt))).to.have.length(2);
    expect(await readdir(folders[0]!)).to.deep.equal([]);
  });
});
