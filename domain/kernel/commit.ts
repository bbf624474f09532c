// The stored format of the log: one immutable item per commit. The format is permanent: any change needs a new format number.
import type { Hlc } from './clock.js';
import type { RecordedEvent } from './event.js';
import type { StreamId } from './stream.js';

export const FORMAT = 1;

/** The previous hash of a stream's first commit. */
export const GENESIS_HASH = '0'.repeat(64);

/** A commit as every event store keeps it, byte for byte. The field names are short because DynamoDB charges for them too. */
export interface StoredCommit {
  /** Stream id. */
  pk: StreamId;
  /** Commit number in the stream: 1, 2, 3 …, no gaps. */
  sk: number;
  /** Format number. */
  f: number;
  /** First and last event version. */
  fv: number;
  lv: number;
  /** The events as one JSON text. The hash covers its UTF-8 bytes, so it is never encoded again. */
  ev: string;
  /** Commit time, a hybrid logical clock. */
  at: Hlc;
  /** Ids of the commands that produced these events. */
  cs: string[];
  /** Hash of the previous commit, and the commit's own hash: SHA-256, lower-case hex. */
  ph: string;
  h: string;
  /** Log partition: the first byte of SHA-256(pk), modulo 64. */
  lp: number;
}

/** A commit as the program reads it: events upcast and checked. */
export interface Commit {
  stream: StreamId;
  position: Position;
  firstVersion: number;
  commandIds: string[];
  previousHash: string;
  events: RecordedEvent[];
}

/** The known end of a stream. Every append needs one. */
export interface Position {
  commitNo: number;
  /** Version of the last event. */
  version: number;
  hash: string;
  at: Hlc;
}

export const START: Position = { commitNo: 0, version: 0, hash: GENESIS_HASH, at: 0 };

/** The header is hashed between the previous hash and the events: h = SHA-256(utf8(ph ‖ header ‖ ev)). */
export function headerOf({ f, pk, sk, fv, lv, at, cs }: Omit<StoredCommit, 'ph' | 'h' | 'ev' | 'lp'>): string {
  return JSON.stringify([f, pk, sk, fv, lv, at, cs]);
}
