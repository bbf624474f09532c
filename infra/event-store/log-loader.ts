// The port of `import-log`: writes the commits of an exported log into an event store that has none yet, byte for byte.
import type { StoredCommit } from '../../domain/kernel/commit.js';

export interface LogLoader {
  /** True if the log has no commit, also none beyond the watermark. */
  isEmpty(): Promise<boolean>;
  /**
   * Stores these commits as they are: the same hashes, times and numbers. The caller has checked them and gives the log in total
   * order, in lists of any size. A repeat changes nothing. Throws `Unavailable`, or `LoadConflict` if a different commit is at a
   * position.
   */
  load(commits: readonly StoredCommit[]): Promise<void>;
}

/** Another commit is at this position, so the log is not empty. */
export class LoadConflict extends Error {
  override name = 'LoadConflict';
  constructor(readonly commit: Pick<StoredCommit, 'pk' | 'sk'>) {
    super(`The log has another commit ${commit.sk} of ${commit.pk}.`);
  }
}
