// Read models in MongoDB or DocumentDB: a collection for each version of a projection, and one of positions for all of them.
import {
  BSON,
  type Collection,
  type CollectionOptions,
  type Db,
  MongoBulkWriteError,
  MongoError,
  MongoInvalidArgumentError,
} from 'mongodb';
import { pairs, valueAt } from '../../domain/kernel/collections.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import { defined } from '../../domain/kernel/json.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { BuildsState } from '../../projections/runtime/builds.js';
import { type Document, type Projection, physicalName } from '../../projections/runtime/projection.js';
import {
  type BulkLoad,
  type DocumentId,
  type DocumentStore,
  type DocumentWrite,
  type NewDocument,
  refuseNone,
  type Sink,
  type StoredDocument,
  type StreamPosition,
  type SweepState,
  type WriteOutcome,
} from '../../projections/runtime/sink.js';
import { groupBy } from './group-by.js';
import { saveHalving } from './halving.js';
import { type Placed, type Places, type PlacingDeps, placeAll, placesOf, positionsIn } from './placing.js';
import { orUnavailable } from './unavailable.js';

const ENGINE = 'MongoDB';

const DUPLICATE_KEY = 11_000;

/**
 * Error codes of documents that the server rejects permanently: bad value, dollar or dot in a name, too large, not valid, two
 * arrays in one index.
 */
const REFUSALS = new Set([2, 52, 57, 121, 171, 10_334, 17_419, 17_420]);

/** The positions of all projections in the database. */
const POSITIONS = 'positions_v1';

const KEYS_PER_PAGE = 1_000;

/** Entry of the positions that holds the progress of the sweep. No stream id is empty. */
const SWEEP_ID = '';

/** Entry of the positions that holds the builds. Stream ids contain a `#`. */
const BUILDS_ID = 'builds';

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

/** `revision` is the number of writes, for compare-and-set. */
type Position = StreamPosition & { _id: string; revision: number };

export function createMongoSink(db: Db): Sink {
  const options = { ignoreUndefined: true, readPreference: 'primary' } as const;
  return {
    engine: ENGINE,
    async open(projections) {
      for (const projection of projections) await create(db, options, projection);
      await away(() => db.collection(POSITIONS).createIndex({ held: 1 }, { sparse: true }));
      return createStore(db, options);
    },
  };
}

