// A backup of a running shop is restored elsewhere: same hashes, same read models, and nobody who was forgotten comes back.
import { copyFile, cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
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
    expect((await readdir(folder)).sort()).to.deep.equal(['archive', 'backup.json', 'keys.jsonl', 'log.jsonl.gz']);
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
    const copy = await embedded.freshEnvironment(engines);
    const other = join(await freshFolder(), 'other');
    const elsewhere = await embedded.freshEnvironment(engines);
    await (await startShop(elsewhere, ['--empty'])).stop();
    expect((await commerce(['backup', other], elsewhere)).code).to.equal(0);

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
    const bad: [Promise<string>, RegExp][] = [
      [withText('log.jsonl.gz', flipped), /log\.jsonl\.gz is damaged/],
      [withText('log.jsonl.gz', (text) => text.slice(0, -100)), /log\.jsonl\.gz is damaged/],
      [withText('keys.jsonl', flipped), /keys\.jsonl is damaged/],
      [withText('backup.json', (text) => text.slice(0, 50)), /backup\.json is damaged/],
      [changed((copied) => copyFile(join(other, 'keys.jsonl'), join(copied, 'keys.jsonl'))), /keys of another shop/],
      [changed((copied) => copyFile(join(other, 'log.jsonl.gz'), join(copied, 'log.jsonl.gz'))), /is damaged/],
      [freshFolder(), /is no backup: it has no backup\.json/],
    ];
    for (const [damaged, why] of bad) await refused(restore(await damaged, copy), 3, why);
    await refused(
      restore(folder, { ...elsewhere, DATABASE_URL: the(copy.DATABASE_URL) }),
      3,
      /master key of another shop/,
    );
    const short = join(await freshFolder(), 'short');
    expect((await commerce(['backup', short, '--keys-expire-after', '1'], original)).code).to.equal(0);
    expect(await rows(copy, `select to_regclass('public.events') as events`)).to.deep.equal([{ events: null }]);
    expect(await readdir(the(copy.COMMERCE_DATA))).to.deep.equal([]);
    expect((await restore(folder, copy)).code).to.equal(0);
  });
});
