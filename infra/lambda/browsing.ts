// Learns from the views of customers, which are in a stream of their own. If Redis does not answer, the batch is delivered again.
import type { KinesisStreamEvent } from 'aws-lambda';
import { recordEntries } from '../../projections/recommendation/browsing.js';
import { entriesIn } from '../browsing/entries.js';
import { redisParts } from '../modules/aws/redis.js';
import { before, handlerOf } from './invocation.js';

export const handler = handlerOf<KinesisStreamEvent, void>(redisParts, async ({ Records }, { shop, deadline }) => {
  const [browsing, log] = await Promise.all([shop.get('browsing'), shop.get('log')]);
  const records = Records.map(({ kinesis: { data, sequenceNumber } }) => ({
    data: Buffer.from(data, 'base64'),
    sequenceNumber,
  }));
  await before(deadline, recordEntries(browsing, entriesIn(records, log)));
});
