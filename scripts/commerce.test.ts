// The built program as people and scripts use it: the files it creates and deletes, its output, and its exit codes.
import { once } from 'node:events';
import { access, mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { describeWith } from '../test/engines.js';
import { everyOr } from '../test/every-case.js';
import {
  callerAt,
  commerce,
  endPrograms,
  eventually,
  freshFolder,
  once as keyed,
  type RunningShop,
  startProgram,
  startShop,
} from '../test/running-shop.js';
import { the } from '../test/the.js';

const TEST_TIMEOUT_MS = 120_000;

/** The members of every object. */
const NO_COMMANDS = everyOr(['constructor', 'toString', '__proto__'], ['constructor']);
const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** A new folder with these files and their parent folders. */
async function folderWith(...files: string[]): Promise<string> {
  const folder = await freshFolder();
  for (const file of files) {
    await mkdir(join(folder, file, '..'), { recursive: true });
    await writeFile(join(folder, file), 'x');
  }
  return folder;
}

async function refused(args: readonly string[], code: number, why: RegExp, environment = {}): Promise<void> {
  const result = await commerce(args, environment);
  expect(result, args.join(' ')).to.include({ code, stdout: '' });
  expect(result.stderr, args.join(' ')).to.match(why).and.not.include('please report it');
}

const cellsOf = (line: string) =>
  line
    .split('│')
    .slice(1, -1)
    .map((cell) => cell.trim());

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

describeWith([], 'The program beside a running shop', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let data: string;
  let shop: RunningShop;
  before(async () => {
    data = await freshFolder();
    shop = await startShop({}, ['--data', data]);
  });
  after(endPrograms);

  it('stops in order when nobody reads its output any more', async () => {
    const watch = await startProgram(['status', '--watch', '--data', data], {});
    await eventually('a table is shown', () => expect(watch.stdout()).to.include('orders'));
    watch.hangUp();
    expect(await watch.exited).to.deep.equal({ code: 0, signal: null });
    expect(watch.stderr()).to.equal('');
  });

  it('shows in the columns of `status` the waiting commits and the meaning of each time', async () => {
    await eventually('all is applied', async () => {
      const { stdout } = await commerce(['status', '--data', data]);
      const lines = stdout.split('\n');
      const heads = lines
        .slice(
          1,
          lines.findIndex((line) => line.startsWith('├')),
        )
        .map(cellsOf);
      expect(
        the(heads[0]).map((_, at) =>
          heads
            .map((line) => line[at])
            .join(' ')
            .trim(),
        ),
      ).to.deep.equal(['projection', 'version', 'commits to apply', 'oldest (s)', 'last sweep', 'in quarantine']);
      const [, , waiting, oldest, sweep, quarantined] = cellsOf(the(lines.find((line) => line.includes(' orders '))));
      expect({ waiting, oldest, quarantined }).to.deep.equal({ waiting: '0', oldest: '', quarantined: '0' });
      expect(sweep).to.match(/^\d+ s ago$/);
      expect(stdout).to.match(/The projectors run in the process \S+:\d+\n\(term \d+, last heartbeat \d+ s ago\)\./);
      expect(stdout).to.include('0 commits to apply means up to date').and.include('is not a lag');
      for (const line of lines) expect([...line].length).to.be.at.most(80);
    });
  });

  it('checks the given port', async () => {
    const portOf = async (args: readonly string[]) => {
      const { code, stdout } = await commerce(['doctor', '--json', ...args]);
      const findings = JSON.parse(stdout).findings as { check: string; ok: boolean; detail: string }[];
      const { ok, detail } = the(findings.find(({ check }) => check === 'port'));
      return { code, ok, detail };
    };
    const port = new URL(shop.url).port;
    const detail = `${port} is used by the running start of this data folder`;
    expect(await portOf(['--data', data, '--port', port])).to.deep.equal({ code: 0, ok: true, detail });

    const ofAnother = await portOf(['--data', await freshFolder(), '--port', port]);
    expect(ofAnother).to.include({ code: 1, ok: false });
    expect(ofAnother.detail).to.match(
      /^Port \d+ on 127\.0\.0\.1 is in use; stop the program that listens there, or .* --port/,
    );
    await shop.stop();
    expect(await portOf(['--data', data, '--port', port])).to.include({ code: 0, detail: `${port} is free` });
    expect(await portOf(['--data', data, '--port', '0'])).to.include({ code: 0, detail: 'any free one' });
    await refused(['doctor', '--port', '65536'], 2, /A port is a whole number from 0 to 65535/);
  });
});

