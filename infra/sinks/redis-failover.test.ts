// Redis with a replica that takes over and lacks the last commit, and Redis as a cluster.
import { once } from 'node:events';
import { expect } from 'chai';
import { Cluster, Redis } from 'ioredis';
import { z } from 'zod';
import { type Commit, START } from '../../domain/kernel/commit.js';
import { isProblem } from '../../domain/kernel/errors.js';
import { type DomainEvent, eventTypesOf } from '../../domain/kernel/event.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Projection } from '../../projections/runtime/projection.js';
import { createProjector, type Projector } from '../../projections/runtime/projector.js';
import { type DocumentStore, positionFor } from '../../projections/runtime/sink.js';
import { sweep } from '../../projections/runtime/sweep.js';
import { sinkContract } from '../../test/contracts/sink.contract.js';
import { describeWith, type RedisCluster } from '../../test/engines.js';
import { runsOf } from '../../test/every-case.js';
import { eventually } from '../../test/running-shop.js';
import { createTcpProxy, type TcpProxy } from '../../test/tcp-proxy.js';
import { the } from '../../test/the.js';
import { createCommitCodec } from '../event-store/codec.js';
import { createMemoryEventStore } from '../event-store/memory.js';
import { createRedisSink, documentKey, positionsKey, REDIS_OPTIONS, SWEEP } from './redis.js';

const TEST_TIMEOUT_MS = 60_000;
const SLOTS = 16_384;
const MUG: StreamId = 'item#mug';

describeWith('redis', 'A Redis whose replica takes over', function (engines) {
  this.timeout(TEST_TIMEOUT_MS);
  let toServer: TcpProxy;
  let toPrimary: TcpProxy;
  let replicaUrl: string;
  let primary: Redis;
  let replica: Redis;
  let redis: Redis;
  let store: DocumentStore;
  let world: World;

  beforeEach(async () => {
    const primaryUrl = (await engines.freshEngine('redis')).address;
    replicaUrl = (await engines.freshEngine('redis')).address;
    toServer = await createTcpProxy(primaryUrl);
    toPrimary = await createTcpProxy(primaryUrl);
    primary = new Redis(primaryUrl);
    replica = new Redis(replicaUrl);
    const { hostname, port } = new URL(toPrimary.url);
    await replica.replicaof(hostname, Number(port));
    await eventually('it follows', async () => expect(await replica.info('replication')).to.include('link_status:up'));
    redis = new Redis(toServer.url, REDIS_OPTIONS);
    redis.on('error', () => {});
    store = await createRedisSink(redis).open([items]);
    world = createWorld(store);
    await sweepOf(world); // as every program does at its start
  });

  afterEach(async () => {
    for (const client of [primary, replica, redis]) client.disconnect();
    await Promise.all([toServer.cut(), toPrimary.cut()]);
  });

  /** Until everything that was written is on the replica. Later writes are not. */
  async function loseTouch(): Promise<void> {
    await primary.set('last', 'before'); // `wait` waits only for writes of its own connection, and for all before them.
    await primary.wait(1, 10_000);
    await toPrimary.cut();
  }

  async function failOver(): Promise<void> {
    const closed = once(redis, 'close');
    await toServer.cut();
    await closed;
    await replica.replicaof('NO', 'ONE');
    await toServer.mend(replicaUrl);
    await once(redis, 'ready');
  }

  it('loses no update, though the next commit follows the one that the replica lacks', async () => {
    await world.write({ title: 'Mug' }, { price: 1 });
    await loseTouch();
    await world.write({ title: 'Big mug' });
    expect(await itemIn(store)).to.deep.equal({ title: 'Big mug', price: 1 });
    await failOver();
    expect(await itemIn(store), 'the replica is behind').to.deep.equal({ title: 'Mug', price: 1 });
    await world.write({ price: 2 });
    expect(await itemIn(store)).to.deep.equal({ title: 'Big mug', price: 2 });
    expect(await positionIn(store)).to.equal(4);
  });

  it('loses no update if no commit follows: the next sweep finds it', async () => {
    await world.write({ title: 'Mug' });
    await sweepOf(world);
    await loseTouch();
    await world.write({ title: 'Big mug' });
    world.clock.now += 60_000;
    await sweepOf(world);
    await failOver();
    await sweepOf(world);
    expect(await itemIn(store)).to.deep.equal({ title: 'Big mug' });
  });

  it('takes no position for documents that were written to the old server', async () => {
    await world.write({ title: 'Mug' });
    await loseTouch();
    const { documents, session } = await store.load([{ table: TABLE, key: 'mug' }], [MUG]);
    await failOver();
    const positions = new Map([[MUG, { of: [TABLE], commitNo: 9 }]]);
    for (const writes of [[], documents]) {
      const error = await store.save(writes, positions, session).catch((caught: unknown) => caught);
      expect(isProblem(error, 'unavailable'), String(error)).to.equal(true);
    }
    expect(await positionIn(store)).to.equal(1);
  });

  it('keeps nothing for the new server that it could not send to the old one', async () => {
    await world.write({ title: 'Mug' });
    await loseTouch();
    const { session } = await store.load([], [MUG]);
    await toServer.cut(); // The client has not noticed it yet.
    const saving = store
      .save([], new Map([[MUG, { of: [TABLE], commitNo: 9 }]]), session)
      .catch((caught: unknown) => caught);
    await replica.replicaof('NO', 'ONE');
    await toServer.mend(replicaUrl);
    expect(isProblem(await saving, 'unavailable')).to.equal(true);
    await eventually('it is connected', async () => expect(await positionIn(store)).to.equal(1));
  });

  it('sends nothing to the new server that it had sent to the old one', async () => {
    await world.write({ title: 'Mug' });
    const { session } = await store.load([], [MUG]);
    const saving = store
      .save([], new Map([[MUG, { of: [TABLE], commitNo: 9 }]]), session)
      .catch((caught: unknown) => caught);
    await toServer.cut();
    await toServer.mend(replicaUrl);
    expect(isProblem(await saving, 'unavailable')).to.equal(true);
    expect(await positionIn(store)).to.equal(1);
  });

  it('changes its lineage then, and reports that the connection has changed', async () => {
    let doubts = 0;
    store.onDoubt!(() => doubts++);
    const before = await store.lineage();
    expect(await store.lineage()).to.equal(before);
    await loseTouch();
    await failOver();
    expect(await store.lineage()).not.to.equal(before);
    expect(doubts).to.equal(1);
  });

  it('with documents and positions on different nodes: the comparison repairs a document behind its position', async () => {
    await world.write({ title: 'Mug' }, { price: 1 });
    const key = documentKey(TABLE, 'mug');
    const old = await redis.hgetall(key);
    await world.write({ title: 'Big mug' });
    await loseTouch();
    await redis.hset(key, old);
    await failOver();
    await world.write({ price: 2 });
    await replica.hset(key, { ...old, document: '{"title":"Mug","price":2}', positions: `{"${MUG}":4}` });
    expect(await itemIn(store), 'position 4, new price, old title').to.deep.equal({ title: 'Mug', price: 2 });
    world.clock.now += 60_000;
    await sweepOf(world);
    expect(await itemIn(store)).to.deep.equal({ title: 'Big mug', price: 2 });
  });
});

