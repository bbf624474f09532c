// The lists of IAM actions against the requests that the product really makes: a proxy before the services of AWS records them
// while a story plays on a running shop, as on AWS itself: the program creates and describes nothing there.
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DeleteItemCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { START } from '../domain/kernel/commit.js';
import { streamId } from '../domain/kernel/stream.js';
import { createDynamoClient } from '../infra/aws.js';
import { RECORD_VIEWS_ACTIONS } from '../infra/browsing/actions.js';
import { SUBJECT_KEYS_ACTIONS } from '../infra/crypto/subject-keys-dynamodb.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createDynamoEventStore, EVENT_STORE_ACTIONS } from '../infra/event-store/dynamodb/dynamodb-event-store.js';
import { createDynamoSnapshotTexts, SNAPSHOTS_ACTIONS } from '../infra/event-store/dynamodb/dynamodb-snapshots.js';
import { FEED_CHECKPOINTS_ACTIONS } from '../infra/event-store/dynamodb/kinesis-checkpoints.js';
import { KINESIS_FEED_ACTIONS } from '../infra/event-store/dynamodb/kinesis-feed.js';
import { createDynamoIdempotency, IDEMPOTENCY_ACTIONS } from '../infra/idempotency/dynamodb-idempotency.js';
import { recordIdOf } from '../infra/idempotency/port.js';
import { CREDENTIALS_ACTIONS } from '../infra/identity/credentials-dynamodb.js';
import { PREFERENCES_ACTIONS } from '../infra/identity/preferences-dynamodb.js';
import { SESSIONS_ACTIONS } from '../infra/identity/sessions-dynamodb.js';
import { type Actions, type Resource, STOCK_FILES } from '../infra/lambda/functions.js';
import { createDynamoLeases, LEASES_ACTIONS } from '../infra/leadership/dynamodb-leases.js';
import { createS3Client, createS3Objects, OBJECTS_ACTIONS } from '../infra/objects/s3-objects.js';
import { dynamoStore, STORE_MARK_ACTIONS, STREAM, TABLES, VIEW_STREAM } from '../infra/stores/dynamodb-store.js';
import type { Mark } from '../infra/stores/store.js';
import { noteCommit, notes } from './contracts/notes.js';
import { describeWith, freshName } from './engines.js';
import {
  commerce,
  type Environment,
  endPrograms,
  freshFolder,
  once,
  PROFILES,
  type RunningShop,
  startShop,
} from './running-shop.js';
import { the } from './the.js';

const TEST_TIMEOUT_MS = 300_000;

/** The emulator keeps the tables of regions apart. */
const REGION = 'eu-west-1';

/** Stands for the bucket of objects. */
const BUCKET = 'bucket';

/** The bucket of files that people upload. */
const FILES = 'files';

/** What IAM must allow on each table, on the stream and on the bucket. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  [TABLES.events]: EVENT_STORE_ACTIONS,
  [TABLES.snapshots]: SNAPSHOTS_ACTIONS,
  [TABLES.feedCheckpoints]: FEED_CHECKPOINTS_ACTIONS,
  [TABLES.subjectKeys]: SUBJECT_KEYS_ACTIONS,
  [TABLES.sessions]: SESSIONS_ACTIONS,
  [TABLES.credentials]: CREDENTIALS_ACTIONS,
  [TABLES.preferences]: PREFERENCES_ACTIONS,
  [TABLES.idempotency]: IDEMPOTENCY_ACTIONS,
  [TABLES.leases]: LEASES_ACTIONS,
  [TABLES.mark]: STORE_MARK_ACTIONS,
  [STREAM]: KINESIS_FEED_ACTIONS,
  // GetRecords is counted at the stream of commits.
  [VIEW_STREAM]: ['kinesis:ListShards', 'kinesis:GetShardIterator', ...RECORD_VIEWS_ACTIONS],
  [BUCKET]: OBJECTS_ACTIONS,
};

/** The places by the names that roles have for them. */
const RESOURCE_OF: Readonly<Record<string, Resource>> = {
  ...Object.fromEntries(Object.entries(TABLES).map(([resource, table]) => [table, resource as Resource])),
  [STREAM]: 'stream',
  [BUCKET]: 'objects',
  [FILES]: 'files',
};

const aws = PROFILES.find(({ name }) => name === 'aws')!;