describeWith([], 'The program', function () {
  this.timeout(TEST_TIMEOUT_MS);
  afterEach(endPrograms);

  it('keeps its data until it is reset, but not while it runs', async () => {
    const data = await folderWith('notes.txt');
    const shop = await startShop({}, ['--data', data]);
    await eventually('each read model is compared with the log, at a time that is told', async () => {
      const { stdout } = await commerce(['status', '--data', data, '--json']);
      const { projections } = JSON.parse(stdout);
      expect(projections).not.to.deep.equal([]);
      for (const { sweptTo } of projections) expect(sweptTo).to.match(RFC_3339);
    });

    await refused(['reset', '--yes', '--data', data], 1, /is in use by a running commerce; stop it first/);
    await shop.stop();
    await refused(['reset', '--data', data], 2, /Nothing was deleted: .* use --yes/);
    // A shop that has run for half a minute also has objects: its archive.
    const keys = ['audit.key', 'master.key', 'token-key.json'];
    expect(await readdir(data)).to.include.members([...keys, 'notes.txt', 'postgres']);
    const reset = await commerce(['reset', '--yes', '--json', '--data', data]);
    const { deleted, ...rest } = JSON.parse(reset.stdout);
    expect(deleted)
      .to.include.members([...keys, 'postgres/cluster', 'postgres/postgres.log'])
      .and.not.include('notes.txt');
    expect(rest).to.deep.equal({ dataDir: data, kept: ['notes.txt'] });
    expect(await readdir(data)).to.deep.equal(['notes.txt']);
  });

  it('deletes no folder of others', async () => {
    for (const file of ['notes.txt', 'postgres/cluster/PG_VERSION', '.git/HEAD']) {
      const folder = await folderWith(file);
      await refused(['reset', '--yes', '--data', folder], 2, /is not a data folder of commerce.*Nothing was deleted/);
      expect(await isThere(join(folder, file)), file).to.equal(true);
    }
    const mixed = await folderWith('token-key.json', 'postgres/postgres.log', 'postgres/dump.sql');
    expect((await commerce(['reset', '--yes', '--data', mixed])).code).to.equal(0);
    expect(await readdir(mixed)).to.deep.equal(['postgres']);
    expect(await readdir(join(mixed, 'postgres'))).to.deep.equal(['dump.sql']);
  });

  it('deletes its own folder completely, with the drafts of a killed program', async () => {
    const files = ['token-key.json', 'master.key.12-0a1b2c3d', 'postgres/postgres.log', 'postgres/cluster.new-12-ab/x'];
    const data = await folderWith(...files);
    expect((await commerce(['reset', '--yes', '--data', data])).code).to.equal(0);
    expect(await isThere(data)).to.equal(false);
    const again = await commerce(['reset', '--yes', '--data', data]);
    expect(again).to.include({ code: 0, stdout: `There is no data in ${data}.\n` });
  });

  it('creates no missing folder in commands that only read, and names the folder', async () => {
    const parent = await freshFolder();
    const typo = join(parent, 'typo');
    await Promise.all([
      refused(['status', '--data', typo], 2, /--data: there is no folder .*typo; name the folder/),
      refused(['reconcile', '--data', typo], 2, /--data: there is no folder .*typo/),
      refused(['token', '--role', 'ops', '--data', typo], 2, /--data: there is no folder .*typo/),
      refused(['status'], 1, /COMMERCE_DATA: there is no folder/, { COMMERCE_DATA: typo }),
    ]);
    const { stdout } = await commerce(['doctor', '--json', '--data', typo]);
    const findings = JSON.parse(stdout).findings as { check: string; detail: string; ok: boolean }[];
    expect(findings.find(({ check }) => check === 'data folder')?.detail).to.match(/does not exist yet/);
    expect(await readdir(parent)).to.deep.equal([]);
  });

  it('distinguishes wrong usage from failure', async () => {
    const file = join(await folderWith('file'), 'file');
    await Promise.all([
      refused(['status', '--profile', 'xx'], 2, /--profile: /),
      refused(['doctor', '--profile', 'xx'], 2, /--profile: /),
      refused(['status', '--event-store', 'xx'], 2, /--event-store: must be postgres or dynamodb/),
      ...NO_COMMANDS.map((name) => refused([name], 2, /unknown command/)),
      refused(['status'], 1, /COMMERCE_PROFILE: /, { COMMERCE_PROFILE: 'xx' }),
      refused(['start'], 1, /COMMERCE_RATE_LIMIT_LOGINS: must be a whole number/, { COMMERCE_RATE_LIMIT_LOGINS: '0' }),
      refused(['status', '--data', ''], 2, /--data: must name a folder/),
    ]);
    const below = join(file, 'below');
    const all = ['start', 'status', 'doctor', 'reset'].flatMap((name) => [
      [name, file] as const,
      [name, below] as const,
    ]);
    for (const [name, path] of everyOr(all, [
      ['start', file],
      ['reset', below],
    ])) {
      await refused([name, '--data', path], 2, /--data: .*file is not a folder/);
    }
  });

  it('opens nothing if its port is in use', async () => {
    const parent = await freshFolder();
    const taken = createServer().listen(0, '127.0.0.1');
    try {
      await once(taken, 'listening');
      const { port } = taken.address() as AddressInfo;
      const args = ['start', '--port', `${port}`, '--data', join(parent, 'data')];
      await refused(args, 1, /^commerce: Port \d+ on 127\.0\.0\.1 is in use/);
      expect(await readdir(parent)).to.deep.equal([]);
    } finally {
      taken.close();
    }
  });

  it('does not mistake another program on the port for its own, whatever that answers', async () => {
    const data = await freshFolder();
    expect((await commerce(['token', '--role', 'customer', '--data', data])).code).to.equal(0); // the folder has a key
    for (const status of everyOr([200, 401, 404], [200])) {
      const other = createHttpServer((_, answer) => answer.writeHead(status).end('{"data":[]}')).listen(0, '127.0.0.1');
      try {
        await once(other, 'listening');
        const { port } = other.address() as AddressInfo;
        const { code, stdout } = await commerce(['doctor', '--data', data, '--port', `${port}`]);
        expect(code, stdout).to.equal(1);
        expect(stdout).to.match(/BAD │ port/);
        for (const line of stdout.split('\n')) expect([...line].length).to.be.at.most(80);
      } finally {
        other.close();
      }
    }
  });

  it('makes tokens for named or new customers, and rejects invalid ids', async () => {
    const data = await freshFolder();
    const token = async (...args: string[]) => {
      const result = await commerce(['token', '--role', 'customer', '--data', data, '--json', ...args]);
      expect(result).to.include({ code: 0, stderr: '' });
      return JSON.parse(result.stdout);
    };
    const longest = `customer_${'a'.repeat(50)}`;
    expect(await token('--customer', longest)).to.include({ role: 'customer', customerId: longest });
    const [ada, bob] = [await token(), await token()];
    expect(ada.customerId)
      .to.match(/^customer_\w{26}$/)
      .and.not.equal(bob.customerId);
    expect(ada.token).to.match(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    const ids = everyOr(['zz', '', 'customer_', 'customer_ü', 'customer_a b', `${longest}a`], ['', `${longest}a`]);
    const asked = (id: string) => ['token', '--role', 'customer', '--customer', id, '--data', data];
    await Promise.all(ids.map((id) => refused(asked(id), 2, /An id looks like customer_17850/)));
    await refused(['token', '--role', 'ops', '--customer', 'customer_1'], 2, /can only be used with --role customer/);
  });

  it('keeps staff as people, who are recorded as actors until they are removed', async () => {
    const data = await freshFolder();
    const shop = await startShop({}, ['--data', data]);
    const said = async (...args: string[]) => {
      const result = await commerce([...args, '--data', data]);
      expect(result, args.join(' ')).to.include({ code: 0, stderr: '' });
      return result.stdout;
    };
    expect(await said('staff', 'list')).to.match(/no members of staff yet; `commerce staff add NAME --role ROLE`/);
    const added = await said('staff', 'add', ' Jo Smith', '--role', 'support');
    const [, id = ''] = /^Added Jo Smith \((staff_\w{26})\) with the role support\. .*--staff \1\n$/.exec(added) ?? [];
    expect(await said('staff', 'change', id, '--role', 'catalogue')).to.include('now has the role catalogue');
    const jo = callerAt(shop.url, (await said('token', '--staff', id, '--role', 'catalogue')).trim());

    const received = await jo.post('/v1/stock/MUG-BLUE/receipts', { quantity: 1 }, keyed());
    expect(received.status, JSON.stringify(received.body)).to.equal(201);
    const { body } = await jo.get('/v1/stock/MUG-BLUE/movements');
    expect(body.data.at(-1).actor).to.deep.equal({ type: 'staff', id, role: 'catalogue' });

    const anybody = JSON.parse(await said('token', '--role', 'catalogue', '--json'));
    expect(anybody).to.include({ role: 'catalogue', staffId: 'staff_catalogue' });
    expect((await callerAt(shop.url, anybody.token).get('/v1/stock/MUG-BLUE')).status).to.equal(200);

    expect(await said('staff', 'remove', id)).to.equal(`Removed Jo Smith (${id}).\n`);
    await eventually('the token of the removed member is rejected', async () => {
      expect((await jo.get('/v1/stock/MUG-BLUE')).status).to.equal(401);
    });
    const list = JSON.parse(await said('staff', 'list', '--json')).data;
    expect(list.map(({ name, role, status }: Record<string, string>) => [name, role, status])).to.deep.equal([
      ['Jo Smith', 'catalogue', 'removed'],
      ['Anybody (catalogue)', 'catalogue', 'active'],
    ]);

    const inData = ['--data', data];
    await refused(['token', '--staff', id, ...inData], 1, /was removed .*`commerce staff list` shows the members/);
    await refused(
      ['staff', 'remove', 'staff_nobody', ...inData],
      1,
      /no member of staff staff_nobody.*`commerce staff list`/,
    );
    await refused(
      ['token', '--staff', 'staff_catalogue', '--role', 'ops', ...inData],
      1,
      /--role: .* leave --role out/,
    );
    await shop.stop();
  });

  it('reports what is wrong in a command about staff', async () => {
    await refused(['staff', 'add', 'Jo', '--role', 'king'], 2, /Allowed choices are support, catalogue, ops, auditor/);
    await refused(
      ['staff', 'add', 'Jo', '--role', 'customer'],
      2,
      /Allowed choices are support, catalogue, ops, auditor/,
    );
    await refused(['staff', 'add', 'Jo'], 2, /required option '--role/);
    await refused(['staff', 'add', '  ', '--role', 'ops'], 2, /argument 'name'\. The name must /);
    await refused(['staff', 'remove', 'Jo'], 2, /argument 'id'\. An id looks like staff_/);
    await refused(['token'], 2, /use --role ROLE or --staff ID/);
    await refused(['token', '--role', 'customer', '--staff', 'staff_1'], 2, /can only be used with roles of staff/);
  });
});
