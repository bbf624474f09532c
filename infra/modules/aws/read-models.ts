// The stores of all read models of the profile `aws`, and the queries that they answer.
import { createMongoSink } from '../../sinks/mongodb.js';
import { createOpenSearchSink } from '../../sinks/opensearch.js';
import { createPostgresSink } from '../../sinks/postgres.js';
import { createRedisSink } from '../../sinks/redis.js';
import type { DynamoParts } from '../dynamodb-server.js';
import { lazy, type Parts, type ProfileParts, type Recipes } from '../parts.js';
import { watchedSynonyms } from '../synonyms.js';
import { documentQueries, type MongoParts, mongoParts } from './mongodb.js';
import { type OpenSearchParts, openSearchParts, searchQueries } from './opensearch.js';
import { relationalQueries } from './postgres.js';
import { cacheQueries, type RedisParts, redisParts } from './redis.js';

export type ReadModelStoreParts = MongoParts & OpenSearchParts & RedisParts;

export const readModelParts = {
  ...mongoParts,
  ...openSearchParts,
  ...redisParts,

  sinks: ({ postgres: { pool }, mongo, opensearch, redis, config: { namespace } }) =>
    lazy(() => ({
      relational: createPostgresSink(pool),
      documents: createMongoSink(mongo),
      search: createOpenSearchSink(opensearch, { prefix: `${namespace}-` }),
      cache: createRedisSink(redis),
    })),

  queriesOf: ({
    postgres: { pool },
    mongo,
    opensearch,
    redis,
    config: { namespace, synonymsFile },
    lifecycle,
    countedLog,
  }) =>
    lazy(async () => ({
      ...relationalQueries(pool),
      ...documentQueries(mongo),
      ...searchQueries(opensearch, namespace, await watchedSynonyms(synonymsFile, lifecycle, countedLog)),
      ...cacheQueries(redis),
    })),
} satisfies Recipes<
  Pick<ProfileParts, 'sinks' | 'queriesOf' | 'rateLimiter'> & ReadModelStoreParts,
  Parts & DynamoParts & ReadModelStoreParts
>;
