// Checks the commits of a log one by one: each commit by itself, and its place in its stream. For each stream it keeps the first bad
// commit only, because all later ones follow from it.
import { GENESIS_HASH, type StoredCommit } from '../../domain/kernel/commit.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { ownProblem } from '../event-store/own-problem.js';

/** A changed, missing or additional commit: the first bad one of its stream. */
export interface BadCommit {
  stream: StreamId;
  commitNo: number;
  problem: string;
  /** Line of the file in which it was noticed. */
  line?: number;
}

/** The last good commit of a stream. A log has many streams, so this is small. */
interface Tip {
  commitNo: number;
  version: number;
  at: number;
  hash: string;
  partition: number;
}

export interface Chains {
  /** The next commit. False if it is bad, or if an earlier one of its stream was. */
  add(commit: StoredCommit, line?: number): boolean;
  /** A bad commit that was found in another way. If the stream is bad already, the earlier commit is kept. */
  report(bad: BadCommit): void;
  /** The number of the last good commit of a stream: 0 if it has none. */
  lastOf(stream: StreamId): number;
  readonly commits: number;
  /** The streams that have a good commit. */
  streams(): Iterable<StreamId>;
  readonly bad: ReadonlyMap<StreamId, BadCommit>;
}

/** `fromMiddle`: streams may begin in their middle, because the log is read from some time on. */
export function checkChains({ fromMiddle = false }: { fromMiddle?: boolean } = {}): Chains {
  const tips = new Map<StreamId, Tip>();
  const bad = new Map<StreamId, BadCommit>();
  let commits = 0;

  function report(found: BadCommit): void {
    const known = bad.get(found.stream);
    if (!known || found.commitNo < known.commitNo) bad.set(found.stream, found);
  }

  return {
    add(commit, line) {
      commits++;
      const { pk: stream, sk, lv: version, at, h: hash, lp: partition } = commit;
      // A bad commit may be out of its place. Those before it are still checked.
      if (sk >= (bad.get(stream)?.commitNo ?? Number.POSITIVE_INFINITY)) return false;
      const tip = tips.get(stream);
      const found = problemOf(commit, tip, fromMiddle);
      if (found) {
        report({ stream, ...found, ...(line !== undefined && { line }) });
        return false;
      }
      if (tip) Object.assign(tip, { commitNo: sk, version, at, hash });
      else tips.set(stream, { commitNo: sk, version, at, hash, partition });
      return true;
    },
    report,
    lastOf: (stream) => tips.get(stream)?.commitNo ?? 0,
    get commits() {
      return commits;
    },
    streams: () => tips.keys(),
    bad,
  };
}

const BEFORE_FIRST = { commitNo: 0, version: 0, at: 0, hash: GENESIS_HASH };

function problemOf(
  commit: StoredCommit,
  tip: Tip | undefined,
  fromMiddle: boolean,
): Pick<BadCommit, 'commitNo' | 'problem'> | undefined {
  const { sk } = commit;
  const isFirstSeen = !tip && fromMiddle && sk > 1;
  const last = tip ?? BEFORE_FIRST;
  if (!isFirstSeen && sk !== last.commitNo + 1) {
    if (sk <= last.commitNo) return { commitNo: sk, problem: 'it is there twice' };
    const own = ownProblem(commit, tip?.partition);
    if (own !== undefined) return { commitNo: sk, problem: own };
    return { commitNo: last.commitNo + 1, problem: `it is missing: commit ${sk} follows commit ${last.commitNo}` };
  }
  const problem = (isFirstSeen ? undefined : linkProblem(commit, last)) ?? ownProblem(commit, tip?.partition);
  return problem === undefined ? undefined : { commitNo: sk, problem };
}

/** How it does not continue the commit before it. */
function linkProblem({ fv, at, ph }: StoredCommit, last: Omit<Tip, 'partition'>): string | undefined {
  if (ph !== last.hash) return 'its ph is not the h of the commit before it';
  if (fv !== last.version + 1) return `its fv is ${fv}, but the commit before it ends at version ${last.version}`;
  return at > last.at ? undefined : 'its at is not greater than that of the commit before it';
}
