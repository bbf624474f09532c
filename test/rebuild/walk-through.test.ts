// The walk-through of docs/rebuild.md on the built program: its commands print what the page says, and a projection whose version was
// raised is rebuilt while the old build answers.
import { cp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { describeWith } from '../engines.js';
import {
  type Caller,
  commerce,
  type Environment,
  endPrograms,
  eventually,
  expectProblem,
  freshFolder,
  PROFILES,
  type RunningShop,
  startProgram,
  startShop,
  whenReady,
} from '../running-shop.js';
import { the } from '../the.js';

const TIMEOUT_MS = 240_000;
const ROOT = join(import.meta.dirname, '../..');
const STOCK = '/v1/stock/MUG-BLUE';

describeWith('postgres', 'The walk-through of rebuilds', function (engines) {
  this.timeout(TIMEOUT_MS);
  let environment: Environment;
  let shop: RunningShop;
  before(async () => {
    environment = await the(PROFILES[0]).freshEnvironment(engines);
    shop = await startShop(environment);
  });
  after(endPrograms);

  it('prints what the page says', async () => {
    const page = await readFile(join(ROOT, 'docs/rebuild.md'), 'utf8');
    const steps = [...page.matchAll(/```sh\nnpm run -s commerce -- (.+)\n```\n\n```text\n([^`]+)```/g)];
    expect(steps.map(([, command]) => command)).to.deep.equal(['rebuild stock', 'rollback stock']);
    const reads = readUntil(await shop.staff('support'));
    for (const [, command, printed] of steps) {
      expect(await commerce(the(command).split(' '), environment)).to.deep.equal({
        code: 0,
        stdout: printed,
        stderr: '',
      });
    }
    await reads.end();
  });

  it('refuses an unknown projection in one line that says which there are', async () => {
    const { code, stderr } = await commerce(['rebuild', 'stocks'], environment);
    expect(code).to.equal(1);
    expect(stderr).to.match(/^commerce: There is no projection stocks; there are orders, stock, .+\.\n$/);
    expect((await commerce(['rebuild'], environment)).code).to.equal(2);
  });

  it('begins, shows and refuses over HTTP', async () => {
    const ops = await shop.staff('ops');
    const begun = await ops.post('/v1/ops/projections/catalogue/rebuilds');
    expect(begun.status).to.equal(202);
    const place = the(begun.headers.get('location'));
    expect((await ops.get(place)).body.build).to.equal(begun.body.build);
    expectProblem(await ops.post('/v1/ops/projections/catalogue/rebuilds', { segments: 4 }), 409, 'conflict');
    expectProblem(await ops.post('/v1/ops/projections/nothing/rebuilds'), 404, 'not_found');
    expectProblem(await ops.get('/v1/ops/projections/catalogue/rebuilds/99'), 404, 'not_found');
    expectProblem(await ops.post('/v1/ops/projections/agenda/rollback'), 409, 'conflict');
    expectProblem(await (await shop.staff('support')).get('/v1/ops/projections'), 403, 'forbidden');
    await eventually('it serves', async () => expect((await ops.get(place)).body.phase).to.equal('serving'));
    const back = await ops.post('/v1/ops/projections/catalogue/rollback');
    expect([back.status, back.body]).to.deep.equal([200, { name: 'catalogue', version: '3.1' }]);
  });

  it('rebuilds a projection whose version was raised, while the old build answers', async () => {
    await shop.stop();
    const forgetful = { shell: ['sh', '-c'], before: `cd ${await programWith('stock', 'version: 2')}` } as const;
    const refused = await commerce(['start', '--port', '0'], environment, forgetful);
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.match(
      /^commerce: The read model stock is served from version 1, .+ \(commerce rebuild stock\).+\n$/,
    );
    const within = {
      shell: ['sh', '-c'],
      before: `cd ${await programWith('stock', 'version: 2, continues: { 2: 1 }')}`,
    } as const;
    const raised = await whenReady(await startProgram(['start', '--port', '0'], environment, within), environment);
    const ops = await raised.staff('ops');
    const versionOf = async () => {
      const { body } = await ops.get('/v1/ops/projections');
      return body.data.find(({ name }: { name: string }) => name === 'stock').version;
    };
    const reads = readUntil(await raised.staff('support'));
    const keeper = await raised.staff('catalogue');
    for (let version = await versionOf(); version === '1.1'; version = await versionOf()) {
      const received = await keeper.post(
        '/v1/stock/MUG-BLUE/receipts',
        { quantity: 1 },
        { 'Idempotency-Key': `${performance.now()}` },
      );
      expect(received.status).to.equal(201);
      const { body } = await keeper.get(STOCK);
      expect(body.locations[0].onHand).to.equal(received.body.onHand ?? body.locations[0].onHand);
    }
    expect(await versionOf()).to.equal('2.3');
    await reads.end();
    await raised.stop();
  });
});

/** Reads the stock until it is ended. Every answer has it, and it never falls. */
function readUntil(support: Caller) {
  let ended = false;
  let last = 0;
  const reading = (async () => {
    while (!ended) {
      const { status, body } = await support.get(STOCK);
      expect(status).to.equal(200);
      expect(body.locations[0].onHand).to.be.at.least(last);
      last = body.locations[0].onHand;
    }
  })();
  reading.catch(() => {});
  return {
    end() {
      ended = true;
      return reading;
    },
  };
}

/** A copy of the built program in which the projection has this version instead of 1. Returns its folder. */
async function programWith(projection: string, version: string): Promise<string> {
  const folder = await freshFolder();
  await cp(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  // The console is served as it is.
  await cp(join(ROOT, 'read-api/console'), join(folder, 'read-api/console'), { recursive: true });
  await cp(join(ROOT, 'package.json'), join(folder, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  let changed = 0;
  for (const name of await readdir(join(folder, 'dist'))) {
    if (!name.endsWith('.js')) continue;
    const file = join(folder, 'dist', name);
    const code = await readFile(file, 'utf8');
    const next = code.replace(new RegExp(`(name: "${projection}",\\s+)version: 1`), `$1${version}`);
    if (next === code) continue;
    await writeFile(file, next);
    changed++;
  }
  expect(changed).to.be.at.least(1);
  return folder;
}