describeWith('redis', 'The Redis sink in a cluster', function (engines) {
  this.timeout(TEST_TIMEOUT_MS);
  let cluster: Cluster;
  before(async () => {
    const { nodes } = await engines.freshRedisCluster();
    cluster = new Cluster(
      nodes.map(({ address }) => address),
      { keyPrefix: 'shop:', redisOptions: REDIS_OPTIONS },
    );
    await new Promise((resolve) => cluster.once('ready', resolve));
  });
  after(() => cluster?.disconnect());

  sinkContract(() => createRedisSink(cluster), { runs: runsOf(25) });

  it('spreads documents and positions over all nodes', async () => {
    const store = await createRedisSink(cluster).open([items]);
    const keys = Array.from({ length: 100 }, (_, n) => `item ${n}`);
    const written = await store.save(
      keys.map((key) => ({ table: TABLE, key, document: {}, positions: {}, revision: undefined })),
      new Map(keys.map((key) => [`item#${key}` as StreamId, { of: [TABLE], commitNo: 1 }])),
    );
    expect(written.every(({ saved }) => saved)).to.equal(true);
    for (const node of cluster.nodes('master')) {
      const found = await node.keys('shop:*');
      expect(found.filter((key) => key.startsWith('shop:items_v1:'))).not.to.deep.equal([]);
      expect(found.filter((key) => key.startsWith('shop:positions_v1:'))).not.to.deep.equal([]);
    }
  });

  it('has a lineage that names each node', async () => {
    const store = await createRedisSink(cluster).open([items]);
    expect((await store.lineage()).split(' ')).to.have.length(3);
  });
});

