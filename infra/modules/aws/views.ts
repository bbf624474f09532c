// The stream of views of the profile `aws`, in Kinesis. On a local engine the program makes the stream; in AWS the stack does.
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { createKinesisClient, ensureStream, ensureTable } from '../../aws.js';
import { createKinesisViewStream } from '../../browsing/stream-kinesis.js';
import { createDynamoCheckpoints, FEED_CHECKPOINTS_TABLE } from '../../event-store/dynamodb/kinesis-checkpoints.js';
import { TABLES, VIEW_STREAM } from '../../stores/dynamodb-store.js';
import type { DynamoParts } from '../dynamodb-server.js';
import { lazy, type Parts, type ProfileParts, type Recipes } from '../parts.js';

/** Shards of a local stream. */
const LOCAL_SHARDS = 1;

export interface ViewParts {
  viewKinesis: KinesisClient;
}

export const viewParts = {
  viewKinesis: ({ awsOptions, lifecycle }) =>
    lazy(() => {
      const { address: _, ...options } = awsOptions;
      const client = createKinesisClient(options);
      lifecycle.onClose(() => client.destroy());
      return client;
    }),

  viewStream: ({ dynamodb: { client, name, isLocal }, viewKinesis, log }) =>
    lazy(async () => {
      const [streamName, table] = [name(VIEW_STREAM), name(TABLES.feedCheckpoints)];
      if (isLocal) {
        await ensureStream(viewKinesis, streamName, LOCAL_SHARDS);
        await ensureTable(client, table, FEED_CHECKPOINTS_TABLE);
      }
      const checkpoints = createDynamoCheckpoints({ client, table });
      return createKinesisViewStream({ client: viewKinesis, streamName, checkpoints, log });
    }),
} satisfies Recipes<ViewParts & Pick<ProfileParts, 'viewStream'>, Parts & DynamoParts & ViewParts>;
