// A sink in memory for tests and simulations. It behaves like a real one.
import type { StreamId } from '../domain/kernel/stream.js';
import { physicalName } from '../projections/runtime/projection.js';
import type {
  DocumentWrite,
  Quarantine,
  Sink,
  SinkTable,
  StoredDocument,
  StreamProgress,
  WriteOutcome,
} from '../projections/runtime/sink.js';

/** Callers that open the same projection from this sink share its table, as processes share a database. */
export function createMemorySink(): Sink {
  const tables = new Map<string, SinkTable>();
  return {
    async open(projection) {
      const name = physicalName(projection);
      const table = tables.get(name) ?? createMemoryTable();
      tables.set(name, table);
      return table;
    },
  };
}

function createMemoryTable(): SinkTable {
  const documents = new Map<string, StoredDocument>();
  const positions = new Map<StreamId, number>();
  const quarantines = new Map<StreamId, Quarantine>();
  let swept = 0;

  function saveOne({ key, document, positions, revision }: DocumentWrite): WriteOutcome {
    const current = documents.get(key)?.revision as number | undefined;
    if (current !== revision) return { saved: false, stale: true };
    documents.set(key, structuredClone({ key, document, positions, revision: (current ?? 0) + 1 }));
    return { saved: true };
  }

  function progressOf(stream: StreamId): StreamProgress | undefined {
    const commitNo = positions.get(stream) ?? 0;
    const quarantine = quarantines.get(stream);
    if (quarantine && commitNo < quarantine.commitNo) return { commitNo, quarantine };
    return commitNo > 0 ? { commitNo } : undefined;
  }

  return {
    load: async (keys) => present(keys, (key) => structuredClone(documents.get(key))),
    save: async (writes) => writes.map(saveOne),
    progress: async (streams) => present(streams, progressOf),
    async advance(raised) {
      for (const [stream, commitNo] of raised) positions.set(stream, Math.max(commitNo, positions.get(stream) ?? 0));
    },
    quarantine: async (entry) => void quarantines.set(entry.stream, entry),
    quarantined: async () => [...quarantines.keys()].flatMap((stream) => progressOf(stream)?.quarantine ?? []),
    sweptTo: async () => swept,
    async setSweptTo(at) {
      swept = at;
    },
  };
}

function present<K, V>(keys: readonly K[], find: (key: K) => V | undefined): Map<K, V> {
  const found = keys.map((key) => [key, find(key)] as const);
  return new Map(found.filter((pair): pair is readonly [K, V] => pair[1] !== undefined));
}
