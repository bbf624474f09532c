// Read models in Redis or ElastiCache, alone or as a cluster: a hash per document, and hashes of positions. A document and its
// positions are one key, and so in one slot. The server must not evict keys (`noeviction`).
import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { Cluster, type Redis, type RedisOptions } from 'ioredis';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import {
  type DocumentId,
  type DocumentStore,
  type Loaded,
  rankOf,
  type Sink,
  type StoredDocument,
  type StreamPosition,
  type SweepState,
} from '../../projections/runtime/sink.js';
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

/** Positions that one script call writes. The server does nothing else while it runs. */
const POSITIONS_PER_CALL = 1_000;

/** Keys of any kind that one step of a scan looks at. */
const SCANNED_KEYS = 1_000;

/** Compare-and-set: the document must have the loaded revision, or '' if it did not exist. */
const SAVE = `
  if (redis.call('HGET', KEYS[1], 'revision') or '') ~= ARGV[1] then return 0 end
  redis.call('HSET', KEYS[1], 'document', ARGV[2], 'positions', ARGV[3], 'revision', ARGV[4])
  return 1`;

/** A position is `<commit> <rank> <projections> <held>`. It is not written over a higher one of the same projections. */
const POSITION = `
  for i = 1, #ARGV, 2 do
    local stored = redis.call('HGET', KEYS[1], ARGV[i])
    local commit, rank, of = string.match(stored or '', '^(%d+) (%S+) (%S+)')
    local nextCommit, nextRank, nextOf = string.match(ARGV[i + 1], '^(%d+) (%S+) (%S+)')
    local isHigher = commit and (tonumber(commit) > tonumber(nextCommit)
      or tonumber(commit) == tonumber(nextCommit) and tonumber(rank) > tonumber(nextRank))
    if of ~= nextOf or not isHigher then
      redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    end
  end`;

type Client = Redis | Cluster;
type Command = [name: string, ...args: (string | number)[]];

export function createRedisSink(redis: Client): Sink {
  return { engine: ENGINE, open: async () => createStore(redis) };
}

/** The hash of a document. Its field `document` is JSON, `null` for a tombstone. */
export function documentKey(table: string, key: string): string {
  return `${table}:${key}`;
}

function createStore(redis: Client): DocumentStore {
  async function load(documents: readonly DocumentId[], streams: readonly StreamId[]): Promise<Loaded> {
    if (redis.status !== 'ready') await run(redis, [['ping']]);
    const session = sessionOf(redis);
    const replies = await run(redis, [
      ...documents.map(
        ({ table, key }): Command => ['hmget', documentKey(table, key), 'document', 'positions', 'revision'],
      ),
      ...streams.map((stream): Command => ['hget', positionsKey(stream), stream]),
    ]);
    const texts = replies.slice(documents.length) as (string | null)[];
    return {
      documents: documents.flatMap(({ table, key }, index) =>
        storedDocument(table, key, replies[index] as (string | null)[]),
      ),
      positions: new Map(
        streams.flatMap((stream, index) => (texts[index] ? [[stream, positionIn(texts[index])] as const] : [])),
      ),
      session,
    };
  }

  return {
    load,

    async save(writes, positions, session) {
      const saves = writes.map(({ table, key, document, positions: fed, revision }): Command => {
        const values = [String(revision ?? ''), JSON.stringify(document), JSON.stringify(fed), newRevision()];
        return ['eval', SAVE, 1, documentKey(table, key), ...values];
      });
      expectSession(redis, session);
      const replies = await run(redis, saves);
      const outcomes = replies.map((saved) =>
        saved === 1 ? ({ saved: true } as const) : ({ saved: false, stale: true } as const),
      );
      if (positions.size === 0 || outcomes.some(({ saved }) => !saved)) return outcomes;
      // Another server may lack the documents.
      expectSession(redis, session);
      await run(redis, positionCommands(positions));
      return outcomes;
    },

    async held() {
      const [streams] = (await run(redis, [['smembers', HELD]])) as [StreamId[]];
      const { positions } = await load([], streams);
      return new Map([...positions].filter(([, { held }]) => held));
    },

    async *keys(table) {
      const { keyPrefix = '' } = redis.options;
      const start = documentKey(table, '');
      const match = `${(keyPrefix + start).replaceAll(/[*?[\]\\]/g, '\\$&')}*`;
      for (const node of redis instanceof Cluster ? redis.nodes('master') : [redis]) {
        let cursor = '0';
        do {
          const scan: Command = ['scan', cursor, 'MATCH', match, 'COUNT', SCANNED_KEYS];
          const [page] = (await run(node, [scan])) as [[string, string[]]];
          cursor = page[0];
          if (page[1].length > 0) yield page[1].map((key) => key.slice(keyPrefix.length + start.length));
        } while (cursor !== '0');
      }
    },

    async sweepState() {
      const [text] = (await run(redis, [['get', SWEEP]])) as [string | null];
      return text === null ? undefined : (JSON.parse(text) as SweepState);
    },

    async setSweepState(state) {
      await run(redis, [['set', SWEEP, JSON.stringify(state)]]);
    },

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

function positionCommands(positions: ReadonlyMap<StreamId, StreamPosition>): Command[] {
  const hashes = new Map<string, string[]>();
  for (const [stream, position] of positions) {
    const { commitNo, of, held } = position;
    const key = positionsKey(stream);
    const text = `${commitNo} ${rankOf(position)} ${of.join(',')} ${held ? JSON.stringify(held) : ''}`;
    hashes.set(key, [...(hashes.get(key) ?? []), stream, text]);
  }
  const commands = [...hashes].flatMap(([key, pairs]) => {
    const calls: Command[] = [];
    for (let from = 0; from < pairs.length; from += 2 * POSITIONS_PER_CALL) {
      calls.push(['eval', POSITION, 1, key, ...pairs.slice(from, from + 2 * POSITIONS_PER_CALL)]);
    }
    return calls;
  });
  const held = [...positions].flatMap(([stream, position]) => (position.held ? [stream] : []));
  return held.length > 0 ? [['sadd', HELD, ...held], ...commands] : commands;
}

export function positionsKey(stream: StreamId): string {
  const place = createHash('sha1').update(stream).digest()[0]! % POSITION_HASHES;
  return `positions_v1:${place}`;
}

function positionIn(text: string): StreamPosition {
  const [commitNo, , of, ...held] = text.split(' ');
  return {
    of: of!.split(','),
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
function sessionOf(redis: Client): unknown {
  return redis instanceof Cluster ? undefined : (redis as unknown as { stream: unknown }).stream;
}

/**
 * A command that is sent after this, in the same turn of the event loop, reaches the server that was read, or fails. The client
 * would keep it for the next server if the connection were not ready and writable.
 */
function expectSession(redis: Client, session: unknown): void {
  if (session === undefined) return;
  const isSame = sessionOf(redis) === session && redis.status === 'ready';
  if (isSame && (session as Socket).writable) return;
  throw new Unavailable(ENGINE, 'the connection was lost in the middle of a batch');
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
