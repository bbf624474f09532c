// Converts stored commits to events of EventStoreDB and back. One commit is one event: the text of its events is the data, byte for
// byte, and all other fields are the metadata.
import type { RecordedEvent } from '@eventstore/db-client';
import { z } from 'zod';
import type { StoredCommit } from '../../../domain/kernel/commit.js';
import { isStreamId, type StreamId } from '../../../domain/kernel/stream.js';
import type { NewEvent } from './client.js';

export const COMMIT_TYPE = 'commit';

/** The streams of a shop's log: `<shop>/<log>/<stream id>`. A log that was erased never meets the next one of the shop. */
export function prefixOf(shop: string, log: string): string {
  return `${shop}/${log}/`;
}

/** The id is made from the hash, so that the server recognises a commit that is sent again. */
export function toEvent({ ev, ...rest }: StoredCommit): NewEvent {
  return { id: idOf(rest.h), type: COMMIT_TYPE, data: Buffer.from(ev), metadata: rest };
}

/** A UUID of version 8, which leaves the other bits to us. */
function idOf(hash: string): string {
  const part = (from: number, to: number) => hash.slice(from, to);
  return `${part(0, 8)}-${part(8, 12)}-8${part(13, 16)}-8${part(17, 20)}-${part(20, 32)}`;
}

const metadataSchema = z.object({
  pk: z.string().refine(isStreamId),
  sk: z.int(),
  f: z.int(),
  fv: z.int(),
  lv: z.int(),
  at: z.int(),
  cs: z.array(z.string()),
  ph: z.string(),
  h: z.string(),
  lp: z.int(),
});

/** Throws `NotACommit`. */
export function fromEvent(prefix: string, event: RecordedEvent): StoredCommit {
  const { streamId, revision, type, data, metadata } = event;
  const { success, data: rest } = metadataSchema.safeParse(metadata);
  if (type !== COMMIT_TYPE) throw new NotACommit(event, `it is an event of type ${type}`);
  if (!success || !(data instanceof Uint8Array)) throw new NotACommit(event, 'its data or metadata have another form');
  if (streamId !== prefix + rest.pk) throw new NotACommit(event, `its metadata name the stream ${rest.pk}`);
  if (Number(revision) !== rest.sk - 1) throw new NotACommit(event, `its metadata name the number ${rest.sk}`);
  return { ...rest, pk: rest.pk as StreamId, ev: Buffer.from(data.buffer, data.byteOffset, data.length).toString() };
}

export class HiddenEvents extends Error {
  override name = 'HiddenEvents';
  constructor(stream: string) {
    super(
      `Somebody has hidden events of the stream ${stream}: it was deleted, or its metadata limit what can be read.`,
    );
  }
}

export class NotACommit extends Error {
  override name = 'NotACommit';
  constructor(
    { streamId, revision }: RecordedEvent,
    readonly problem: string,
  ) {
    super(`Event ${revision} of ${streamId} is no commit of this log: ${problem}.`);
  }
}
