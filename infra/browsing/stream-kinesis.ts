// The stream of views in Kinesis: one of its own, beside that of the commits. Entries of a session share a partition key, so they
// stay in order.
import { type KinesisClient, PutRecordCommand } from '@aws-sdk/client-kinesis';
import type { BrowsingEntry } from '../../projections/recommendation/browsing.js';
import type { Logger } from '../../projections/runtime/projector.js';
import { isTransient } from '../aws.js';
import type { FeedCheckpoints } from '../event-store/dynamodb/kinesis-checkpoints.js';
import { readStream } from '../event-store/dynamodb/kinesis-stream.js';
import { withinBudget } from '../retry.js';
import { entriesIn } from './entries.js';
import type { ConsumedViewStream } from './port.js';

const BUDGET_MS = 2_000;
const CONSUMER = 'browsing';

/** Recommendations may follow a view a moment later. */
const POLL_MS = 1_000;

export interface KinesisViewStreamDeps {
  client: KinesisClient;
  streamName: string;
  checkpoints: FeedCheckpoints;
  log: Logger;
  pollMs?: number;
}

export function createKinesisViewStream(deps: KinesisViewStreamDeps): ConsumedViewStream {
  const { checkpoints, log, pollMs = POLL_MS, ...target } = deps;
  return {
    ...createViewRecorder(target),
    consume: (handle, signal) =>
      readStream({
        ...target,
        checkpoints,
        log,
        pollMs,
        consumer: CONSUMER,
        deliver: (records) =>
          handle(
            entriesIn(
              records.map(({ Data = new Uint8Array(), SequenceNumber }) => ({
                data: Data,
                sequenceNumber: SequenceNumber,
              })),
              log,
            ),
          ),
        signal,
      }),
  };
}

/** For programs that only record. */
export function createViewRecorder({
  client,
  streamName: StreamName,
}: Pick<KinesisViewStreamDeps, 'client' | 'streamName'>): Omit<ConsumedViewStream, 'consume'> {
  async function put(entry: BrowsingEntry, PartitionKey: string): Promise<void> {
    const record = new PutRecordCommand({ StreamName, PartitionKey, Data: Buffer.from(JSON.stringify(entry)) });
    await withinBudget({ engine: 'Kinesis', budgetMs: BUDGET_MS, isRetryable: isTransient }, () => client.send(record));
  }
  return {
    record: (view) => put(view, view.session),
    forget: (session) => put({ forget: session }, session),
  };
}
