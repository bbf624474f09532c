// Keeps the read models of one store up to date from the stream of commits. The stream is a hint: positions and the log decide, so
// batches may come twice, out of order, and to several instances at once.
import type { KinesisStreamBatchResponse, KinesisStreamEvent, KinesisStreamRecord } from 'aws-lambda';
import type { Commit } from '../../domain/kernel/commit.js';
import type { Projector } from '../../projections/runtime/projector.js';
import { createRecordReader } from '../event-store/dynamodb/kinesis-record.js';
import { TABLES } from '../stores/dynamodb-store.js';
import { before, type Handler, handlerOf } from './invocation.js';
import type { FunctionRecipes } from './open.js';
import { projectionParts } from './projections.js';

/** Records that are applied together. A failure costs at most so many that are delivered again. */
const CHUNK_RECORDS = 100;

export function projectorHandler(recipes: FunctionRecipes): Handler<KinesisStreamEvent, KinesisStreamBatchResponse> {
  return handlerOf<KinesisStreamEvent, KinesisStreamBatchResponse>(
    { ...projectionParts, ...recipes },
    async ({ Records }, { shop, deadline }) => {
      const [{ projectors }, codec, alarm, log, { name }] = await Promise.all([
        shop.get('readModels'),
        shop.get('codec'),
        shop.get('tamperAlarm'),
        shop.get('log'),
        shop.get('dynamoServer'),
      ]);
      const { read } = createRecordReader({ table: name(TABLES.events), codec, alarm, log });
      const commitsOf = ({ kinesis: { data, sequenceNumber } }: KinesisStreamRecord) =>
        read(Buffer.from(data, 'base64'), { sequenceNumber });
      return applyInOrder({ Records, commitsOf, projectors, deadline, log });
    },
  );
}

interface Batch {
  Records: readonly KinesisStreamRecord[];
  commitsOf(record: KinesisStreamRecord): Commit[];
  projectors: readonly Pick<Projector, 'apply'>[];
  deadline: AbortSignal;
  log: { warn(fields: object, message: string): void };
}

/**
 * Applies the records in order. A commit that no projection can process goes to quarantine and is no failure. If the store or the
 * log does not answer, or the time is over, everything from that record on is delivered again: AWS goes on from the lowest sequence
 * number that is reported.
 */
export async function applyInOrder(batch: Batch): Promise<KinesisStreamBatchResponse> {
  const { Records, commitsOf, projectors, deadline, log } = batch;
  for (let from = 0; from < Records.length; from += CHUNK_RECORDS) {
    const chunk = Records.slice(from, from + CHUNK_RECORDS);
    try {
      const commits = chunk.flatMap(commitsOf);
      await before(deadline, Promise.all(projectors.map((projector) => projector.apply(commits))));
    } catch (error) {
      const itemIdentifier = chunk[0]?.kinesis.sequenceNumber ?? '';
      log.warn({ err: error, from: itemIdentifier }, 'records were not applied; they are delivered again');
      return { batchItemFailures: [{ itemIdentifier }] };
    }
  }
  return { batchItemFailures: [] };
}
