// A sink in memory for tests and simulations. It behaves like a real one.
import { Unavailable } from '../domain/kernel/errors.js';
import type { StreamId } from '../domain/kernel/stream.js';
import type { BuildsState } from '../projections/runtime/builds.js';
import {
  type DocumentStore,
  type DocumentWrite,
  merged,
  type Sink,
  type StoredDocument,
  type StreamPosition,
  type SweepState,
  type WriteOutcome,
} from '../projections/runtime/sink.js';

/** Callers that open this sink share its data, as processes share a database. */
export interface MemorySink extends Sink {
  /** The data, which a test may keep and put back: then the store has come back with less. */
  snapshot(): MemoryData;
  restore(data: MemoryData): void;
}

export interface MemoryData {
  documents: ReadonlyMap<string, StoredDocument>;
  positions: ReadonlyMap<StreamId, StreamPosition>;
  sweep: SweepState | undefined;
}

export function createMemorySink(): MemorySink {
  let documents = new Map<string, StoredDocument>();
  let positions = new Map<StreamId, StreamPosition>();
  let sweep: SweepState | undefined;
  let builds: { state: BuildsState; revision: number } | undefined;
  let life = 1;

  function saveOne({ table, key, document, positions: fed, revision }: DocumentWrite): WriteOutcome {
    const current = documents.get(`${table} ${key}`)?.revision as number | undefined;
    if (current !== revision) return { saved: false, stale: true };
    documents.set(
      `${table} ${key}`,
      structuredClone({ table, key, document, positions: fed, revision: (current ?? 0) + 1 }),
    );
    return { saved: true };
  }

  const store: DocumentStore = {
    async load(ids, streams) {
      return {
        documents: ids.flatMap(({ table, key }) => structuredClone(documents.get(`${table} ${key}`)) ?? []),
        positions: new Map(
          streams.flatMap((stream) => {
            const position = positions.get(stream);
            return position ? [[stream, structuredClone(position)] as const] : [];
          }),
        ),
        session: life,
      };
    },
    async save(writes, next, session = life) {
      if (session !== life) throw new Unavailable('Memory', 'it came back with other data');
      const outcomes = writes.map(saveOne);
      if (outcomes.some(({ saved }) => !saved)) return outcomes;
      for (const [stream, position] of next) {
        positions.set(stream, structuredClone(merged(positions.get(stream), position)));
      }
      return outcomes;
    },
    held: async () => new Map([...positions].filter(([, { held }]) => held)),
    async *keys(table) {
      const all = [...documents.values()].filter((one) => one.table === table).map(({ key }) => key);
      if (all.length > 0) yield all;
    },
    sweepState: async () => structuredClone(sweep),
    async setSweepState(state) {
      sweep = structuredClone(state);
    },
    lineage: async () => `life ${life}`,
    builds: async () => structuredClone(builds),
    async setBuilds(state, revision) {
      if (builds?.revision !== revision) return false;
      builds = { state: structuredClone(state), revision: (builds?.revision ?? 0) + 1 };
      return true;
    },
    async create() {},
    async drop(table) {
      for (const [id, document] of documents) if (document.table === table) documents.delete(id);
    },
    bulk: {
      async create() {},
      async insert(table, some) {
        for (const document of some) saveOne({ ...document, table, revision: undefined });
      },
      async complete() {},
    },
    count: async (table) => [...documents.values()].filter((document) => document.table === table).length,
  };
  return {
    engine: 'Memory',
    open: async () => store,
    snapshot: () => ({ documents: new Map(documents), positions: new Map(positions), sweep }),
    restore(data) {
      documents = new Map(data.documents);
      positions = new Map(data.positions);
      sweep = data.sweep;
      life++;
    },
  };
}
