// The log as a copy of its archive has it, without an event store and without an index: for an export when both are lost.
import type { Hlc } from '../../domain/kernel/clock.js';
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { compareLogEntries, entryOf, type LogEntry, type StoredRange } from '../../domain/kernel/event-store.js';
import { unverifiedCheckpoint } from '../archive/checkpoint.js';
import {
  ArchiveDamaged,
  MANIFESTS,
  manifestName,
  numberIn,
  readCheckpoint,
  readManifest,
  readSegment,
} from '../archive/layout.js';
import type { ArchivedCommit, ArchiveStore } from '../archive/port.js';
import type { ExportDeps } from './export-log.js';

interface IndexedCommit {
  commit: StoredCommit;
  index: number;
}

/** The commits of a segment. The late ones are older than the end of the segment before. */
interface Segment {
  late: IndexedCommit[];
  inTime: IndexedCommit[];
}

/**
 * For an export of the whole log. Reads the archive once for the commits that became visible late, and keeps them in memory; they
 * are few. The commits themselves are checked by whoever reads the export. Throws `ArchiveDamaged`, also if no checkpoint was ever
 * signed.
 */
export async function openArchivedLog(archive: ArchiveStore): Promise<ExportDeps> {
  const late: IndexedCommit[] = [];
  let upTo: Hlc = 0;
  let checkpoint: string | undefined;
  for await (const segment of segmentsOf(archive)) {
    late.push(...segment.late);
    upTo = segment.upTo;
    checkpoint = (await readCheckpoint(archive, segment.number)) ?? checkpoint;
  }
  if (checkpoint === undefined)
    throw new ArchiveDamaged(archive.name, 'has no signed checkpoint, so it is no archive of a log');
  late.sort(inLogOrder);
  const { origin, size } = unverifiedCheckpoint(checkpoint);

  /** The commits that were read, until their place is asked for. */
  const read = new Map<string, ArchivedCommit>();
  return {
    archive,
    origin,
    checkpoint,
    head: { size, upTo },
    index: {
      find: async (places) => places.map((place) => taken(read, nameOf(place))),
      async nodes(nodes) {
        if (nodes.length === 0) return [];
        throw new ArchiveDamaged(archive.name, 'does not have all commits of its checkpoint');
      },
    },
    store: {
      async *stored({ after, upTo: last = upTo }: StoredRange = {}) {
        for await (const { commit, index } of merged(archive, late)) {
          if ((after && compareLogEntries(entryOf(commit), after) <= 0) || commit.at > last) continue;
          const { stream, commitNo } = entryOf(commit);
          read.set(nameOf({ stream, commitNo }), { stream, commitNo, index, h: commit.h });
          yield commit;
        }
      },
    },
  };
}

async function* segmentsOf(archive: ArchiveStore): AsyncGenerator<Segment & { number: number; upTo: Hlc }> {
  let end: Hlc = 0;
  for (let number = 1; ; number++) {
    const manifest = await readManifest(archive, number);
    if (!manifest) {
      for await (const name of archive.list(MANIFESTS))
        if (numberIn(name) > number) throw new ArchiveDamaged(manifestName(number), 'is missing');
      return;
    }
    const commits = (await readSegment(archive, manifest)).map((commit, n) => ({ commit, index: manifest.first + n }));
    const isLate = ({ commit }: IndexedCommit) => commit.at <= end;
    const first = commits.findIndex((commit) => !isLate(commit));
    const lateOnes = first < 0 ? commits.length : first;
    yield { number, upTo: manifest.upTo, late: commits.slice(0, lateOnes), inTime: commits.slice(lateOnes) };
    end = manifest.upTo;
  }
}

/** All commits in the order of the log. */
async function* merged(archive: ArchiveStore, late: readonly IndexedCommit[]): AsyncGenerator<IndexedCommit> {
  let next = 0;
  for await (const { inTime } of segmentsOf(archive)) {
    for (const indexed of inTime) {
      for (let first = late[next]; first && inLogOrder(first, indexed) < 0; first = late[++next]) yield first;
      yield indexed;
    }
  }
  yield* late.slice(next);
}

function inLogOrder(a: IndexedCommit, b: IndexedCommit): number {
  return compareLogEntries(entryOf(a.commit), entryOf(b.commit));
}

function taken<T>(from: Map<string, T>, key: string): T | undefined {
  const value = from.get(key);
  from.delete(key);
  return value;
}

function nameOf({ stream, commitNo }: Pick<LogEntry, 'stream' | 'commitNo'>): string {
  return `${commitNo} ${stream}`;
}
