// Read models in Redis or ElastiCache, alone or as a cluster: a hash per document, and hashes of positions. A document and its
// positions are one key, and so in one slot. The server must not evict keys (`noeviction`).
import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { Cluster, type Redis, type RedisOptions } from 'ioredis';
import { pairs } from '../../domain/kernel/collections.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { BuildsState } from '../../projections/runtime/builds.js';
import type {
  BulkLoad,
  DocumentId,
  DocumentStore,
  Loaded,
  Sink,
  StoredDocument,
  StreamPosition,
  SweepState,
} from '../../projections/runtime/sink.js';
import { countDistinct } from './distinct.js';
import { groupBy } from './group-by.js';
import { type Places, type PlacingDeps, placeAll, placesOf, positionsIn } from './placing.js';
import { orUnavailable } from './unavailable.js';

const ENGINE = 'Redis';

/**
 * Options for the client of this sink: a command without an answer fails instead of waiting for a new connection, because behind
 * that connection may be another server.
 */
export const REDIS_OPTIONS = {
  commandTimeout: 5_000,
  connectTimeout: 3_000,
  maxRetriesPerRequest: 1,
  autoResendUnfulfilledCommands: false,
} satisfies RedisOptions;

/** Hashes that hold the positions. In a cluster they spread over the nodes. */
const POSITION_HASHES = 256;

const HELD = 'positions_v1:held';
export const SWEEP = 'positions_v1:sweep';
const BUILDS = 'positions_v1:builds';

/** Positions that one script call writes. The server does nothing else while it runs. */
const POSITIONS_PER_CALL = 1_000;

/** Keys of any kind that one step of a scan looks at. */
const SCANNED_KEYS = 1_000;

/** Documents of one pipeline of a bulk load. */
const LOADED_DOCUMENTS = 500;

/** Compare-and-set: the document must have the loaded revision, or '' if it did not exist. */
const SAVE = `
  if (redis.call('HGET', KEYS[1], 'revision') or '') ~= ARGV[1] then return 0 end
  redis.call('HSET', KEYS[1], 'document', ARGV[2], 'positions', ARGV[3], 'revision', ARGV[4])
  return 1`;

/** Compare-and-set of positions: each must have the loaded text, or '' if there was none. Answers 1 for each that is written. */
const POSITIONS = `
  local written = {}
  for i = 1, #ARGV, 3 do
    local isCurrent = (redis.call('HGET', KEYS[1], ARGV[i]) or '') == ARGV[i + 1]
    if isCurrent then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2]) end
    written[#written + 1] = isCurrent and 1 or 0
  end
  return written`;

/** Compare-and-set of a text: it must be the loaded one, or '' if there was none. */
const SWAP = `
  if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
  redis.call('SET', KEYS[1], ARGV[2])
  return 1`;

type Client = Redis | Cluster;
type Command = [name: string, ...args: (string | number)[]];

export function createRedisSink(redis: Client): Sink {
  return { engine: ENGINE, open: async () => createStore(redis) };
}

/** The hash of a document. Its field `document` is JSON, `null` for a tombstone. */
export function documentKey(table: string, key: string): string {
  return `${table}:${key}`;
}

interface Session {
  /** The connection, which belongs to one server. */
  connection: unknown;
  /** The texts of the positions are their revisions. */
  places: Places;
}

