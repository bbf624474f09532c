// The `aws` profile: read models are in Postgres, MongoDB, OpenSearch and Redis; data keys, sessions and idempotency records are in
// DynamoDB, objects in S3. On local engines the program creates the tables itself; in AWS the deployment stack creates them.
import { dynamoStore, TABLES, VIEW_STREAM } from '../stores/dynamodb-store.js';
import { deleteStream } from '../stores/kinesis-store.js';
import { type ReadModelStoreParts, readModelParts } from './aws/read-models.js';
import { recordParts } from './aws/records.js';
import { type S3Parts, s3Parts } from './aws/s3.js';
import { type ViewParts, viewParts } from './aws/views.js';
import { type DynamoParts, dynamoParts, readNothing } from './dynamodb-server.js';
import { mailParts } from './mail.js';
import { lazy, type Parts, type ProfileParts, type Recipes } from './parts.js';

type AwsParts = DynamoParts & ViewParts & ReadModelStoreParts & S3Parts;

export const awsParts = {
  ...mailParts,
  ...dynamoParts,
  ...recordParts,
  ...readModelParts,
  ...s3Parts,
  ...viewParts,

  profileEngines: ({ dynamoServer: { client, engine, name }, s3Server, mongoServer, openSearchServer, redisServer }) =>
    lazy(() => {
      const check = () =>
        Promise.all([
          readNothing(client, name(TABLES.subjectKeys), ['subject']),
          readNothing(client, name(TABLES.sessions), ['customerId', 'id']),
          readNothing(client, name(TABLES.credentials), ['customerId']),
        ]);
      return [{ ...engine, check }, s3Server.engine, mongoServer.engine, openSearchServer.engine, redisServer.engine];
    }),

  profileStores: ({ dynamoServer, viewKinesis }) =>
    lazy(() => [dynamoStore(dynamoServer, () => deleteStream(viewKinesis, dynamoServer.name(VIEW_STREAM)))]),
} satisfies Recipes<ProfileParts & AwsParts, Parts & AwsParts>;