describeWith('redis', 'A Redis cluster of which one node dies', function (engines) {
  this.timeout(TEST_TIMEOUT_MS);
  let running: RedisCluster;
  let keyPrefix: string;
  let cluster: Cluster;
  let store: DocumentStore;
  let world: World;

  before(async () => {
    running = await engines.freshRedisCluster({ withReplicas: true });
    const addresses = running.nodes.map(({ address }) => address);
    keyPrefix = await prefixThatSeparates(addresses[0]!);
    cluster = new Cluster(addresses, { keyPrefix, redisOptions: REDIS_OPTIONS });
    cluster.on('error', () => {});
    await once(cluster, 'ready');
    store = await createRedisSink(cluster).open([items]);
    world = createWorld(store);
    await sweepOf(world);
  });
  after(() => cluster?.disconnect());

  it('loses no update, though its replica takes over without the last commit', async () => {
    await world.write({ title: 'Mug' }, { price: 1 });
    world.clock.now += 60_000;
    await sweepOf(world);
    const index = await placeOf(cluster, keyPrefix + documentKey(TABLE, 'mug'));
    const [node, replica] = [the(running.nodes[index]), the(running.replicas[index])];
    const [toNode, toReplica] = [new Redis(node.address), new Redis(replica.address)];
    toNode.on('error', () => {});
    await eventually('the replica has everything', async () => {
      const offset = /master_repl_offset:(\d+)/.exec(await toNode.info('replication'))![1];
      expect(await toReplica.info('replication')).to.include(`slave_repl_offset:${offset}`);
    });

    process.kill(replica.pid, 'SIGSTOP');
    await toNode.call('client', 'kill', 'type', 'replica');
    await world.write({ title: 'Big mug' });
    expect(await itemIn(store)).to.deep.equal({ title: 'Big mug', price: 1 });
    process.kill(node.pid, 'SIGKILL');
    process.kill(replica.pid, 'SIGCONT');
    await eventually('the replica has taken over', async () =>
      expect(await itemIn(store)).to.deep.equal({ title: 'Mug', price: 1 }),
    );
    expect(await positionIn(store), 'on another node').to.equal(3);

    await world.write({ price: 2 });
    world.clock.now += 60_000;
    await sweepOf(world);
    expect(await itemIn(store)).to.deep.equal({ title: 'Big mug', price: 2 });
    expect(await positionIn(store)).to.equal(4);
    for (const client of [toNode, toReplica]) client.disconnect();
  });

  /** With it the document is on another node than its position and the progress of the sweep. */
  async function prefixThatSeparates(address: string): Promise<string> {
    const client = new Redis(address);
    for (let n = 0; ; n++) {
      const prefix = `shop-${n}:`;
      const keys = [documentKey(TABLE, 'mug'), positionsKey(MUG), SWEEP].map((key) => prefix + key);
      const [document, ...others] = await Promise.all(keys.map((key) => placeOf(client, key)));
      if (others.includes(document!)) continue;
      client.disconnect();
      return prefix;
    }
  }

  /** Which of the nodes has the slot of this key. */
  async function placeOf(client: Redis | Cluster, key: string): Promise<number> {
    return Math.floor((Number(await client.cluster('KEYSLOT', key)) * running.nodes.length) / SLOTS);
  }
});

// ── A log of one item ───────────────────────────────────────────────────────────────────────────────────────────────

type Item = { title?: string; price?: number };

const TABLE = 'items_v1';
const items: Projection<Item, DomainEvent<'ItemChanged', Item>> = {
  name: 'items',
  version: 1,
  categories: ['item'],
  fields: {},
  on: { ItemChanged: { keys: () => ['mug'], evolve: (item, { data }) => ({ ...item, ...data }) } },
};

interface World {
  clock: { now: number };
  projector: Projector;
  log: ReturnType<typeof createMemoryEventStore>;
  /** Appends one commit for each change and delivers it. */
  write(...changes: Item[]): Promise<void>;
}

function createWorld(documents: DocumentStore): World {
  const clock = { now: 1_767_323_045_000 };
  const data = z.strictObject({ title: z.string().optional(), price: z.int().optional() });
  const codec = createCommitCodec(eventTypesOf({ ItemChanged: { version: 1, data } }));
  const log = createMemoryEventStore({ codec, clock: () => clock.now, watermarkLagMs: 0 });
  const projector = createProjector({
    engine: 'Redis',
    projections: [items],
    documents,
    store: log,
    clock: () => clock.now,
    log: { info() {}, warn() {}, error() {} },
  });
  let end = START;
  return {
    clock,
    projector,
    log,
    async write(...changes) {
      for (const change of changes) {
        clock.now += 1;
        const version = end.version + 1;
        const id = `change ${version}`;
        const event = {
          id,
          type: 'ItemChanged',
          schemaVersion: 1,
          version,
          occurredAt: '2026-01-02T03:04:05.678Z',
          commandId: id,
          correlationId: id,
          causationId: id,
          actor: { type: 'staff' as const, id: 'ann' },
          data: change,
        };
        const result = await log.append(MUG, end, { at: clock.now * 1000, commandIds: [id], events: [event] });
        const commits: Commit[] = [];
        for await (const commit of log.read(MUG, end.commitNo)) commits.push(commit);
        if (result.appended) end = result.position;
        await projector.apply(commits);
      }
    },
  };
}

function sweepOf({ log, projector }: World): Promise<void> {
  return sweep(log, [{ projector, inTurn: (work) => work() }]);
}

async function itemIn(store: DocumentStore): Promise<unknown> {
  return (await store.load([{ table: TABLE, key: 'mug' }], [])).documents[0]?.document;
}

async function positionIn(store: DocumentStore): Promise<number> {
  return positionFor(TABLE, (await store.load([], [MUG])).positions.get(MUG));
}
