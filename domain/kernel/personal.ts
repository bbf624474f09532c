// Personal data: sealed per data subject before it is stored, and opened only for someone entitled to it.
import { z } from 'zod';
import type { DomainEvent } from './event.js';
import type { StreamId } from './stream.js';

/**
 * A personal value as events, read models, caches and archives store it. It states the place that it was bound to when it was
 * sealed.
 */
export interface Sealed {
  /** The data subject, for example `customer_01J…`. */
  sealed: string;
  /** Additional authenticated data: `<stream>/<event version>/<field>`, or `<stream>/<field>` of a value from a command. */
  at: string;
  /** AES-256-GCM: nonce (12 bytes), ciphertext, tag (16 bytes), as base64url. */
  box: string;
}

/** Replaces a sealed value that nobody can open any more. */
export interface Forgotten {
  forgotten: true;
  /** Why it cannot be opened, if not because its subject was forgotten. */
  because?: string;
}
export const FORGOTTEN: Forgotten = { forgotten: true };

export type Personal<T> = T | Sealed;

/** An answer whose fields `K` are still sealed. A forgotten field is absent once it is opened. */
export type SealedIn<A, K extends keyof A> = Omit<A, K> & { [F in K]?: Personal<NonNullable<A[F]>> };

const sealedSchema = z.strictObject({ sealed: z.string(), at: z.string(), box: z.string() });

/** A personal field of event data: plain or sealed when a decider creates it, sealed once it is in the log. */
export function personal<T extends z.ZodType>(plain: T) {
  return z.union([sealedSchema, plain]);
}

/** Of an event whose version 1 had a personal text in plain. It is read as it is. */
export const plainBefore = { version: 2, upcast: { 1: (data: object) => data } };

export function isSealed(value: unknown): value is Sealed {
  return typeof value === 'object' && value !== null && 'sealed' in value && 'box' in value;
}

export function isForgotten(value: unknown): value is Forgotten {
  return typeof value === 'object' && value !== null && 'forgotten' in value;
}

export interface PersonalData {
  /**
   * Seals the personal fields of an event for this version of this stream. Fields that are sealed already stay as they are. Throws
   * `rule_violated` if the subject was forgotten, unless the event is recorded even then.
   */
  seal<E extends DomainEvent>(event: E, stream: StreamId, version: number): Promise<E>;
  /**
   * Opens a sealed value. A plain value is returned as it is. A value without its key, as in a shop made by `import-log`, counts
   * as forgotten, and so does one that was changed.
   */
  open<T>(value: Personal<T>): Promise<T | Forgotten>;
  /**
   * Seals a value of a command for an event that does not name its subject, such as the reason of a cancellation. `place` is what
   * the value is bound to: the stream and the field. The same value gets the same seal there, so that a repeated command is the
   * same. After the subject was forgotten, nobody can open it.
   */
  sealFor<T>(subject: string, place: string, value: T): Promise<Personal<T>>;
  /** Deletes the subject's key permanently and leaves a tombstone, so that no new key is made. */
  forget(subject: string): Promise<void>;
}