function createStore(redis: Client): DocumentStore {
  async function load(documents: readonly DocumentId[], streams: readonly StreamId[]): Promise<Loaded> {
    if (redis.status !== 'ready') await run(redis, [['ping']]);
    const connection = connectionOf(redis);
    const replies = await run(redis, [
      ...documents.map(
        ({ table, key }): Command => ['hmget', documentKey(table, key), 'document', 'positions', 'revision'],
      ),
      ...streams.map((stream): Command => ['hget', positionsKey(stream), stream]),
    ]);
    const places = placesIn(streams, replies.slice(documents.length) as (string | null)[]);
    const session: Session = { connection, places };
    return {
      documents: documents.flatMap(({ table, key }, index) =>
        storedDocument(table, key, replies[index] as (string | null)[]),
      ),
      positions: positionsIn(places),
      session,
    };
  }

  /** Positions may be written only in the store that was read: another server may lack the documents. */
  function placing(connection: unknown): PlacingDeps {
    return {
      engine: ENGINE,
      async read(streams) {
        expectConnection(redis, connection);
        const texts = await run(
          redis,
          streams.map((stream): Command => ['hget', positionsKey(stream), stream]),
        );
        return placesIn(streams, texts as (string | null)[]);
      },
      async write(entries) {
        expectConnection(redis, connection);
        const { commands, streams } = positionCommands(entries);
        const replies = (await run(redis, commands)).slice(-streams.length) as number[][];
        const written = new Map(pairs(streams, replies).flatMap(([some, flags]) => pairs(some, flags)));
        return entries.map(({ stream }) => written.get(stream) === 1);
      },
    };
  }

  return {
    load,

    async save(writes, positions, session) {
      const { connection, places } = (session as Session | undefined) ?? { connection: undefined, places: new Map() };
      const saves = writes.map(({ table, key, document, positions: fed, revision }): Command => {
        const values = [String(revision ?? ''), JSON.stringify(document), JSON.stringify(fed), newRevision()];
        return ['eval', SAVE, 1, documentKey(table, key), ...values];
      });
      expectConnection(redis, connection);
      const replies = await run(redis, saves);
      const outcomes = replies.map((saved) =>
        saved === 1 ? ({ saved: true } as const) : ({ saved: false, stale: true } as const),
      );
      if (outcomes.every(({ saved }) => saved)) await placeAll(placing(connection), positions, places);
      return outcomes;
    },

    async held() {
      const [streams] = (await run(redis, [['smembers', HELD]])) as [StreamId[]];
      const { positions } = await load([], streams);
      return new Map([...positions].filter(([, { held }]) => held));
    },

    keys: (table) => keysOf(redis, table),

    async sweepState() {
      const [text] = (await run(redis, [['get', SWEEP]])) as [string | null];
      return text === null ? undefined : (JSON.parse(text) as SweepState);
    },

    async setSweepState(state) {
      await run(redis, [['set', SWEEP, JSON.stringify(state)]]);
    },

    async builds() {
      const [text] = (await run(redis, [['get', BUILDS]])) as [string | null];
      return text === null ? undefined : { state: JSON.parse(text) as BuildsState, revision: text };
    },

    async setBuilds(state, revision) {
      const [written] = await run(redis, [['eval', SWAP, 1, BUILDS, String(revision ?? ''), JSON.stringify(state)]]);
      return written === 1;
    },

    async create() {},

    async drop(table) {
      for await (const keys of keysOf(redis, table)) {
        await run(
          redis,
          keys.map((key): Command => ['unlink', documentKey(table, key)]),
        );
      }
    },

    count: (table) => countDistinct(() => keysOf(redis, table)),

    bulk: createBulkLoad(redis),

    /** A promoted replica has a new replication id, and each start of a server a new run id. */
    async lineage() {
      const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis];
      const infos = await Promise.all(nodes.map((node) => info(node)));
      return infos.sort().join(' ');
    },

    onDoubt(listener) {
      for (const event of redis instanceof Cluster ? ['ready', '+node', '-node'] : ['ready']) redis.on(event, listener);
    },
  };
}

/**
 * Fields are set only if they are absent: no script is needed, and a process that was replaced changes nothing when its writes come
 * late.
 */
function createBulkLoad(redis: Client): BulkLoad {
  return {
    create: async () => {},
    async insert(table, documents) {
      for (let from = 0; from < documents.length; from += LOADED_DOCUMENTS) {
        const commands = documents.slice(from, from + LOADED_DOCUMENTS).flatMap(({ key, document, positions }) => {
          const set = (field: string, value: string): Command => ['hsetnx', documentKey(table, key), field, value];
          return [
            set('document', JSON.stringify(document)),
            set('positions', JSON.stringify(positions)),
            set('revision', newRevision()),
          ];
        });
        await run(redis, commands);
      }
    },
    complete: async () => {},
  };
}

type PositionWrite = Parameters<PlacingDeps['write']>[0][number];

/** The calls of the script with the streams of each, after the calls that list the streams with a `held`. */
function positionCommands(entries: readonly PositionWrite[]): { commands: Command[]; streams: StreamId[][] } {
  const held = entries.flatMap(({ stream, position }) => (position.held ? [stream] : []));
  const streams: StreamId[][] = [];
  const calls: Command[] = [];
  for (const [key, mine] of groupBy(entries, ({ stream }) => positionsKey(stream))) {
    for (let from = 0; from < mine.length; from += POSITIONS_PER_CALL) {
      const some = mine.slice(from, from + POSITIONS_PER_CALL);
      const texts = some.flatMap(({ stream, position, revision }) => [
        stream,
        String(revision ?? ''),
        textOf(position),
      ]);
      calls.push(['eval', POSITIONS, 1, key, ...texts]);
      streams.push(some.map(({ stream }) => stream));
    }
  }
  return { commands: held.length > 0 ? [['sadd', HELD, ...held], ...calls] : calls, streams };
}