function createStore(db: Db, options: CollectionOptions): DocumentStore {
  const documentsOf = (table: string) => db.collection<MongoDocument>(table, options);
  const positions = db.collection<Position>(POSITIONS, options);
  const sweep = db.collection<{ _id: string; sweep: SweepState }>(POSITIONS, options);
  const builds = db.collection<{ _id: string; builds: BuildsState; revision: number }>(POSITIONS, options);

  async function loadTable(table: string, ids: readonly DocumentId[]): Promise<StoredDocument[]> {
    const keys = ids.map(({ key }) => key);
    const found = await away(() =>
      documentsOf(table)
        .find({ _id: { $in: keys } })
        .toArray(),
    );
    return found.map(({ _id, document, positions, revision }) => ({
      table,
      key: _id,
      document,
      positions: Object.fromEntries(positions),
      revision,
    }));
  }

  async function loadPositions(streams: readonly StreamId[]): Promise<Places> {
    if (streams.length === 0) return new Map();
    const found = await away(() => positions.find({ _id: { $in: [...streams] } }).toArray());
    return placesOf(streams, new Map(found.map((stored) => [stored._id as StreamId, placedOf(stored)])));
  }

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
    const documents = documentsOf(writes[0]!.table);
    for (const { index, code, errmsg } of await bulkErrors(() => documents.bulkWrite(operations, { ordered: false }))) {
      outcomes[index] = outcomeOf(code, errmsg ?? `error ${code}`);
    }
    return outcomes;
  }

  const placing: PlacingDeps = {
    engine: ENGINE,
    read: loadPositions,
    async write(entries) {
      const written = entries.map(() => true);
      const operations = entries.map(({ stream, position, revision = 0 }) => ({
        replaceOne: {
          filter: { _id: stream, revision: revision as number },
          replacement: { ...position, revision: (revision as number) + 1 },
          upsert: true,
        },
      }));
      const errors = await bulkErrors(() => positions.bulkWrite(operations, { ordered: false }));
      for (const { index, code, errmsg } of errors) {
        if (code !== DUPLICATE_KEY) throw new Unavailable(ENGINE, errmsg ?? `error ${code}`);
        written[index] = false;
      }
      return written;
    },
  };

  return {
    async load(ids, streams) {
      const tables = [...groupBy(ids, ({ table }) => table)];
      const [found, ...documents] = await Promise.all([
        loadPositions(streams),
        ...tables.map(([table, some]) => loadTable(table, some)),
      ]);
      return { documents: documents.flat(), positions: positionsIn(found), session: found };
    },

    async save(writes, next, session) {
      const tables = [...groupBy(writes, ({ table }) => table).values()];
      const saved = await Promise.all(
        tables.map(async (some) => pairs(some, await saveHalving(some, saveAll, isRefusal))),
      );
      const outcomes = new Map(saved.flat());
      if ([...outcomes.values()].every((outcome) => outcome.saved)) await placeAll(placing, next, session as Places);
      return writes.map((write) => valueAt(outcomes, write));
    },

    async *keys(table) {
      for (let after = '', isMore = true; isMore; ) {
        const filter = { _id: { $gt: after } };
        const find = () =>
          documentsOf(table).find(filter, { projection: { _id: 1 }, sort: { _id: 1 }, limit: KEYS_PER_PAGE });
        const found = await away(() => find().toArray());
        if (found.length > 0) yield found.map(({ _id }) => _id);
        after = found.at(-1)?._id ?? after;
        isMore = found.length === KEYS_PER_PAGE;
      }
    },

    async held() {
      const found = await away(() => positions.find({ held: { $exists: true } }).toArray());
      return new Map(found.map((stored) => [stored._id as StreamId, placedOf(stored).position]));
    },

    sweepState: async () => (await away(() => sweep.findOne({ _id: SWEEP_ID })))?.sweep,
    async setSweepState(state) {
      await away(() => sweep.updateOne({ _id: SWEEP_ID }, { $set: { sweep: state } }, { upsert: true }));
    },

    async builds() {
      const found = await away(() => builds.findOne({ _id: BUILDS_ID }));
      return found ? { state: found.builds, revision: found.revision } : undefined;
    },
    async setBuilds(state, revision = 0) {
      const filter = { _id: BUILDS_ID, revision: revision as number };
      const replacement = { builds: state, revision: (revision as number) + 1 };
      try {
        await away(() => builds.replaceOne(filter, replacement, { upsert: true }));
        return true;
      } catch (error) {
        if ((error as { cause?: { code?: number } }).cause?.code !== DUPLICATE_KEY) throw error;
        return false;
      }
    },

    create: (projection) => create(db, options, projection),
    async drop(table) {
      await away(() => db.dropCollection(table));
    },
    count: (table) => away(() => documentsOf(table).countDocuments()),
    bulk: createBulkLoad(db, options),

    /** The process and the election of the primary, as far as the server tells them. */
    async lineage() {
      const { topologyVersion, electionId, setName, me } = await away(() => db.command({ hello: 1 }));
      return [topologyVersion?.processId, electionId, setName, me].filter(Boolean).join(' ');
    },

    onDoubt(listener) {
      db.client.on('topologyDescriptionChanged', listener);
    },
  };
}

/** Unordered inserts into a collection that has only its key. The other indexes are made when it is full. */
function createBulkLoad(db: Db, options: CollectionOptions): BulkLoad {
  async function insert(table: string, documents: readonly NewDocument[]): Promise<WriteOutcome[]> {
    const outcomes: WriteOutcome[] = documents.map(() => ({ saved: true }));
    const operations = documents.map(({ key, document, positions }) => ({
      insertOne: { document: { _id: key, document, positions: pairsOf(positions), revision: 1 } },
    }));
    const errors = await bulkErrors(() =>
      db.collection<MongoDocument>(table, options).bulkWrite(operations, { ordered: false }),
    );
    for (const { index, code, errmsg } of errors) outcomes[index] = outcomeOf(code, errmsg ?? `error ${code}`);
    return outcomes;
  }

  return {
    /** The first insert creates the collection. */
    create: async () => {},
    async insert(table, documents) {
      const outcomes = await saveHalving(documents, (some) => insert(table, some), isRefusal);
      refuseNone(documents, outcomes);
    },
    complete: (projection) => create(db, options, projection),
  };
}

function create(db: Db, options: CollectionOptions, projection: Projection<never, never>): Promise<void> {
  const documents = db.collection<MongoDocument>(physicalName(projection), options);
  return away(() => createIndexes(documents, projection));
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

function placedOf({ revision, of, commitNo, held }: Position): Placed {
  return { position: { of, commitNo, ...defined({ held }) }, revision };
}

function pairsOf(positions: DocumentWrite['positions']): MongoDocument['positions'] {
  return Object.entries(positions) as MongoDocument['positions'];
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
