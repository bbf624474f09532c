// The Redis client: for one server, or for a cluster (ElastiCache with cluster mode enabled).
import { Cluster, type DNSLookupFunction, Redis, type RedisOptions } from 'ioredis';
import { defined } from '../domain/kernel/json.js';
import { REDIS_OPTIONS } from './sinks/redis.js';

export interface RedisSettings {
  url: string;
  /** `url` names one node of a cluster, or its configuration endpoint. The client finds the other nodes. */
  isCluster: boolean;
  keyPrefix: string;
}

/** A cluster's client has the same commands, but keys of one pipeline or script have to be on one node. */
export function createRedisClient({ url, isCluster, keyPrefix }: RedisSettings): Redis {
  if (!isCluster) return new Redis(url, { ...REDIS_OPTIONS, keyPrefix });
  const { hostname, port, username, password, protocol } = new URL(url);
  const isEncrypted = protocol === 'rediss:';
  const redisOptions = {
    ...REDIS_OPTIONS,
    ...defined({
      username: decodeURIComponent(username) || undefined,
      password: decodeURIComponent(password) || undefined,
      tls: isEncrypted ? {} : undefined,
    }),
  };
  const options = {
    keyPrefix,
    redisOptions,
    // Commands fail at once while no node is known: this queue has no time limit.
    enableOfflineQueue: false,
    ...defined({ dnsLookup: isEncrypted ? keepName : undefined }),
  };
  return new Cluster([{ host: hostname, port: Number(port || 6379) }], options) as unknown as Redis;
}

/** Certificates have the names of the nodes, not their addresses. */
const keepName: DNSLookupFunction = (address, done) => done(null, address);

/** Options that a further client may change. */
type Changes = Pick<
  RedisOptions,
  'commandTimeout' | 'enableAutoPipelining' | 'enableOfflineQueue' | 'maxRetriesPerRequest'
>;

/** A further client for the same server or cluster, with these options changed. */
export function duplicateOf(redis: Redis, options: Changes): Redis {
  const cluster = clusterOf(redis);
  if (!cluster) return redis.duplicate(options);
  const { enableAutoPipelining = false, ...ofServers } = options;
  const redisOptions = { ...cluster.options.redisOptions, ...ofServers } as RedisOptions & { replyMapping: never };
  return cluster.duplicate([], { enableAutoPipelining, redisOptions }) as unknown as Redis;
}

/** The servers that hold the keys. Their clients add no key prefix if they are nodes of a cluster. */
export function serversOf(redis: Redis): Redis[] {
  return clusterOf(redis)?.nodes('master') ?? [redis];
}

function clusterOf(redis: unknown): Cluster | undefined {
  return redis instanceof Cluster ? redis : undefined;
}
