// Read models in OpenSearch: an index for each version of a projection, and one of positions for all of them.
import { type Client, errors } from '@opensearch-project/opensearch';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { BuildsState } from '../../projections/runtime/builds.js';
import { type Document, type FieldKind, type Projection, physicalName } from '../../projections/runtime/projection.js';
import {
  type BulkLoad,
  type DocumentStore,
  type DocumentWrite,
  type Positions,
  refuseNone,
  type Sink,
  type StoredDocument,
  type StreamPosition,
  type SweepState,
  type WriteOutcome,
} from '../../projections/runtime/sink.js';
import { type Places, type PlacingDeps, placeAll, placesOf, positionsIn } from './placing.js';
import { orUnavailable } from './unavailable.js';

const ENGINE = 'OpenSearch';

/** A request without an answer is abandoned after this time. The driver tries the next node itself. */
const REQUEST = { requestTimeout: 10_000, maxRetries: 1 };

/** Size of one bulk request, in characters, and of one multi-get, in documents. */
const BULK_LENGTH = 5_000_000;
const GET_DOCUMENTS = 1_000;

const SETTINGS = { auto_expand_replicas: '0-1' };

/** While an index is filled it is neither copied nor made searchable. Afterwards `null` brings the default back. */
const LOAD_SETTINGS = { auto_expand_replicas: false, number_of_replicas: 0, refresh_interval: -1 };
const LOADED_SETTINGS = { ...SETTINGS, refresh_interval: null };

/** The most streams in quarantine that can be listed. */
const MAX_HELD = 10_000;

/** Keys of one page, and how long the index is kept as it was for the next one. */
const KEYS_PER_PAGE = 1_000;
const SCROLL = '5m';

/** Longer keywords are stored but not found: Lucene rejects terms above 32,766 bytes. */
const MAX_KEYWORD_LENGTH = 8_000;

/** The positions of all projections in the namespace. */
const POSITIONS = 'positions_v1';

/** Entry of the positions that holds the progress of the sweep. Stream ids contain a `#`. */
const SWEEP_ID = 'sweep';

/** Entry of the positions that holds the builds. */
const BUILDS_ID = 'builds';

/** A document as the index holds it. Queries find its fields below `document`. */
export interface OpenSearchDocument {
  /** null: a tombstone. */
  document: Document | null;
  positions: Positions;
}

interface StoredPosition extends StreamPosition {
  /** True if `held` is present. Searches filter by it. */
  isHeld: boolean;
}
interface Found<S> {
  _index: string;
  _id: string;
  _source: S;
  _seq_no: number;
  _primary_term: number;
}
interface ItemResult {
  status: number;
  error?: { type: string; reason: string; caused_by?: { reason: string } };
}
interface BulkOperation {
  action: 'index' | 'create';
  meta: Record<string, unknown>;
  source: object;
}

export interface OpenSearchSinkOptions {
  /** OpenSearch has neither databases nor key prefixes, so index names begin with this. */
  prefix?: string;
}

export function createOpenSearchSink(client: Client, { prefix = '' }: OpenSearchSinkOptions = {}): Sink {
  return {
    engine: ENGINE,
    async open(projections) {
      for (const projection of projections) {
        await createIndex(client, prefix + physicalName(projection), documentsMapping(projection));
      }
      await createIndex(client, prefix + POSITIONS, positionsMapping);
      return createStore(client, prefix);
    },
  };
}

