// The stores of all read models of the profile `aws`, and the queries that they answer.
import type { DynamoParts } from '../dynamodb-server.js';
import { lazy, type Parts, type ProfileParts, type Recipes } from '../parts.js';
import { relationalQueries } from '../relational-queries.js';
import { watchedSynonyms } from '../synonyms.js';
import { documentQueries, documentSink, type MongoParts, mongoParts } from './mongodb.js';
import { type OpenSearchParts, openSearchParts, searchQueries, searchSink } from './opensearch.js';
import { relationalSink } from './postgres.js';
import { cacheQueries, cacheSink, type RedisParts, redisParts } from './redis.js';

export type ReadModelStoreParts = MongoParts & OpenSearchParts & RedisParts;

export const readModelParts = {
  ...mongoParts,
  ...openSearchParts,
  ...redisParts,

  profileServers: ({ mongoServer, openSearchServer, redisServer }) =>
    lazy(() => [mongoServer, openSearchServer, redisServer]),

  sinks: ({ postgresServer, mongoServer, openSearchServer, redisServer, admit, config: { namespace } }) =>
    lazy(() => ({
      relational: relationalSink(postgresServer, admit),
      documents: documentSink(mongoServer, admit),
      search: searchSink(openSearchServer, admit, namespace),
      cache: cacheSink(redisServer, admit),
    })),

  queriesOf: ({ postgresServer, mongoServer, openSearchServer, redisServer, config, lifecycle, countedLog }) =>
    lazy(async () => ({
      ...relationalQueries(postgresServer.pool),
      ...documentQueries(mongoServer.db),
      ...searchQueries(
        openSearchServer.client,
        config.namespace,
        await watchedSynonyms(config.synonymsFile, lifecycle, countedLog),
      ),
      ...cacheQueries(redisServer.redis),
    })),
} satisfies Recipes<
  Pick<ProfileParts, 'sinks' | 'queriesOf' | 'rateLimiter' | 'profileServers' | 'browsing'> & ReadModelStoreParts,
  Parts & DynamoParts & ReadModelStoreParts
>;