describeWith(aws.engines, 'The IAM actions of the profile aws', function (engines) {
  this.timeout(TEST_TIMEOUT_MS);
  let proxy: Recorder;
  let local: Environment;
  let onAws: Environment;

  before(async () => {
    proxy = await startRecorder(engines.aws());
    local = { ...(await aws.freshEnvironment(engines)), AWS_REGION: REGION };
    const { AWS_ENDPOINT_URL: _, ...rest } = local;
    // The addresses that the SDK knows by default, so that the program takes the engine for AWS.
    onAws = {
      ...rest,
      COMMERCE_ENGINES_DIR: await freshFolder(),
      AWS_ENDPOINT_URL_DYNAMODB: proxy.url,
      AWS_ENDPOINT_URL_KINESIS: proxy.url,
      AWS_ENDPOINT_URL_S3: proxy.url,
      // Made by the start on the engine itself.
      COMMERCE_BUCKET: `${local.COMMERCE_NAMESPACE}-objects`,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
  });
  after(async () => {
    await endPrograms();
    await proxy.stop();
  });

  it('are those that the product needs, and no more', async () => {
    const clients = { region: REGION, endpoint: proxy.url };
    const dynamodb = createDynamoClient(clients);
    const name = (kind: string) => `${local.COMMERCE_NAMESPACE}-${kind}`;
    const log = dynamoStore({ client: dynamodb, engine: { address: proxy.url }, name, isLocal: false });
    const leases = createDynamoLeases({ client: dynamodb, table: name(TABLES.leases) });

    // On an engine of this machine the program creates its tables. This start does not use the proxy.
    await (await startShop(local, ['--empty'])).stop();

    const shop = await startShop(onAws);
    await story(shop, local);
    await shop.stop();

    // The story does not reach these: objects, records of a customer who is forgotten, a snapshot, a lease that nobody has held,
    // work of the agenda, a log without a mark.
    const mark = (await log.mark()) as Mark;
    const snapshots = createDynamoSnapshotTexts({ client: dynamodb, table: name(TABLES.snapshots), clock: Date.now });
    await snapshots.save('note#1', 1, { commitNo: 1, text: 'state' });
    expect(await snapshots.load('note#1', 1)).to.deep.equal({ commitNo: 1, text: 'state' });
    await snapshots.drop('note#1', 1);
    const s3 = createS3Client(clients);
    const objects = createS3Objects({ client: s3, bucket: the(onAws.COMMERCE_BUCKET), prefix: 'test' }).of('log');
    expect(await objects.putOnce('a', Buffer.from('a'))).to.equal(true);
    expect(await objects.get('a')).to.deep.equal(Uint8Array.of(97));
    for await (const name of objects.list('')) expect(name).to.equal('a');
    const records = createDynamoIdempotency({ client: dynamodb, table: name(TABLES.idempotency) });
    const forgotten = { role: 'customer', id: freshName('customer') } as const;
    await records.begin(recordIdOf(forgotten, 'a'), 'request', Date.now());
    await records.forget(forgotten);
    const fence = { lease: freshName('lease'), token: 1 };
    expect(await leases.take(fence.lease, 'test', undefined)).to.equal(1);
    const store = createDynamoEventStore({
      client: dynamodb,
      table: name(TABLES.events),
      leases: name(TABLES.leases),
      codec: createCommitCodec(notes),
      // The story is younger than the real one.
      watermarkLagMs: 0,
    });
    const commit = { ...noteCommit(START, 'c1', { text: 'of the agenda' }), fence };
    expect(await store.append(streamId('note', '1'), START, commit)).to.have.property('appended', true);
    for await (const { pk } of store.stored()) expect(pk).to.be.a('string');

    const unmark = new DeleteItemCommand({ TableName: name(TABLES.mark), Key: { id: { S: 'log' } } });
    const unrecorded = createDynamoClient({ ...clients, endpoint: engines.aws() });
    await unrecorded.send(unmark);
    expect(await log.mark()).to.equal('unmarked');
    expect(await log.leaveMark(mark)).to.deep.equal(mark);
    for (const client of [dynamodb, s3, unrecorded]) client.destroy();

    const made = proxy.actions(local.COMMERCE_NAMESPACE!);
    for (const [place, allowed] of Object.entries(ALLOWED)) {
      expect([...(made.get(place) ?? [])].sort(), `${place}: what was called, against the list`).to.deep.equal(
        [...allowed].sort(),
      );
    }
    expect([...made.keys()].filter((place) => !(place in ALLOWED))).to.deep.equal([]);
  });

  it('of the role for stock files are those that an import of a stock file needs, and no more', async () => {
    const bucket = `${local.COMMERCE_NAMESPACE}-${FILES}`;
    const s3 = createS3Client({ region: REGION, endpoint: engines.aws() });
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    const Body = 'sku,location,receipt\nMUG-BLUE,main,5\n';
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'stock.csv', Body }));
    s3.destroy();
    await (await startShop(local)).stop();

    const { stdout: staff } = await commerce(['staff', 'add', 'Jo', '--role', 'catalogue', '--json'], local);

    proxy.forget();
    const imported = await commerce(
      ['import', 'stock', `s3://${bucket}/stock.csv`, '--staff', JSON.parse(staff).id],
      onAws,
    );
    expect(imported.code, imported.stderr).to.equal(0);
    expect(imported.stdout).to.include('1 receipts of 5 units');

    const allowed: Actions = STOCK_FILES;
    const made = proxy.actions(local.COMMERCE_NAMESPACE!);
    for (const [place, actions] of made) {
      const resource = RESOURCE_OF[place];
      expect(resource && allowed[resource], place).to.include.members([...actions]);
    }
    expect([...made.get(FILES)!]).to.deep.equal(STOCK_FILES.files);
  });
});

