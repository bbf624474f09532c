// The client of MongoDB or Amazon DocumentDB, and what it may send.
import { MongoClient, type MongoClientOptions } from 'mongodb';

/** An operation without an answer is abandoned after this time, and its connection is closed. */
const OPERATION_TIMEOUT_MS = 10_000;

/**
 * These take precedence over the options in a URL. DocumentDB has no retryable writes; ours are compare-and-set and are retried by
 * the projector. A secondary would show older documents than those just written.
 */
const OPTIONS = {
  retryWrites: false,
  readPreference: 'primary',
  serverSelectionTimeoutMS: 3_000,
  connectTimeoutMS: 3_000,
  // The driver ignores `timeoutMS`, which is deprecated.
  socketTimeoutMS: OPERATION_TIMEOUT_MS,
} satisfies MongoClientOptions;

/** True for an operation that was given up by a signal of `AbortSignal.timeout`. */
export function isLate(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

/**
 * All commands and operators that the product sends, apart from those of the driver's connections. DocumentDB 4.0 and newer have
 * each of them: https://docs.aws.amazon.com/documentdb/latest/developerguide/mongo-apis.html.
 */
export const MONGODB_COMMANDS = ['aggregate', 'createIndexes', 'drop', 'find', 'listCollections', 'update'] as const;
export const MONGODB_OPERATORS = [
  ...['$exists', '$gt', '$in', '$set', '$setOnInsert'],
  ...['$arrayElemAt', '$group', '$ifNull', '$limit', '$match', '$min', '$project', '$sort', '$sum', '$unwind', '$zip'],
] as const;

export function createMongoClient(url: string, options: Pick<MongoClientOptions, 'monitorCommands'> = {}): MongoClient {
  return new MongoClient(url, { ...OPTIONS, ...options });
}
