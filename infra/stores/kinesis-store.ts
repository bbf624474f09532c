// The stream of the log's changes in Kinesis. It holds nothing that the log does not have.
import { DeleteStreamCommand, type KinesisClient, waitUntilStreamNotExists } from '@aws-sdk/client-kinesis';
import { retrySetUp } from '../aws.js';
import { unlessMissing, WAIT } from './dynamodb-store.js';

export async function deleteStream(client: KinesisClient, StreamName: string): Promise<void> {
  const deletion = new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true });
  await unlessMissing(() => retrySetUp(() => client.send(deletion)));
  await waitUntilStreamNotExists({ client, ...WAIT }, { StreamName });
}
