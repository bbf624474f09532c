// What the product sends to MongoDB. Amazon DocumentDB has to serve it, too: no retryable writes, a certificate of its own
// authority, and only commands and operators that it has.
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { expect } from 'chai';
import type { CommandStartedEvent, MongoClient } from 'mongodb';
import { streamId } from '../domain/kernel/stream.js';
import { catalogue } from '../projections/models/catalogue.js';
import { physicalName } from '../projections/runtime/projection.js';
import { describeWith, freshName } from '../test/engines.js';
import { createTcpProxy } from '../test/tcp-proxy.js';
import { createMongoClient, MONGODB_COMMANDS, MONGODB_OPERATORS } from './mongodb.js';
import { createMongoCatalogue } from './read-models/catalogue.mongodb.js';
import { createMongoSink } from './sinks/mongodb.js';
import { mongoProbe, mongoReadModels } from './stores/mongodb-store.js';

/** A self-signed certificate of localhost, for these tests alone. */
const TLS = join(import.meta.dirname, '../test/fixtures/tls');
const TIMEOUT_MS = 10_000;

/** Commands of the driver's connections. */
const OF_CONNECTIONS = ['hello', 'ping', 'endSessions', 'killCursors', 'getMore'];
/** Fields of a command that the driver adds. */
const OF_DRIVER = ['$db', '$clusterTime', '$readPreference'];

/** As the AWS console shows it. */
const CONSOLE_OPTIONS = 'readPreference=secondaryPreferred&retryWrites=true';

describeWith('mongodb', 'The client of MongoDB', function (engines) {
  this.timeout(60_000);
  let client: MongoClient;
  afterEach(() => client.close());

  it('sends no command and no operator that DocumentDB lacks', async () => {
    client = createMongoClient(engines.mongodb(), { monitorCommands: true });
    const commands = new Set<string>();
    const operators = new Set<string>();
    client.on('commandStarted', ({ commandName, command }: CommandStartedEvent) => {
      if (OF_CONNECTIONS.includes(commandName)) return;
      commands.add(commandName);
      for (const operator of operatorsIn(command)) if (!OF_DRIVER.includes(operator)) operators.add(operator);
    });
    await everyRequest(client, freshName('shop'));
    expect([...commands].sort()).to.deep.equal([...MONGODB_COMMANDS].sort());
    expect([...operators].sort()).to.deep.equal([...MONGODB_OPERATORS].sort());
  });

  it('makes no retryable writes and reads from the primary, whatever the URL says', async () => {
    const url = new URL(engines.mongodb());
    client = createMongoClient(`${url.href}&${CONSOLE_OPTIONS}`, { monitorCommands: true });
    const sent: CommandStartedEvent['command'][] = [];
    client.on('commandStarted', ({ command }) => sent.push(command));
    const things = client.db(freshName('shop')).collection<{ _id: string }>('things');
    await things.insertOne({ _id: 'a' });
    await things.updateOne({ _id: 'a' }, { $set: { seen: true } });
    expect(await things.findOne({ _id: 'a' })).to.deep.equal({ _id: 'a', seen: true });
    expect(client.options).to.include({ retryWrites: false });
    expect(client.options.readPreference.mode).to.equal('primary');
    for (const command of sent) {
      expect(command).not.to.have.property('txnNumber'); // of retryable writes
      expect(command.$readPreference?.mode ?? 'primary').to.be.oneOf(['primary', 'primaryPreferred']);
    }
  });

  it('connects to a server that did not answer at the start', async () => {
    const proxy = await createTcpProxy(engines.mongodb());
    proxy.freeze();
    client = createMongoClient(proxy.url);
    const probe = mongoProbe(client.db(freshName('shop')), TIMEOUT_MS);
    const refused = await probe().catch((error: unknown) => error);
    expect(refused).to.be.an('error');
    proxy.thaw();
    expect(await probe()).to.equal(null);
    await client.close();
    await proxy.cut();
  });

  it('verifies a server by the authorities in tlsCAFile', async () => {
    const { port, close } = await encrypting(engines.mongodb());
    const url = `mongodb://localhost:${port}/?directConnection=true&tls=true`;
    const find = () => client.db('shop').collection('things').findOne({});
    client = createMongoClient(url);
    const refused = await find().catch((error: Error) => error);
    expect(refused)
      .to.have.property('message')
      .that.matches(/self-signed certificate/);
    await client.close();
    client = createMongoClient(`${url}&tlsCAFile=${encodeURIComponent(join(TLS, 'cert.pem'))}`);
    expect(await find()).to.equal(null);
    await client.close();
    close();
  });
});

/** Everything that the sink, the queries and the store do with the database. */
async function everyRequest(client: MongoClient, name: string): Promise<void> {
  const db = client.db(name);
  const store = mongoReadModels(db, 'here');
  expect(await store.mark()).to.equal(undefined);
  await store.leaveMark({ generation: 2, log: 'log', key: 'key' });
  await mongoProbe(db, TIMEOUT_MS)();

  const sink = await createMongoSink(db).open([catalogue]);
  const table = physicalName(catalogue);
  const stream = streamId('product', 'product_1');
  const write = (key: string) => {
    return { table, key, document: { id: key }, positions: { [stream]: 1 }, revision: undefined };
  };
  const held = { [table]: { commitNo: 1, error: 'poison', since: new Date(0).toISOString() } };
  const positions = new Map([[stream, { of: [table], commitNo: 2, held }]]);
  const writes = [write('product_1'), write('product_2')];
  expect(await sink.save(writes, new Map())).to.deep.equal([{ saved: true }, { saved: true }]);
  expect(await sink.save([write('product_1')], positions)).to.deep.equal([{ saved: false, stale: true }]);
  const loaded = await sink.load([write('product_1')], [stream]);
  expect(loaded.documents).to.have.length(1);
  expect(await sink.save([], positions, loaded.session)).to.deep.equal([]);
  expect((await sink.held()).size).to.equal(1);
  const state = { of: [table], lineage: await sink.lineage(), sweptTo: 1, comparedTo: 0, comparedAt: 0 };
  await sink.setSweepState(state);
  expect(await sink.sweepState()).to.deep.equal(state);

  const queries = createMongoCatalogue(db);
  for (const after of [undefined, ['a'] as [string]]) {
    await queries.list({ category: 'mugs', limit: 1, ...(after && { after }) });
    await queries.categories({ limit: 1, ...(after && { after }) });
  }
  await store.erase();
}

function operatorsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(operatorsIn);
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(key.startsWith('$') ? [key] : []),
    ...operatorsIn(inner),
  ]);
}

/** A server before the engine that speaks TLS. */
async function encrypting(engineUrl: string): Promise<{ port: number; close(): void }> {
  const { hostname, port } = new URL(engineUrl);
  const [key, cert] = await Promise.all(['key.pem', 'cert.pem'].map((name) => readFile(join(TLS, name))));
  const server = createServer({ key: key!, cert: cert! }, (socket) => {
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      from.on('error', () => to.destroy()).pipe(to);
    }
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}