function createStore(client: Client, prefix: string): DocumentStore {
  const positionsIndex = prefix + POSITIONS;

  const positionIds = (streams: readonly StreamId[]) => streams.map((_id) => ({ _index: positionsIndex, _id }));

  const placing: PlacingDeps = {
    engine: ENGINE,
    read: async (streams) => placesIn(streams, await getAll<StoredPosition>(client, positionIds(streams))),
    async write(entries) {
      const operations = entries.map(({ stream, position, revision }) =>
        bulkOperation(positionsIndex, stream, revision, { ...position, isHeld: position.held !== undefined }),
      );
      return (await bulk(client, operations)).map((result) => outcomeOf(result).saved);
    },
  };

  return {
    async load(documents, streams) {
      const ids = documents.map(({ table, key }) => ({ _index: prefix + table, _id: key }));
      const found = await getAll<unknown>(client, [...ids, ...positionIds(streams)]);
      const isPosition = ({ _index }: Found<unknown>) => _index === positionsIndex;
      const places = placesIn(streams, found.filter(isPosition) as Found<StoredPosition>[]);
      const stored = found.filter((hit) => !isPosition(hit)) as Found<OpenSearchDocument>[];
      return {
        documents: stored.map((hit) => storedDocument(prefix, hit)),
        positions: positionsIn(places),
        session: places,
      };
    },

    async save(writes, positions, session) {
      const results = await bulk(
        client,
        writes.map((write) => saveOperation(prefix, write)),
      );
      const outcomes = results.map(outcomeOf);
      if (outcomes.every(({ saved }) => saved)) await placeAll(placing, positions, session as Places);
      return outcomes;
    },

    async held() {
      const query = { term: { isHeld: true } };
      await away(() => client.indices.refresh({ index: positionsIndex }, REQUEST));
      const { body } = await away(() =>
        client.search({ index: positionsIndex, body: { size: MAX_HELD, query } }, REQUEST),
      );
      const hits = body.hits.hits as unknown as Found<StoredPosition>[];
      return new Map(hits.map(({ _id, _source }) => [_id as StreamId, positionOf(_source)]));
    },

    /** In a scroll, which shows the index as it was when it began. */
    async *keys(table) {
      const index = prefix + table;
      await away(() => client.indices.refresh({ index }, REQUEST));
      const body = { size: KEYS_PER_PAGE, sort: ['_doc'], _source: false };
      let page = (await away(() => client.search({ index, scroll: SCROLL, body: body as never }, REQUEST))).body;
      try {
        while (page.hits.hits.length > 0) {
          yield page.hits.hits.map(({ _id }) => _id as string);
          const scroll_id = page._scroll_id as string;
          page = (await away(() => client.scroll({ body: { scroll_id, scroll: SCROLL } }, REQUEST)))
            .body as typeof page;
        }
      } finally {
        const scroll_id = page._scroll_id as string;
        await client.clearScroll({ body: { scroll_id } }, REQUEST).catch(() => {});
      }
    },

    async sweepState() {
      const [hit] = await getAll<{ sweep: SweepState }>(client, [{ _index: positionsIndex, _id: SWEEP_ID }]);
      return hit?._source.sweep;
    },
    async setSweepState(sweep) {
      await away(() => client.index({ index: positionsIndex, id: SWEEP_ID, body: { sweep } }, REQUEST));
    },

    async builds() {
      const [hit] = await getAll<{ builds: BuildsState }>(client, [{ _index: positionsIndex, _id: BUILDS_ID }]);
      return hit && { state: hit._source.builds, revision: revisionOf(hit) };
    },
    async setBuilds(builds, revision) {
      const [result] = await bulk(client, [bulkOperation(positionsIndex, BUILDS_ID, revision, { builds })]);
      return result !== undefined && outcomeOf(result).saved;
    },

    create: (projection) => createIndex(client, prefix + physicalName(projection), documentsMapping(projection)),
    async drop(table) {
      await away(() => client.indices.delete({ index: prefix + table, ignore_unavailable: true }, REQUEST));
    },
    async count(table) {
      const index = prefix + table;
      await away(() => client.indices.refresh({ index }, REQUEST));
      return (await away(() => client.count({ index }, REQUEST))).body.count;
    },

    bulk: createBulkLoad(client, prefix),

    /** Writes are on disk before they are acknowledged, so a restart loses none. Another cluster has another id. */
    async lineage() {
      const { body } = await away(() => client.info({}, REQUEST));
      return (body as { cluster_uuid: string }).cluster_uuid;
    },

    async refresh(table) {
      await away(() => client.indices.refresh({ index: prefix + table }, REQUEST));
    },
  };
}

function createBulkLoad(client: Client, prefix: string): BulkLoad {
  return {
    create: (projection) =>
      createIndex(client, prefix + physicalName(projection), documentsMapping(projection), LOAD_SETTINGS),
    async insert(table, documents) {
      const operations = documents.map(({ key, document, positions }) =>
        bulkOperation(prefix + table, key, undefined, { document, positions }),
      );
      refuseNone(documents, (await bulk(client, operations)).map(outcomeOf));
    },
    async complete(projection) {
      const index = prefix + physicalName(projection);
      await away(() => client.indices.putSettings({ index, body: { index: LOADED_SETTINGS } as never }, REQUEST));
      await away(() => client.indices.refresh({ index }, REQUEST));
    },
  };
}

function outcomeOf({ status, error }: ItemResult): WriteOutcome {
  if (!error) return { saved: true };
  if (status === 409) return { saved: false, stale: true };
  if (status === 400 || status === 413) return { saved: false, stale: false, error: reasonOf(error) };
  throw new Unavailable(ENGINE, `${status} ${reasonOf(error)}`);
}

function placesIn(streams: readonly StreamId[], hits: readonly Found<StoredPosition>[]): Places {
  const found = hits.map(
    (hit) => [hit._id as StreamId, { position: positionOf(hit._source), revision: revisionOf(hit) }] as const,
  );
  return placesOf(streams, new Map(found));
}

