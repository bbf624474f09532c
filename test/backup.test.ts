// A backup of a running shop is restored elsewhere: same hashes, same read models, and nobody who was forgotten comes back.
import { randomBytes } from 'node:crypto';
import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { OperatorError } from '../domain/kernel/errors.js';
import { type NamedKey, readKeys, writeKeys } from '../infra/backup/keys-file.js';
import { readManifest, sha256Of, writeManifest } from '../infra/backup/manifest.js';
import { checkBackup } from '../infra/backup/restore-backup.js';
import { createPool } from '../infra/postgres.js';
import { describeWith } from './engines.js';
import {
  commerce,
  type Environment,
  endPrograms,
  eventually,
  type Finished,
  freshFolder,
  type Guest,
  once,
  PROFILES,
  type RunningShop,
  startShop,
} from './running-shop.js';
import { the } from './the.js';

const ADDRESS = { line1: '1 Mill Lane', city: 'Leeds', postcode: 'LS1 4AP', country: 'GB' };

describeWith('postgres', 'A backup', function (engines) {
  this.timeout(120_000);
  const embedded = the(PROFILES[0]);
  let original: Environment;
  let shop: RunningShop;
  let zoe: Guest;
  let bob: Guest;
  let folder: string;
  let made: Finished;

  before(async () => {
    original = await embedded.freshEnvironment(engines);
    shop = await startShop(original);
    [zoe, bob] = [await shop.guest(), await shop.guest()];
    await order(zoe, 'Zoe');
    await order(bob, 'Bob');
    folder = join(await freshFolder(), 'backup');
    const during = Array.from({ length: 5 }, async (_, n) => order(await shop.guest(), `Guest ${n}`));
    made = await commerce(['backup', folder], original);
    await Promise.all(during);
  });

  after(endPrograms);

  async function order(guest: Guest, name: string): Promise<string> {
    const cart = `/v1/carts/${(await guest.post('/v1/carts', { currency: 'GBP' })).body.id}`;
    await guest.post(`${cart}/lines`, { sku: 'MUG-BLUE', quantity: 1 });
    await guest.put(`${cart}/shipping-address`, { name, ...ADDRESS });
    await guest.put(`${cart}/shipping-method`, { method: 'standard' });
    const checkout = { paymentMethod: 'pm_card_visa', email: 'someone@example.com' };
    const { status, body } = await guest.post(`${cart}/checkout`, checkout, once());
    expect(status, JSON.stringify(body)).to.equal(201);
    return body.id;
  }

  const restore = (from: string, environment: Environment) => commerce(['restore', from], environment);

  async function refused(result: Promise<Finished>, code: number, why: RegExp): Promise<void> {
    const { code: found, stdout, stderr } = await result;
    expect({ code: found, stdout }, stderr).to.deep.equal({ code, stdout: '' });
    expect(stderr)
      .to.match(why)
      .and.to.match(/^commerce: [^\n]*\n$/);
  }

  async function rows(environment: Environment, sql: string): Promise<unknown[]> {
    const pool = createPool({ url: the(environment.DATABASE_URL) });
    return pool
      .query(sql)
      .then(({ rows }) => rows)
      .finally(() => pool.end());
  }

  const commitsOf = (environment: Environment) =>
    rows(
      environment,
      'select pk, sk, at, h, md5(ev) as ev, cs, ph, lp from public.events order by at, pk collate "C", sk',
    );

  async function ordersOf(running: RunningShop, count: number) {
    const support = await running.staff('support');
    return eventually('the read models show it', async () => {
      const { status, body } = await support.get('/v1/orders?limit=100');
      expect(status).to.equal(200);
      expect(body.data.length).to.be.at.least(count);
      return body.data;
    });
  }

  it('is made while the shop goes on, with the keys in a file of their own', async () => {
    expect(made.code, made.stderr).to.equal(0);
    expect(made.stdout).to.match(/^Backed up to .*: \d+ commits of \d+ streams, and \d+ keys, as of 20.*\n/);
    expect((await readdir(folder)).sort()).to.deep.equal(['backup.json', 'keys.jsonl', 'log.jsonl.gz', 'objects']);
    const keys = await readFile(join(folder, 'keys.jsonl'), 'utf8');
    expect(keys).to.include(bob.customerId).and.to.include(zoe.customerId);
    await refused(commerce(['backup', folder], original), 1, /already has a backup; name a new folder/);
    await refused(commerce(['backup', `${folder}-2`, '--profile', 'aws'], original), 1, /for the profile embedded/);
  });

  it('loses the key of a person who is forgotten, and comes back in an empty place without them', async () => {
    expect((await zoe.delete('/v1/customers/me')).status).to.equal(204);
    expect(await readFile(join(folder, 'keys.jsonl'), 'utf8')).to.match(
      new RegExp(`"subject":"${zoe.customerId}","forgotten":true`),
    );
    const copy = await embedded.freshEnvironment(engines);
    const { code, stdout, stderr } = await restore(folder, copy);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^Restored .*: \d+ commits of \d+ streams, and \d+ keys\.\n1 people stay forgotten/);

    const [before, after] = [await commitsOf(original), await commitsOf(copy)];
    expect(after.length).to.be.above(20);
    const hashes = new Set(before.map((commit) => JSON.stringify(commit)));
    for (const commit of after) expect(hashes).to.include(JSON.stringify(commit));
    const tombstone = `select wrapped from public.subject_keys where subject = '${zoe.customerId}'`;
    expect(await rows(copy, tombstone)).to.deep.equal([{ wrapped: null }]);

    const again = await startShop(copy);
    const [restored, there] = [await ordersOf(again, 2), await ordersOf(shop, 7)];
    for (const one of restored) {
      const same = there.find(({ id }: { id: string }) => id === one.id);
      if (one.customerId === zoe.customerId) expect(one).to.not.have.any.keys('shippingAddress', 'email');
      else expect(one).to.deep.equal(same);
    }
    expect(restored.map(({ customerId }: { customerId: string }) => customerId)).to.include(bob.customerId);
    await order(await again.guest(), 'New');
    await again.stop();
    await refused(restore(folder, copy), 1, /is not empty; restore into an empty one/);
    await refused(restore(folder, original), 1, /is in use|is not empty/);
  });

  it('does not bring back who is forgotten where it is restored, or according to its log', async () => {
    const later = join(await freshFolder(), 'later');
    expect((await commerce(['backup', later], original)).code).to.equal(0);
    const copy = await embedded.freshEnvironment(engines);
    await rows(
      copy,
      'create table public.subject_keys (subject text primary key, wrapped bytea, changed_at timestamptz not null default now())',
    );
    await rows(copy, `insert into public.subject_keys (subject) values ('${bob.customerId}')`);
    const { code, stdout, stderr } = await restore(later, copy);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.include('2 people stay forgotten');
    const gone = await rows(copy, 'select subject from public.subject_keys where wrapped is null order by subject');
    expect(gone).to.have.deep.members([{ subject: zoe.customerId }, { subject: bob.customerId }]);
  });

  it('is refused with one line if it is damaged, incomplete, expired or of another shop', async () => {
    async function changed(change: (copied: string) => Promise<unknown>): Promise<string> {
      const copied = join(await freshFolder(), 'copied');
      await cp(folder, copied, { recursive: true });
      await change(copied);
      return copied;
    }
    const withText = (file: string, change: (text: string) => string) =>
      changed(async (copied) => {
        const path = join(copied, file);
        await writeFile(path, change(await readFile(path, 'latin1')), 'latin1');
      });
    const flipped = (text: string) => `${text.slice(0, 500)}${text[500] === 'x' ? 'y' : 'x'}${text.slice(501)}`;
    async function* noKeys(): AsyncIterable<NamedKey> {}
    const [{ head }, now] = [await readKeys(join(folder, 'keys.jsonl')), Date.now()];
    const withLog = (change: (text: string) => string) =>
      changed(async (copied) => {
        const path = join(copied, 'log.jsonl.gz');
        await writeFile(path, gzipSync(change(gunzipSync(await readFile(path)).toString())));
        const manifest = await readManifest(copied);
        await writeManifest(copied, { ...manifest, sha256: await sha256Of(path) });
      });
    const archive = join('objects', 'archive');
    const [segments, checkpoints] = await Promise.all(
      ['segments', 'checkpoints'].map(async (kind) => readdir(join(folder, archive, kind))),
    );
    const segment = join(archive, 'segments', the(segments?.[0]));
    const checkpoint = join(archive, 'checkpoints', the(checkpoints?.[0]));
    const without = (name: string) => changed((copied) => rm(join(copied, name), { recursive: true }));
    const withObject = (name: string, change: (text: string) => string) =>
      changed(async (copied) => {
        const path = join(copied, name);
        const text = await readFile(path, 'latin1');
        await rm(path); // It is read-only.
        await writeFile(path, change(text), 'latin1');
      });
    const bad: [Promise<string>, RegExp][] = [
      [withObject(segment, flipped), /objects is damaged/],
      [withObject(checkpoint, (text) => text.replace('commerce-core', 'commerce-c0re')), /objects is damaged/],
      [without(checkpoint), /objects has \d+ objects, but \d+ were written/],
      [without('objects'), /objects has 0 objects, but \d+ were written/],
      [
        changed((copied) => writeFile(join(copied, archive, 'segments', 'other.jsonl'), '')),
        /objects has \d+ objects, but \d+ were written/,
      ],
      [
        changed((copied) => rename(join(copied, segment), join(copied, archive, 'segments', 'other.jsonl'))),
        /objects is damaged/,
      ],
      [withText('log.jsonl.gz', flipped), /log\.jsonl\.gz is damaged/],
      [withText('log.jsonl.gz', (text) => text.slice(0, -100)), /log\.jsonl\.gz is damaged/],
      [withLog((text) => text.replace('MUG-BLUE', 'MUG-PINK')), /is not the log as it was written: commit \d+ of /],
      [withLog((text) => text.replace(/\n[^\n]+\n$/, '\n')), /is not the log as it was written: .*cut short/],
      [withText('keys.jsonl', flipped), /keys\.jsonl is damaged/],
      [withText('backup.json', (text) => text.slice(0, 50)), /backup\.json is damaged/],
      [
        changed((copied) => writeKeys(join(copied, 'keys.jsonl'), { ...head, log: 'other' }, noKeys())),
        /has the keys of another shop/,
      ],
      [
        changed((copied) =>
          writeKeys(join(copied, 'keys.jsonl'), { ...head, expiresAt: new Date(now).toISOString() }, noKeys()),
        ),
        /has expired at/,
      ],
      [freshFolder(), /is no backup: it has no backup\.json/],
    ];
    for (const [damaged, why] of bad) {
      const error = await checkBackup(await damaged, now).catch((caught: unknown) => caught);
      expect(error).to.be.instanceOf(OperatorError).with.property('message').that.matches(why);
      expect((error as Error).message).to.not.include('\n');
    }
    const copy = await embedded.freshEnvironment(engines);
    const elsewhere = { ...copy, COMMERCE_MASTER_KEY: randomBytes(32).toString('base64') };
    await refused(restore(folder, elsewhere), 3, /COMMERCE_MASTER_KEY is the master key of another shop/);
    expect(await rows(copy, `select to_regclass('public.events') as events`)).to.deep.equal([{ events: null }]);
    expect(await readdir(the(copy.COMMERCE_DATA))).to.deep.equal([]);
  });
});
