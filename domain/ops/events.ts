// What operators have done to the read models and to background work. The actor of each event is who did it.
import { z } from 'zod';
import type { EventDefinitions, EventOf } from '../kernel/event.js';
import { isStreamId, type StreamId } from '../kernel/stream.js';
import { shortText } from '../kernel/text.js';

export const opsReasonSchema = shortText(200);

/** A projection without its version, or `agenda`: the work of the agenda. */
export const targetSchema = z.string().regex(/^[a-z][a-z-]{0,62}$/, 'must be lower-case letters and dashes');

const commit = {
  /** Name of the projection, without its version. */
  projection: targetSchema,
  stream: z.string().max(400).refine(isStreamId) as z.ZodType<StreamId>,
  commitNo: z.int().min(1),
};
const operationId = z.string().min(1).max(200);
export const skipIdSchema = z.string().regex(/^[A-Za-z0-9]{1,40}$/);

export const opsEvents = {
  /** The projection was told to process the commit again. */
  QuarantineRetried: {
    version: 1,
    data: z.strictObject({ retryId: operationId, ...commit, reason: opsReasonSchema.optional() }),
  },
  /** From now on the projection goes on as if the commit did not exist, also when it is rebuilt. */
  CommitSkipped: { version: 1, data: z.strictObject({ skipId: skipIdSchema, ...commit, reason: opsReasonSchema }) },
  CommitSkipEnded: { version: 1, data: z.strictObject({ skipId: skipIdSchema, ...commit, reason: opsReasonSchema }) },
  WorkPaused: { version: 1, data: z.strictObject({ target: targetSchema, reason: opsReasonSchema }) },
  WorkResumed: { version: 1, data: z.strictObject({ target: targetSchema, reason: opsReasonSchema.optional() }) },
  /** The whole log was compared with its archive. `archived`: the commits in the archive. `problems`: 0 if all is well. */
  LogVerified: {
    version: 1,
    data: z.strictObject({
      verificationId: operationId,
      commits: z.int().min(0),
      archived: z.int().min(0),
      checkpoints: z.int().min(0),
      problems: z.int().min(0),
    }),
  },
} satisfies EventDefinitions;

export type Verified = z.output<typeof opsEvents.LogVerified.data>;
export type OpsEvent = EventOf<typeof opsEvents>;
