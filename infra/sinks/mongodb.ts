// Read models in MongoDB or DocumentDB: a collection of documents and one of positions for each version of a projection.
import { BSON, type Collection, type Db, MongoBulkWriteError, MongoError, MongoInvalidArgumentError } from 'mongodb';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { type Document, type Projection, physicalName } from '../../projections/runtime/projection.js';
import type {
  DocumentWrite,
  Quarantine,
  Sink,
  SinkTable,
  StreamProgress,
  WriteOutcome,
} from '../../projections/runtime/sink.js';
import { saveHalving } from './halving.js';
import { orUnavailable } from './unavailable.js';

const ENGINE = 'MongoDB';

/** An operation without an answer is abandoned after this time. */
const OPERATION_TIMEOUT_MS = 10_000;

const DUPLICATE_KEY = 11_000;

/**
 * Error codes of documents that the server rejects permanently: bad value, dollar or dot in a name, too large, not valid, two
 * arrays in one index.
 */
const REFUSALS = new Set([2, 52, 57, 121, 171, 10_334, 17_419, 17_420]);

/** Two upserts of the same new stream may collide. The loser finds the entry at its next attempt. */
const MAX_UPSERT_ATTEMPTS = 3;

/** Row of the positions that holds the sweep position. No stream id is empty. */
const SWEPT_ROW = '';

/** A document as the collection holds it. Queries find its fields below `document`. */
export interface MongoDocument {
  _id: string;
  /** null: a tombstone. */
  document: Document | null;
  /** Pairs, because stream ids contain dots and dollars. */
  positions: [StreamId, number][];
  /** Number of writes, for compare-and-set. */
  revision: number;
}

interface Position {
  _id: string;
  commitNo: number;
  quarantine?: Quarantine;
}

export function createMongoSink(db: Db): Sink {
  return {
    async open(projection) {
      const name = physicalName(projection);
      const options = { ignoreUndefined: true, readPreference: 'primary', timeoutMS: OPERATION_TIMEOUT_MS } as const;
      const documents = db.collection<MongoDocument>(name, options);
      await away(() => createIndexes(documents, projection));
      return createTable(documents, db.collection<Position>(`${name}_progress`, options));
    },
  };
}

function createTable(documents: Collection<MongoDocument>, positions: Collection<Position>): SinkTable {
  /** A stale revision matches nothing. The upsert then tries to insert an existing key and fails with E11000. */
  async function saveAll(writes: readonly DocumentWrite[]): Promise<WriteOutcome[]> {
    const outcomes: WriteOutcome[] = writes.map(() => ({ saved: true }));
    const operations = writes.map(({ key, document, positions, revision }) => ({
      replaceOne: {
        filter: { _id: key, revision: (revision as number | undefined) ?? 0 },
        replacement: { document, positions: pairsOf(positions), revision: ((revision as number | undefined) ?? 0) + 1 },
        upsert: true,
      },
    }));
    for (const { index, code, errmsg } of await bulkErrors(() => documents.bulkWrite(operations, { ordered: false }))) {
      outcomes[index] = outcomeOf(code, errmsg ?? `error ${code}`);
    }
    return outcomes;
  }

  async function raise(streams: readonly (readonly [StreamId, number])[], attempt = 1): Promise<void> {
    if (streams.length === 0) return;
    const operations = streams.map(([stream, commitNo]) => ({
      updateOne: { filter: { _id: stream }, update: { $max: { commitNo } }, upsert: true },
    }));
    const errors = await bulkErrors(() => positions.bulkWrite(operations, { ordered: false }));
    const other = errors.find(({ code }) => code !== DUPLICATE_KEY);
    if (other || (errors.length > 0 && attempt === MAX_UPSERT_ATTEMPTS)) {
      throw new Unavailable(ENGINE, (other ?? errors[0])?.errmsg ?? 'an update failed');
    }
    await raise(
      errors.map(({ index }) => streams[index]!),
      attempt + 1,
    );
  }

  return {
    async load(keys) {
      if (keys.length === 0) return new Map();
      const found = await away(() => documents.find({ _id: { $in: [...keys] } }).toArray());
      return new Map(
        found.map(({ _id, document, positions, revision }) => [
          _id,
          { key: _id, document, positions: Object.fromEntries(positions), revision },
        ]),
      );
    },
    save: (writes) => saveHalving(writes, saveAll, isRefusal),

    async progress(streams) {
      if (streams.length === 0) return new Map();
      const found = await away(() => positions.find({ _id: { $in: [...streams] } }).toArray());
      return new Map(found.map((position) => [position._id as StreamId, progressOf(position)]));
    },
    advance: (raised) => raise([...raised]),
    async quarantine(entry) {
      const update = { $set: { quarantine: entry }, $max: { commitNo: 0 } };
      await away(() => positions.updateOne({ _id: entry.stream }, update, { upsert: true }));
    },
    async quarantined() {
      const found = await away(() => positions.find({ quarantine: { $exists: true } }).toArray());
      return found.flatMap((position) => progressOf(position).quarantine ?? []);
    },

    sweptTo: async () => (await away(() => positions.findOne({ _id: SWEPT_ROW })))?.commitNo ?? 0,
    async setSweptTo(at) {
      await away(() => positions.updateOne({ _id: SWEPT_ROW }, { $set: { commitNo: at } }, { upsert: true }));
    },
  };
}

/** Texts and objects of numbers are not indexed: the search store serves those queries. */
async function createIndexes(
  documents: Collection<MongoDocument>,
  { fields, indexes = [] }: Projection<never, never>,
): Promise<void> {
  const isIndexed = (field: string) => fields[field] !== 'text' && fields[field] !== 'numbers';
  const single = Object.keys(fields).filter((field) => isIndexed(field) && !indexes.flat().includes(field));
  const wanted = [...indexes, ...single.map((field) => [field])];
  if (wanted.length === 0) return;
  await documents.createIndexes(
    wanted.map((combination) => ({ key: Object.fromEntries(combination.map((field) => [`document.${field}`, 1])) })),
  );
}

function pairsOf(positions: DocumentWrite['positions']): MongoDocument['positions'] {
  return Object.entries(positions) as MongoDocument['positions'];
}

function progressOf({ commitNo, quarantine }: Position): StreamProgress {
  return quarantine && commitNo < quarantine.commitNo ? { commitNo, quarantine } : { commitNo };
}

/** The failed operations of a bulk write. All others have succeeded. */
function bulkErrors(
  write: () => Promise<unknown>,
): Promise<{ index: number; code: number; errmsg?: string | undefined }[]> {
  return away(async () => {
    try {
      await write();
      return [];
    } catch (error) {
      const errors = error instanceof MongoBulkWriteError ? [error.writeErrors].flat() : [];
      if (errors.length === 0) throw error;
      return errors;
    }
  });
}

function outcomeOf(code: number, message: string): WriteOutcome {
  if (code === DUPLICATE_KEY) return { saved: false, stale: true };
  if (REFUSALS.has(code)) return { saved: false, stale: false, error: message };
  throw new Unavailable(ENGINE, message);
}

/** The driver rejects the document before it sends it. A RangeError means that the document exceeds its buffer. */
function isRefusal(error: unknown): error is Error {
  return error instanceof BSON.BSONError || error instanceof MongoInvalidArgumentError || error instanceof RangeError;
}

function away<T>(work: () => Promise<T>): Promise<T> {
  return orUnavailable(ENGINE, (error) => error instanceof MongoError && !isRefusal(error), work);
}
