// The shop with an event store that is not the default of its profile, and the refusal of another event store on its data.
import { expect } from 'chai';
import pg from 'pg';
import { describeWith, type EngineName, freshName, type TestEngines } from './engines.js';
import { everyOr } from './every-case.js';
import { commerce, type Environment, endPrograms, PROFILES } from './running-shop.js';
import { refused, sellTwoMugs } from './two-mugs.js';

const TEST_TIMEOUT_MS = 300_000;

const embedded = PROFILES.find(({ name }) => name === 'embedded')!;
const aws = PROFILES.find(({ name }) => name === 'aws')!;

interface OtherStore {
  title: string;
  name: string;
  engines: readonly EngineName[];
  addresses(engines: TestEngines): Environment;
}

const OTHERS: readonly OtherStore[] = [
  {
    title: 'DynamoDB',
    name: 'dynamodb',
    engines: ['postgres', 'dynamodb', 'kinesis'],
    addresses: (engines) => ({ AWS_ENDPOINT_URL: engines.aws() }),
  },
  {
    title: 'EventStoreDB',
    name: 'eventstoredb',
    engines: ['postgres', 'eventstoredb'],
    addresses: (engines) => ({ EVENTSTORE_URL: engines.eventstoredb() }),
  },
];

for (const { title, name, engines: needed, addresses } of OTHERS) {
  describeWith(needed, `The profile embedded with its log in ${title}`, function (engines) {
    this.timeout(TEST_TIMEOUT_MS);
    afterEach(endPrograms);

    it('sells, keeps its sales, and is not opened with another event store', async () => {
      const byDefault = {
        ...(await embedded.freshEnvironment(engines)),
        COMMERCE_NAMESPACE: freshName('shop').replace('_', '-'),
        ...addresses(engines),
      };
      const environment = { ...byDefault, COMMERCE_EVENT_STORE: name };
      await sellTwoMugs(environment, { orders: 1, onHand: 38 });
      expect(await schemasWith('events', environment)).to.deep.equal([]);

      const why = new RegExp(
        String.raw`Postgres at \S+, schema \S+ has data of a shop whose event store is ${name}, .*reset --event-store ${name}`,
      );
      await refused(['start', '--port', '0'], byDefault, why);
      await refused(['reset', '--yes'], byDefault, why);
      expect(await schemasWith('store_mark', environment)).to.deep.equal([`${schemaPrefix(environment)}_embedded`]);
      await sellTwoMugs(environment, { orders: 2, onHand: 36 });

      const reset = await commerce(['reset', '--yes', '--json', '--event-store', name], byDefault);
      expect(JSON.parse(reset.stdout).deleted.join()).to.match(new RegExp(`${title}.*Postgres.*master\\.key`));
      // A normal run goes on with the default event store, which the same reset has made room for.
      for (const again of everyOr([environment], [])) {
        await sellTwoMugs(again, { orders: 1, onHand: 38 });
        expect((await commerce(['reset', '--yes'], again)).code).to.equal(0);
      }
      await sellTwoMugs(byDefault, { orders: 1, onHand: 38 });
      await refused(['status', '--event-store', name], byDefault, /has data of a shop whose event store is postgres/);
      expect((await commerce(['reset', '--yes'], byDefault)).code).to.equal(0);
    });
  });
}

describeWith(aws.engines, 'The profile aws with its log in Postgres', function (engines) {
  this.timeout(TEST_TIMEOUT_MS);
  afterEach(endPrograms);

  it('sells apart from the shop of the profile embedded, and is not opened with another event store', async () => {
    const byDefault = await aws.freshEnvironment(engines);
    const environment = { ...byDefault, COMMERCE_EVENT_STORE: 'postgres' };
    const neighbour = { ...byDefault, COMMERCE_PROFILE: 'embedded' };
    await sellTwoMugs(neighbour, { orders: 1, onHand: 38 });
    await sellTwoMugs(environment, { orders: 1, onHand: 38 });
    expect(await schemasWith('events', environment)).to.have.members(['public', `${schemaPrefix(environment)}_aws`]);

    const why = /has data of a shop whose event store is postgres, .*reset --profile aws --event-store postgres/;
    await refused(['start', '--port', '0'], byDefault, why);
    await sellTwoMugs(environment, { orders: 2, onHand: 36 });

    expect((await commerce(['reset', '--yes'], environment)).code).to.equal(0);
    await sellTwoMugs(neighbour, { orders: 2, onHand: 36 });
    await sellTwoMugs(environment, { orders: 1, onHand: 38 });
    for (const one of [environment, neighbour]) expect((await commerce(['reset', '--yes'], one)).code).to.equal(0);
  });
});

/** The schemas in Postgres that have a table with this name. */
async function schemasWith(table: string, { DATABASE_URL }: Environment): Promise<string[]> {
  const client = new pg.Client(DATABASE_URL);
  await client.connect();
  try {
    const { rows } = await client.query('select table_schema from information_schema.tables where table_name = $1', [
      table,
    ]);
    return rows.map(({ table_schema }) => table_schema);
  } finally {
    await client.end();
  }
}

function schemaPrefix({ COMMERCE_NAMESPACE = '' }: Environment): string {
  return COMMERCE_NAMESPACE.replaceAll('-', '_');
}