/** `<commit> <projections> <held>`. Earlier programs have a number before the projections, whose names begin with a letter. */
function textOf({ commitNo, of, held }: StreamPosition): string {
  return `${commitNo} ${of.join(',')} ${held ? JSON.stringify(held) : ''}`;
}

export function positionsKey(stream: StreamId): string {
  const place = createHash('sha1').update(stream).digest()[0]! % POSITION_HASHES;
  return `positions_v1:${place}`;
}

function placesIn(streams: readonly StreamId[], texts: readonly (string | null)[]): Places {
  const found = pairs(streams, texts).flatMap(([stream, text]) =>
    text ? [[stream, { position: positionIn(text), revision: text }] as const] : [],
  );
  return placesOf(streams, new Map(found));
}

function positionIn(text: string): StreamPosition {
  const [, commitNo, of = '', ...held] = text.replace(/^(\d+) (?:\d+ )?/, ' $1 ').split(' ');
  return {
    of: of.split(','),
    commitNo: Number(commitNo),
    ...(held.join(' ') !== '' && { held: JSON.parse(held.join(' ')) }),
  };
}

/** Not a number: after a failover another document could have the same one. */
function newRevision(): string {
  return randomBytes(9).toString('base64url');
}

function storedDocument(
  table: string,
  key: string,
  [document, positions, revision]: (string | null)[],
): StoredDocument[] {
  if (!document || !positions) return [];
  return [{ table, key, document: JSON.parse(document), positions: JSON.parse(positions), revision }];
}

/** The connection, which belongs to one server. A cluster has several: there the sweep notices a failover. */
function connectionOf(redis: Client): unknown {
  return redis instanceof Cluster ? undefined : (redis as unknown as { stream: unknown }).stream;
}

/**
 * A command that is sent after this, in the same turn of the event loop, reaches the server that was read, or fails. The client
 * would keep it for the next server if the connection were not ready and writable.
 */
function expectConnection(redis: Client, connection: unknown): void {
  if (connection === undefined) return;
  const isSame = connectionOf(redis) === connection && redis.status === 'ready';
  if (isSame && (connection as Socket).writable) return;
  throw new Unavailable(ENGINE, 'the connection was lost in the middle of a batch');
}

/**
 * The keys of a table, some at a time. A scan may return a key twice. The client adds its prefix to keys, but neither to patterns
 * nor to the results of a scan.
 */
async function* keysOf(redis: Client, table: string): AsyncIterable<string[]> {
  const { keyPrefix = '' } = redis.options;
  const start = keyPrefix + documentKey(table, '');
  const match = `${start.replaceAll(/[*?[\]\\]/g, '\\$&')}*`;
  for (const node of redis instanceof Cluster ? redis.nodes('master') : [redis]) {
    let cursor = '0';
    do {
      const scan: Command = ['scan', cursor, 'MATCH', match, 'COUNT', SCANNED_KEYS];
      const [page] = (await run(node, [scan])) as [[string, string[]]];
      cursor = page[0];
      if (page[1].length > 0) yield page[1].map((key) => key.slice(start.length));
    } while (cursor !== '0');
  }
}

async function info(node: Redis): Promise<string> {
  const [replication, server] = (await run(node, [
    ['info', 'replication'],
    ['info', 'server'],
  ])) as string[];
  const field = (text: string, name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(text)?.[1] ?? '';
  return `${field(replication!, 'master_replid')}/${field(server!, 'run_id')}`;
}

/**
 * One round trip: a pipeline, or in a cluster one to each node. Any failure counts as unavailable: the server may be down, full,
 * or deny scripts.
 */
function run(redis: Client, commands: readonly Command[]): Promise<unknown[]> {
  return orUnavailable(
    ENGINE,
    () => true,
    async () => {
      if (commands.length === 0) return [];
      if (redis instanceof Cluster) return Promise.all(commands.map((command) => redis.call(...command)));
      const replies = (await redis.pipeline(commands.map(([...command]) => command)).exec()) ?? [];
      for (const [error] of replies) if (error) throw error;
      return replies.map(([, reply]) => reply);
    },
  );
}
