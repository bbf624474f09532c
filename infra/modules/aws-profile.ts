// The `aws` profile: read models are in Postgres, MongoDB, OpenSearch and Redis; data keys, sessions and idempotency records are in
// DynamoDB, objects in S3. On local engines the program creates the tables itself; in AWS the deployment stack creates them.
import { createMongoSink } from '../sinks/mongodb.js';
import { createOpenSearchSink } from '../sinks/opensearch.js';
import { createPostgresSink } from '../sinks/postgres.js';
import { createRedisSink } from '../sinks/redis.js';
import { dynamoStore, TABLES } from '../stores/dynamodb-store.js';
import { documentQueries, type MongoParts, mongoParts } from './aws/mongodb.js';
import { type OpenSearchParts, openSearchParts, searchQueries } from './aws/opensearch.js';
import { relationalQueries } from './aws/postgres.js';
import { recordParts } from './aws/records.js';
import { cacheQueries, type RedisParts, redisParts } from './aws/redis.js';
import { type S3Parts, s3Parts } from './aws/s3.js';
import { type DynamoParts, dynamoParts, readNothing } from './dynamodb-server.js';
import { lazy, type Parts, type ProfileParts, type Recipes } from './parts.js';

type AwsParts = DynamoParts & MongoParts & OpenSearchParts & RedisParts & S3Parts;

export const awsParts = {
  ...dynamoParts,
  ...recordParts,
  ...mongoParts,
  ...openSearchParts,
  ...redisParts,
  ...s3Parts,

  profileEngines: ({ dynamoServer: { client, engine, name }, s3Server, mongoServer, openSearchServer, redisServer }) =>
    lazy(() => {
      const check = () =>
        Promise.all([
          readNothing(client, name(TABLES.subjectKeys), ['subject']),
          readNothing(client, name(TABLES.sessions), ['customerId', 'id']),
        ]);
      return [{ ...engine, check }, s3Server.engine, mongoServer.engine, openSearchServer.engine, redisServer.engine];
    }),

  profileStores: ({ dynamoServer, mongoServer, openSearchServer, redisServer }) =>
    lazy(() => [dynamoStore(dynamoServer), mongoServer.store, openSearchServer.store, redisServer.store]),

  sinks: ({ postgres: { pool }, mongo, opensearch, redis, config: { namespace } }) =>
    lazy(() => ({
      relational: createPostgresSink(pool),
      documents: createMongoSink(mongo),
      search: createOpenSearchSink(opensearch, { prefix: `${namespace}-` }),
      cache: createRedisSink(redis),
    })),

  queriesOf: ({ postgres: { pool }, mongo, opensearch, redis, config: { namespace } }) =>
    lazy(() => ({
      ...relationalQueries(pool),
      ...documentQueries(mongo),
      ...searchQueries(opensearch, namespace),
      ...cacheQueries(redis),
    })),
} satisfies Recipes<ProfileParts & AwsParts, Parts & AwsParts>;
