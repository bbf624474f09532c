// Where commits of the log are in the archive, and which archived commits the log does not have any more.
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { entryOf } from '../../domain/kernel/event-store.js';
import { ArchiveDamaged, manifestName, readManifest, readSegment } from '../archive/layout.js';
import type { ArchivedCommit, ArchiveIndex, ArchiveStore } from '../archive/port.js';
import type { Run } from './export-format.js';

/** Commits that are looked up in the archive with one question, and questions in flight. */
export const LOOKED_UP = { size: 1_000, atOnce: 2 };

export interface PlacedCommit {
  commit: StoredCommit;
  /** The archived commit with this stream and number, which may be another one, or one behind the tree. */
  archived: ArchivedCommit | undefined;
  /** Index in a tree of so many commits; null if it is not in it, or is not the commit that was archived. */
  place: number | null;
}

export async function withPlaces(
  index: Pick<ArchiveIndex, 'find'>,
  commits: readonly StoredCommit[],
  size: number,
): Promise<PlacedCommit[]> {
  const found = size === 0 ? [] : await index.find(commits.map(entryOf));
  return commits.map((commit, n) => {
    const archived = found[n];
    const isCovered = archived !== undefined && archived.index < size && archived.h === commit.h;
    return { commit, archived, place: isCovered ? archived.index : null };
  });
}

/** Adds the place of the next commit to the runs. */
export function extend(runs: Run[], place: number | null): void {
  const [index, count] = runs.at(-1) ?? [undefined, 0];
  const goesOn = index === null ? place === null : index !== undefined && place === index + count;
  if (goesOn && index !== undefined) runs[runs.length - 1] = [index, count + 1];
  else runs.push([place, 1]);
}

/**
 * The archived commits that are in none of the runs, in the order of their index. Reads a segment only if some of its commits are
 * missing. Throws `ArchiveDamaged` if it cannot be read.
 */
export async function* missingFrom(
  archive: ArchiveStore,
  runs: readonly Run[],
  size: number,
): AsyncGenerator<StoredCommit> {
  const holes = holesIn(runs, size);
  let hole = holes.shift();
  for (let number = 1; hole; number++) {
    const manifest = await readManifest(archive, number);
    if (!manifest) throw new ArchiveDamaged(manifestName(number), 'is missing');
    if (hole.start >= manifest.size) continue;
    for (const [n, commit] of (await readSegment(archive, manifest)).entries()) {
      const index = manifest.first + n;
      while (hole && hole.end <= index) hole = holes.shift();
      if (hole && hole.start <= index) yield commit;
    }
    while (hole && hole.end <= manifest.size) hole = holes.shift();
  }
}

/** The indexes between the runs, `end` not included. Runs overlap only in an index that somebody has changed. */
function holesIn(runs: readonly Run[], size: number): { start: number; end: number }[] {
  const holes: { start: number; end: number }[] = [];
  const covered = runs.flatMap(([index, count]) => (index === null ? [] : [{ index, count }]));
  let end = 0;
  for (const { index, count } of covered.sort((a, b) => a.index - b.index)) {
    if (index > end) holes.push({ start: end, end: index });
    end = Math.max(end, index + count);
  }
  if (end < size) holes.push({ start: end, end: size });
  return holes;
}
