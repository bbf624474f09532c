// Shops of both profiles and several namespaces on one data folder, keys that do not match, and what `reset` deletes.
import { randomBytes } from 'node:crypto';
import { readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { describeWith, freshName, type TestEngines } from './engines.js';
import { everyOr } from './every-case.js';
import { commerce, type Environment, endPrograms, freshFolder, startShop } from './running-shop.js';
import { refused, sellTwoMugs, sellTwoMugsIn } from './two-mugs.js';

const TEST_TIMEOUT_MS = 300_000;

const newNamespace = () => freshName('one').replace('_', '-');

function awsOf(engines: TestEngines) {
  return {
    COMMERCE_NAMESPACE: newNamespace(),
    AWS_ENDPOINT_URL: engines.aws(),
    MONGODB_URL: engines.mongodb(),
    OPENSEARCH_URL: engines.opensearch(),
    REDIS_URL: engines.redis(),
  };
}

/** A folder without its key, or with another key. */
async function expectFittingKeys(data: string, environment: Environment, profile: string): Promise<void> {
  const key = join(data, 'master.key');
  await rename(key, `${key}.aside`);
  await refused(
    ['start', '--port', '0'],
    environment,
    /master key is missing: .*master\.key does not exist.*commerce reset/,
  );
  await refused(['status'], environment, /master key is missing/);
  expect(await readdir(data)).not.to.include('master.key');
  await writeFile(key, randomBytes(32).toString('base64'));
  await refused(
    ['start', '--port', '0'],
    environment,
    /master key in .*master\.key is not the key of .*commerce reset/,
  );
  const { stdout } = await commerce(['doctor', '--json', '--profile', profile], environment);
  const findings = JSON.parse(stdout).findings as { check: string; ok: boolean }[];
  expect(findings.find(({ check }) => check === 'data')).to.include({ ok: false });
  await rename(`${key}.aside`, key);
}

describeWith('postgres', 'The data of the embedded profile', function (engines) {
  this.timeout(TEST_TIMEOUT_MS);
  afterEach(endPrograms);

  it('can be opened only with the master key that it was made with', async () => {
    const data = await freshFolder();
    const environment = { COMMERCE_DATA: data };
    await sellTwoMugs(environment, { orders: 1, onHand: 38 });
    await expectFittingKeys(data, environment, 'embedded');
    await sellTwoMugs(environment, { orders: 2, onHand: 36 });
  });

  it('is not available to a second data folder with the same database', async () => {
    const DATABASE_URL = await engines.freshDatabase();
    const [first, second] = [await freshFolder(), await freshFolder()];
    await sellTwoMugs({ DATABASE_URL, COMMERCE_DATA: first }, { orders: 1, onHand: 38 });
    const other = { DATABASE_URL, COMMERCE_DATA: second };
    await refused(
      ['start', '--port', '0'],
      other,
      /master key is missing: .* and Postgres at .*another --data or DATABASE_URL/,
    );
    expect(await readdir(second)).to.deep.equal([]);
    const reset = await commerce(['reset', '--yes', '--json'], { DATABASE_URL, COMMERCE_DATA: first });
    expect(JSON.parse(reset.stdout).deleted).to.include.members(['master.key', 'token-key.json']);
    await sellTwoMugs(other, { orders: 1, onHand: 38 });
  });

  it('is one log for two namespaces, each with its own read models', async () => {
    const environment = { COMMERCE_DATA: await freshFolder(), DATABASE_URL: await engines.freshDatabase() };
    await sellTwoMugs(environment, { orders: 1, onHand: 38 });
    await sellTwoMugs({ ...environment, COMMERCE_NAMESPACE: newNamespace() }, { orders: 2, onHand: 36 });
    await sellTwoMugs(environment, { orders: 3, onHand: 34 });
  });

  it('is rejected in one line if a build of another generation has written it', async () => {
    const DATABASE_URL = await engines.freshDatabase();
    const environment = { COMMERCE_DATA: await freshFolder(), DATABASE_URL };
    await (await startShop(environment, ['--empty'])).stop();
    const client = new pg.Client(DATABASE_URL);
    await client.connect();
    const schema = 'commerce_embedded';
    const changes: [string, RegExp][] = [
      [
        `update ${schema}.store_mark set mark = mark || '{"generation": 1}'`,
        /holds data of an older build .*commerce reset/,
      ],
      [
        `update public.store_mark set mark = mark || '{"generation": 9999}'`,
        /holds data of a newer build .*commerce reset/,
      ],
      ['drop table public.store_mark', /holds data of an older build .*commerce reset/],
    ];
    try {
      for (const [change, why] of changes) {
        await client.query(change);
        await refused(['start', '--port', '0'], environment, why);
      }
    } finally {
      await client.end();
    }
    expect((await commerce(['reset', '--yes'], environment)).code).to.equal(0);
    await sellTwoMugs(environment, { orders: 1, onHand: 38 });
  });
});

describeWith(
  ['postgres', 'dynamodb', 'kinesis', 'mongodb', 'opensearch', 'redis'],
  'Both profiles on one data folder',
  function (engines) {
    this.timeout(TEST_TIMEOUT_MS);
    afterEach(endPrograms);

    // A normal run covers this in the test of `reset` below, where two namespaces share engines and database, too.
    for (const order of everyOr(
      [
        ['aws', 'embedded'],
        ['embedded', 'aws'],
      ],
      [],
    )) {
      it(`keep their sales separate: ${order.join(', then ')}`, async () => {
        const environment = { ...awsOf(engines), COMMERCE_DATA: await freshFolder() };
        for (const [times, onHand] of [
          [1, 38],
          [2, 36],
        ] as const) {
          for (const COMMERCE_PROFILE of order) {
            await sellTwoMugs({ ...environment, COMMERCE_PROFILE: COMMERCE_PROFILE }, { orders: times, onHand });
          }
        }
      });
    }

    it('open only with their master key and matching engines, and are not reset in AWS itself', async () => {
      const data = await freshFolder();
      const environment = { ...awsOf(engines), COMMERCE_DATA: data, COMMERCE_PROFILE: 'aws' };
      await sellTwoMugs(environment, { orders: 1, onHand: 38 });
      await expectFittingKeys(data, environment, 'aws');
      const elsewhere = { ...environment, DATABASE_URL: await engines.freshDatabase() };
      const other = { ...elsewhere, COMMERCE_NAMESPACE: newNamespace() };
      await (await startShop(other, ['--empty'])).stop();
      const client = new pg.Client(elsewhere.DATABASE_URL);
      await client.connect();
      await client.query(`alter schema ${other.COMMERCE_NAMESPACE.replaceAll('-', '_')}_aws
        rename to ${environment.COMMERCE_NAMESPACE.replaceAll('-', '_')}_aws`);
      await client.end();
      await refused(['start', '--port', '0'], elsewhere, /schema \S+ has data of a different log/);
      const { AWS_ENDPOINT_URL: _, ...inAws } = environment;
      const real = {
        ...inAws,
        COMMERCE_ENGINES_DIR: await freshFolder(),
        AWS_ACCESS_KEY_ID: 'x',
        AWS_SECRET_ACCESS_KEY: 'x',
      };
      await refused(['reset', '--yes'], real, /To delete data in AWS itself, use its stack/);
    });

    it('keep the sales of profiles and namespaces separate, and are reset one by one', async () => {
      const data = await freshFolder();
      const environment = { ...awsOf(engines), COMMERCE_DATA: data };
      const aws = { ...environment, COMMERCE_PROFILE: 'aws' };
      const other = { ...aws, COMMERCE_NAMESPACE: `${aws.COMMERCE_NAMESPACE}-b` };
      const first = await startShop(aws);
      await sellTwoMugsIn(first, { orders: 1, onHand: 38 });
      const embedded = await startShop(environment);
      await sellTwoMugsIn(embedded, { orders: 1, onHand: 38 });
      await sellTwoMugs(other, { orders: 1, onHand: 38 });
      await sellTwoMugsIn(first, { orders: 2, onHand: 36 });
      await refused(['reset', '--yes'], aws, /is in use by a running commerce; stop it first/);
      await first.stop();
      const reset = await commerce(['reset', '--yes', '--json'], aws);
      expect(reset.code, reset.stderr).to.equal(0);
      expect(JSON.parse(reset.stdout).deleted.join()).to.match(/DynamoDB.*Postgres.*MongoDB.*OpenSearch.*Redis/);
      expect(JSON.parse(reset.stdout).kept).to.include('master.key');
      await sellTwoMugsIn(embedded, { orders: 2, onHand: 36 });
      await embedded.stop();
      await sellTwoMugs(other, { orders: 2, onHand: 36 });
      await sellTwoMugs(aws, { orders: 1, onHand: 38 });
      for (const one of [aws, environment, other]) expect((await commerce(['reset', '--yes'], one)).code).to.equal(0);
      expect(await readdir(data).catch(() => [])).to.deep.equal([]);
    });
  },
);
