// Read models in OpenSearch: an index of documents and one of positions for each version of a projection.
import { type Client, errors } from '@opensearch-project/opensearch';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { type Document, type FieldKind, type Projection, physicalName } from '../../projections/runtime/projection.js';
import type {
  DocumentWrite,
  Positions,
  Quarantine,
  Sink,
  SinkTable,
  StoredDocument,
  WriteOutcome,
} from '../../projections/runtime/sink.js';
import { orUnavailable } from './unavailable.js';

const ENGINE = 'OpenSearch';

/** A request without an answer is abandoned after this time. The driver tries the next node itself. */
const REQUEST = { requestTimeout: 10_000, maxRetries: 1 };

/** Size of one bulk request, in characters, and of one multi-get, in documents. */
const BULK_LENGTH = 5_000_000;
const GET_DOCUMENTS = 1_000;

/** Most quarantined streams that can be listed. */
const MAX_QUARANTINED = 10_000;

/** Longer keywords are stored but not found: Lucene rejects terms above 32,766 bytes. */
const MAX_KEYWORD_LENGTH = 8_000;

/** Entry of the positions that holds the sweep position. Stream ids contain a `#`. */
const SWEPT_ID = 'swept';

/** A document as the index holds it. Queries find its fields below `document`. */
export interface OpenSearchDocument {
  /** null: a tombstone. */
  document: Document | null;
  positions: Positions;
}

type Source = Record<string, unknown>;
interface Found<S> {
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
  source: Source | OpenSearchDocument;
}

export function createOpenSearchSink(client: Client): Sink {
  return {
    async open(projection) {
      const name = physicalName(projection);
      await createIndex(client, name, documentsMapping(projection));
      await createIndex(client, `${name}_progress`, positionsMapping);
      return createTable(client, name);
    },
  };
}

function createTable(client: Client, index: string): SinkTable {
  const positions = `${index}_progress`;

  function outcomeOf({ status, error }: ItemResult): WriteOutcome {
    if (!error) return { saved: true };
    if (status === 409) return { saved: false, stale: true };
    if (status === 400 || status === 413) return { saved: false, stale: false, error: reasonOf(error) };
    throw new Unavailable(ENGINE, `${status} ${reasonOf(error)}`);
  }

  async function progress(streams: readonly StreamId[]): ReturnType<SinkTable['progress']> {
    const found = await getAll<Source>(client, positions, [...streams, ...streams.map(quarantineId)]);
    const pairs = streams.flatMap((stream) => {
      const commitNo = (found.get(stream)?._source.commitNo as number | undefined) ?? 0;
      const quarantine = found.get(quarantineId(stream))?._source.quarantine as Quarantine | undefined;
      if (quarantine && commitNo < quarantine.commitNo) return [[stream, { commitNo, quarantine }] as const];
      return commitNo > 0 ? [[stream, { commitNo }] as const] : [];
    });
    return new Map(pairs);
  }

  async function put(id: string, body: Source, refresh: boolean): Promise<void> {
    await away(() => client.index({ index: positions, id, body, refresh }, REQUEST));
  }

  return {
    async load(keys) {
      const found = await getAll<OpenSearchDocument>(client, index, keys);
      return new Map([...found].map(([key, hit]) => [key, storedDocument(hit)]));
    },

    async save(writes) {
      const results = await bulk(client, index, writes.map(saveOperation));
      return results.map(outcomeOf);
    },

    progress,

    /** The commit number is the entry's version, and the engine accepts only a higher one. 409 means that it has a higher one. */
    async advance(raised) {
      const operations = [...raised].map(
        ([stream, commitNo]): BulkOperation => ({
          action: 'index',
          meta: { _id: stream, version: commitNo, version_type: 'external' },
          source: { commitNo },
        }),
      );
      const failed = (await bulk(client, positions, operations)).find(({ error, status }) => error && status !== 409);
      if (failed) throw new Unavailable(ENGINE, `${failed.status} ${reasonOf(failed.error!)}`);
    },

    quarantine: (entry) => put(quarantineId(entry.stream), { quarantine: entry, stuck: true }, true),

    async quarantined() {
      const query = { term: { stuck: true } };
      const { body } = await away(() =>
        client.search({ index: positions, body: { size: MAX_QUARANTINED, query } }, REQUEST),
      );
      const entries = body.hits.hits.map(({ _source }) => (_source as { quarantine: Quarantine }).quarantine);
      return [...(await progress(entries.map(({ stream }) => stream))).values()].flatMap(
        (found) => found.quarantine ?? [],
      );
    },

    async sweptTo() {
      const found = await getAll<{ at: number }>(client, positions, [SWEPT_ID]);
      return found.get(SWEPT_ID)?._source.at ?? 0;
    },
    setSweptTo: (at) => put(SWEPT_ID, { at }, false),

    async refresh() {
      await away(() => client.indices.refresh({ index }, REQUEST));
    },
  };
}

const quarantineId = (stream: StreamId) => `quarantine ${stream}`;

function saveOperation({ key, document, positions, revision }: DocumentWrite): BulkOperation {
  const source = { document, positions };
  if (!revision) return { action: 'create', meta: { _id: key }, source };
  return { action: 'index', meta: { _id: key, ...(revision as object) }, source };
}

function storedDocument({ _id, _source, _seq_no, _primary_term }: Found<OpenSearchDocument>): StoredDocument {
  const revision = { if_seq_no: _seq_no, if_primary_term: _primary_term };
  return { key: _id, document: _source.document, positions: _source.positions, revision };
}

/** Reads the current documents, whether refreshed or not. */
async function getAll<S>(client: Client, index: string, ids: readonly string[]): Promise<Map<string, Found<S>>> {
  const found = new Map<string, Found<S>>();
  for (let from = 0; from < ids.length; from += GET_DOCUMENTS) {
    const some = ids.slice(from, from + GET_DOCUMENTS);
    const { body } = await away(() => client.mget({ index, body: { ids: some } }, REQUEST));
    for (const hit of body.docs as unknown as (Found<S> & { found?: boolean; error?: ItemResult['error'] })[]) {
      if (hit.error) throw new Unavailable(ENGINE, reasonOf(hit.error));
      if (hit.found) found.set(hit._id, hit);
    }
  }
  return found;
}

/** One result per operation, in the same order. */
async function bulk(client: Client, index: string, operations: readonly BulkOperation[]): Promise<ItemResult[]> {
  const results: ItemResult[] = [];
  for (const body of bulkBodies(operations)) {
    const answer = await away(() => client.bulk({ index, body: body as never }, REQUEST));
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

async function createIndex(client: Client, index: string, mappings: object): Promise<void> {
  try {
    const settings = { number_of_shards: 1, auto_expand_replicas: '0-1' };
    await away(() => client.indices.create({ index, body: { settings, mappings } as never }, REQUEST));
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

const positionsMapping = { dynamic: false, properties: { stuck: { type: 'boolean' } } };

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
