// Read models in Redis or ElastiCache: a hash per document and one of positions for each version of a projection. The server must
// not evict keys (`noeviction`): only a rebuild restores evicted documents.
import type { ChainableCommander, Redis, RedisOptions } from 'ioredis';
import type { StreamId } from '../../domain/kernel/stream.js';
import { physicalName } from '../../projections/runtime/projection.js';
import type { Quarantine, Sink, SinkTable, StoredDocument, StreamProgress } from '../../projections/runtime/sink.js';
import { orUnavailable } from './unavailable.js';

const ENGINE = 'Redis';

/** Options for the client of this sink: a command without an answer fails instead of waiting for a new connection. */
export const REDIS_OPTIONS = {
  commandTimeout: 5_000,
  connectTimeout: 3_000,
  maxRetriesPerRequest: 1,
} satisfies RedisOptions;

/** Positions that one script call raises. The server does nothing else while it runs. */
const POSITIONS_PER_CALL = 1_000;

/** Compare-and-set: the document must have the loaded revision, or '0' if it did not exist. */
const SAVE = `
  if (redis.call('HGET', KEYS[1], 'revision') or '0') ~= ARGV[1] then return 0 end
  redis.call('HSET', KEYS[1], 'document', ARGV[2], 'positions', ARGV[3], 'revision', ARGV[1] + 1)
  return 1`;

const RAISE = `
  for i = 1, #ARGV, 2 do
    local known = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0')
    if tonumber(ARGV[i + 1]) > known then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
  end`;

export function createRedisSink(redis: Redis): Sink {
  return { open: async (projection) => createTable(redis, physicalName(projection)) };
}

/** The hash of a document. Its field `document` is JSON, `null` for a tombstone. */
export function documentKey(table: string, key: string): string {
  return `${table}:${key}`;
}

function createTable(redis: Redis, table: string): SinkTable {
  const positions = `${table}_progress`;
  const quarantines = `${table}_quarantine`;
  const swept = `${table}_swept`;

  async function progress(streams: readonly StreamId[]): Promise<Map<StreamId, StreamProgress>> {
    if (streams.length === 0) return new Map();
    const pipeline = redis
      .pipeline()
      .hmget(positions, ...streams)
      .hmget(quarantines, ...streams);
    const [reached, stuck] = (await run(pipeline)) as [(string | null)[], (string | null)[]];
    const found = streams.map((stream, index) => [stream, progressOf(reached[index], stuck[index])] as const);
    return new Map(found.filter((pair): pair is readonly [StreamId, StreamProgress] => pair[1] !== undefined));
  }

  return {
    async load(keys) {
      const pipeline = redis.pipeline();
      for (const key of keys) pipeline.hmget(documentKey(table, key), 'document', 'positions', 'revision');
      const replies = (await run(pipeline)) as (string | null)[][];
      return new Map(keys.flatMap((key, index) => storedDocument(key, replies[index]!)));
    },

    async save(writes) {
      const pipeline = redis.pipeline();
      for (const { key, document, positions, revision } of writes) {
        const values = [String(revision ?? 0), JSON.stringify(document), JSON.stringify(positions)];
        pipeline.eval(SAVE, 1, documentKey(table, key), ...values);
      }
      const replies = await run(pipeline);
      return replies.map((saved) => (saved === 1 ? { saved: true } : { saved: false, stale: true }));
    },

    progress,

    async advance(raised) {
      const pairs = [...raised];
      const pipeline = redis.pipeline();
      for (let from = 0; from < pairs.length; from += POSITIONS_PER_CALL) {
        pipeline.eval(RAISE, 1, positions, ...pairs.slice(from, from + POSITIONS_PER_CALL).flat());
      }
      await run(pipeline);
    },

    async quarantine(entry) {
      await run(redis.pipeline().hset(quarantines, entry.stream, JSON.stringify(entry)));
    },

    async quarantined() {
      const [streams] = (await run(redis.pipeline().hkeys(quarantines))) as [StreamId[]];
      return [...(await progress(streams)).values()].flatMap(({ quarantine }) => quarantine ?? []);
    },

    async sweptTo() {
      const [at] = await run(redis.pipeline().get(swept));
      return Number(at ?? 0);
    },

    async setSweptTo(at) {
      await run(redis.pipeline().set(swept, at));
    },
  };
}

function storedDocument(key: string, [document, positions, revision]: (string | null)[]): [string, StoredDocument][] {
  if (!document || !positions) return [];
  return [[key, { key, document: JSON.parse(document), positions: JSON.parse(positions), revision }]];
}

function progressOf(position = null as string | null, entry = null as string | null): StreamProgress | undefined {
  const commitNo = Number(position ?? 0);
  const quarantine = entry === null ? undefined : (JSON.parse(entry) as Quarantine);
  if (quarantine && commitNo < quarantine.commitNo) return { commitNo, quarantine };
  return commitNo > 0 ? { commitNo } : undefined;
}

/** One round trip. Any failure counts as unavailable: the server may be down, full, or deny scripts. */
function run(pipeline: ChainableCommander): Promise<unknown[]> {
  return orUnavailable(
    ENGINE,
    () => true,
    async () => {
      if (pipeline.length === 0) return [];
      const replies = (await pipeline.exec()) ?? [];
      for (const [error] of replies) if (error) throw error;
      return replies.map(([, reply]) => reply);
    },
  );
}
