// The entries of the stream of views as records of Kinesis have them: JSON texts.
import { z } from 'zod';
import type { BrowsingEntry } from '../../projections/recommendation/browsing.js';
import type { Logger } from '../../projections/runtime/projector.js';

const entrySchema: z.ZodType<BrowsingEntry> = z.union([
  z.object({ id: z.string(), session: z.string(), product: z.string(), at: z.number() }),
  z.object({ forget: z.string() }),
]);

export interface EntryRecord {
  data: Uint8Array;
  sequenceNumber: string | undefined;
}

/** What cannot be read is reported and left out. */
export function entriesIn(records: readonly EntryRecord[], log: Pick<Logger, 'warn'>): BrowsingEntry[] {
  return records.flatMap(({ data, sequenceNumber }) => {
    try {
      return [entrySchema.parse(JSON.parse(Buffer.from(data).toString()))];
    } catch {
      log.warn({ sequenceNumber }, 'a record in the stream of views is no view; it is left out');
      return [];
    }
  });
}