function positionOf({ of, commitNo, held }: StoredPosition): StreamPosition {
  return { of, commitNo, ...(held && { held }) };
}

function revisionOf(hit: Found<unknown> | undefined): object | undefined {
  return hit && { if_seq_no: hit._seq_no, if_primary_term: hit._primary_term };
}

function bulkOperation(_index: string, _id: string, revision: unknown, source: object): BulkOperation {
  if (!revision) return { action: 'create', meta: { _index, _id }, source };
  return { action: 'index', meta: { _index, _id, ...(revision as object) }, source };
}

function saveOperation(prefix: string, { table, key, document, positions, revision }: DocumentWrite): BulkOperation {
  return bulkOperation(prefix + table, key, revision, { document, positions });
}

function storedDocument(prefix: string, hit: Found<OpenSearchDocument>): StoredDocument {
  return { table: hit._index.slice(prefix.length), key: hit._id, ...hit._source, revision: revisionOf(hit) };
}

/** Reads the current documents, whether refreshed or not. Missing ones are absent. */
async function getAll<S>(client: Client, ids: readonly { _index: string; _id: string }[]): Promise<Found<S>[]> {
  const found: Found<S>[] = [];
  for (let from = 0; from < ids.length; from += GET_DOCUMENTS) {
    const docs = ids.slice(from, from + GET_DOCUMENTS);
    const { body } = await away(() => client.mget({ body: { docs } }, REQUEST));
    for (const hit of body.docs as unknown as (Found<S> & { found?: boolean; error?: ItemResult['error'] })[]) {
      if (hit.error) throw new Unavailable(ENGINE, reasonOf(hit.error));
      if (hit.found) found.push(hit);
    }
  }
  return found;
}

/** One result per operation, in the same order. */
async function bulk(client: Client, operations: readonly BulkOperation[]): Promise<ItemResult[]> {
  const results: ItemResult[] = [];
  for (const body of bulkBodies(operations)) {
    const answer = await away(() => client.bulk({ body: body as never }, REQUEST));
    const items = answer.body.items as unknown as Partial<Record<BulkOperation['action'], ItemResult>>[];
    results.push(...items.map((item) => (item.index ?? item.create)!));
  }
  return results;
}

function* bulkBodies(operations: readonly BulkOperation[]): Iterable<string> {
  let body = '';
  for (const { action, meta, source } of operations) {
    body += `${JSON.stringify({ [action]: meta })}\n${JSON.stringify(source)}\n`;
    if (body.length < BULK_LENGTH) continue;
    yield body;
    body = '';
  }
  if (body) yield body;
}

async function createIndex(
  client: Client,
  index: string,
  mappings: object,
  settings: object = SETTINGS,
): Promise<void> {
  try {
    const body = { settings: { number_of_shards: 1, ...settings }, mappings };
    await away(() => client.indices.create({ index, body: body as never }, REQUEST));
  } catch (error) {
    if (!(error instanceof errors.ResponseError) || !/resource_already_exists/.test(error.message)) throw error;
  }
}

/** Fields that the projection does not declare are stored but neither parsed nor searched. */
function documentsMapping({ fields }: Projection<never, never>): object {
  const properties = Object.entries(fields).map(([field, kind]) => [field, mappingOf(kind)]);
  return {
    dynamic: false,
    // Only an object of numbers accepts names that are not declared here.
    dynamic_templates: [{ numbers: { match: '*', mapping: mappingOf('number') } }],
    properties: {
      document: { type: 'object', dynamic: false, properties: Object.fromEntries(properties) },
      positions: { type: 'object', enabled: false },
    },
  };
}

function mappingOf(kind: FieldKind): object {
  switch (kind) {
    case 'keyword':
    case 'keywords':
    case 'values':
      return { type: 'keyword', ignore_above: MAX_KEYWORD_LENGTH };
    case 'text':
      return { type: 'text', analyzer: 'whitespace' };
    case 'number':
      return { type: 'double' };
    case 'numbers':
      return { type: 'object', dynamic: true };
    case 'boolean':
      return { type: 'boolean' };
    case 'time':
      return { type: 'date' };
  }
}

const positionsMapping = { dynamic: false, properties: { isHeld: { type: 'boolean' } } };

function reasonOf({ type, reason, caused_by }: NonNullable<ItemResult['error']>): string {
  return [type, reason, caused_by?.reason].filter(Boolean).join(': ');
}

/** No connection, no answer, too busy (429), or a server error. */
function isAway(error: unknown): boolean {
  if (error instanceof errors.ResponseError) return error.statusCode === 429 || (error.statusCode ?? 500) >= 500;
  return error instanceof errors.OpenSearchClientError;
}

function away<T>(work: () => PromiseLike<T>): Promise<T> {
  return orUnavailable(ENGINE, isAway, async () => work());
}
