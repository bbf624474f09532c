// Personal data: sealed per data subject before it is stored, and opened only for someone entitled to it.
import { z } from 'zod';
import type { DomainEvent } from './event.js';
import type { StreamId } from './stream.js';

/** A personal value as events, read models, caches and archives hold it. It says itself what it was bound to when sealed. */
export interface Sealed {
  /** Whose it is, for example `customer_01J…`. */
  sealed: string;
  /** Additional authenticated data: `<stream>/<event version>/<field>`. */
  at: string;
  /** AES-256-GCM: nonce (12 bytes), ciphertext, tag (16 bytes), as base64url. */
  box: string;
}

/** What remains of a sealed value once its subject is forgotten. */
export interface Forgotten {
  forgotten: true;
}
export const FORGOTTEN: Forgotten = { forgotten: true };

export type Personal<T> = T | Sealed;

const sealedSchema = z.strictObject({ sealed: z.string(), at: z.string(), box: z.string() });

/** A field of event data that is personal: plain where a decider makes it, sealed from the log on. */
export function personal<T extends z.ZodType>(plain: T) {
  return z.union([sealedSchema, plain]);
}

export function isSealed(value: unknown): value is Sealed {
  return typeof value === 'object' && value !== null && 'sealed' in value && 'box' in value;
}

export function isForgotten(value: unknown): value is Forgotten {
  return typeof value === 'object' && value !== null && 'forgotten' in value;
}

export interface PersonalData {
  /** Seals the personal fields of an event that gets this version in this stream. Fields that are sealed already stay as they are. */
  seal<E extends DomainEvent>(event: E, stream: StreamId, version: number): Promise<E>;
  /** Opens a value; a plain one is returned as it is. */
  open<T>(value: Personal<T>): Promise<T | Forgotten>;
  /** Deletes the subject's key for ever and leaves a tombstone, so that none is made again. */
  forget(subject: string): Promise<void>;
}