/** What customers and staff do. Tokens of staff are made only with engines of this machine. */
async function story(shop: RunningShop, environment: Environment): Promise<void> {
  const demo = await commerce(['demo', '--url', shop.url], environment);
  expect(demo.code, demo.stderr).to.equal(0);

  const anybody = shop.anybody();
  const session = await anybody.post('/v1/sessions', {});
  const refreshed = await anybody.post('/v1/sessions/refresh', { refreshToken: session.body.refreshToken });
  expect(refreshed.status).to.equal(200);
  const guest = await shop.guest();
  const key = once();
  const answers = [
    await guest.post('/v1/carts', { currency: 'GBP' }, key),
    await guest.post('/v1/carts', { currency: 'GBP' }, key),
  ];
  expect(answers.map(({ headers }) => headers.get('idempotency-replayed'))).to.deep.equal([null, 'true']);
  const customer = await shop.customer({ email: 'ada@actions.example', password: 'a long password', name: 'Ada' });
  await customer.put('/v1/me/preferences', { brands: ['Acme'] });
  expect((await customer.get('/v1/me/preferences')).body).to.deep.equal({ brands: ['Acme'] });
  for (const person of [guest, customer]) expect((await person.delete('/v1/customers/me')).status).to.equal(204);
  for (const path of ['/v1/sessions/current', '/v1/sessions']) {
    const { body } = await anybody.post('/v1/sessions', {});
    const { status } = await anybody.delete(path, { Authorization: `Bearer ${body.token}` });
    expect(status, path).to.be.below(300);
  }
  expect((await anybody.get('/readyz')).status).to.equal(200);
}

interface Recorder {
  url: string;
  /** The actions by table or stream, without the namespace. */
  actions(namespace: string): Map<string, Set<string>>;
  /** The actions up to now. */
  forget(): void;
  stop(): Promise<void>;
}

/** Forwards every request and records what IAM would check. */
async function startRecorder(target: string): Promise<Recorder> {
  const calls: (readonly [place: string, action: string])[] = [];
  const server: Server = createServer(async (incoming, outgoing) => {
    const body = await bytesOf(incoming);
    calls.push(...actionsOf(incoming, body));
    const { method, url, headers } = incoming;
    const forwarded = request(new URL(url!, target), { method: method!, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on('error', () => outgoing.destroy());
    forwarded.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    actions(namespace) {
      const found = new Map<string, Set<string>>();
      for (const [place, action] of calls) {
        const kind = place.replace(`${namespace}-`, '');
        found.set(kind, (found.get(kind) ?? new Set()).add(action));
      }
      return found;
    },
    forget: () => void calls.splice(0),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A transaction needs the actions of its parts. GetRecords names its stream only by the iterator. */
function actionsOf({ method, url, headers }: IncomingMessage, body: Buffer): [place: string, action: string][] {
  if (headers['x-amz-target'] === undefined) return s3ActionsOf(method!, new URL(url!, 'http://s3'));
  const [service, operation] = String(headers['x-amz-target']).split('.') as [string, string];
  const input = JSON.parse(body.toString());
  if (service.startsWith('Kinesis')) return [[input.StreamName ?? STREAM, `kinesis:${operation}`]];
  if (operation === 'BatchGetItem')
    return Object.keys(input.RequestItems).map((table): [string, string] => [table, 'dynamodb:BatchGetItem']);
  if (operation !== 'TransactWriteItems') return [[input.TableName, `dynamodb:${operation}`]];
  return (input.TransactItems as Record<string, { TableName: string }>[]).flatMap((item) =>
    Object.entries(item).map(([part, { TableName }]): [string, string] => [
      TableName,
      `dynamodb:${part === 'ConditionCheck' ? 'ConditionCheckItem' : `${part}Item`}`,
    ]),
  );
}

/** HEAD of a bucket needs the right to list it. */
function s3ActionsOf(method: string, { pathname }: URL): [string, string][] {
  const isOfObject = pathname.split('/').length > 2 && !pathname.endsWith('/');
  const action = method === 'PUT' ? 'PutObject' : isOfObject ? 'GetObject' : 'ListBucket';
  return [[pathname.split('/')[1]?.endsWith(`-${FILES}`) ? FILES : BUCKET, `s3:${action}`]];
}

async function bytesOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
