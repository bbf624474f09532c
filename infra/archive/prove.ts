// Proves that a commit is in the archive, by the newest checkpoint.
import { OperatorError } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { ArchiveOptions, Archiver } from './archiver.js';
import { readCheckpoint } from './layout.js';
import { inclusionProof } from './merkle-tree.js';
import type { ArchivedCommit, ArchiveHead, ArchiveIndex, ArchiveStore } from './port.js';
import { writeReceipt } from './receipt.js';
import { commitAt } from './stored-commits.js';

/** There is nothing to prove, or not yet. The message says what there is. */
export class NotArchived extends OperatorError {
  override name = 'NotArchived';
}

/** The log has another commit than the archive. */
export class LogChanged extends OperatorError {
  override name = 'LogChanged';
  constructor(stream: StreamId, commitNo: number) {
    super(
      `Commit ${commitNo} of ${stream} is archived, but the log does not have it any more as it was: run \`commerce verify --archive\`.`,
    );
  }
}

export interface ProveDeps {
  archive: ArchiveStore;
  index: ArchiveIndex;
  archiver: Archiver;
  store: Pick<EventStore, 'read' | 'stored'>;
}

export interface Proof {
  commit: ArchivedCommit;
  /** Commits in the tree of the checkpoint. */
  size: number;
  /** The text of the receipt. */
  receipt: string;
}

/**
 * The receipt of a commit, by default the last of the stream that is archived. What is not archived yet is archived first. Throws
 * `NotArchived`, `LogChanged`, and the errors of the archiver.
 */
export async function prove(
  { archive, index, archiver, store }: ProveDeps,
  stream: StreamId,
  commitNo: number | undefined,
  options: ArchiveOptions = {},
): Promise<Proof> {
  const look = async () =>
    commitNo === undefined ? (await index.lastOf([stream])).get(stream) : (await index.find([{ stream, commitNo }]))[0];
  const covered = async () => {
    const found = await look();
    const head = await index.head();
    const note = found && (await readCheckpoint(archive, head.segments));
    return note === undefined ? undefined : { commit: found as ArchivedCommit, head, note };
  };
  let shown: { commit: ArchivedCommit; head: ArchiveHead; note: string } | undefined = await covered();
  if (!shown) {
    await archiver.run(options);
    shown = await covered();
  }
  if (!shown) throw new NotArchived(await reasonFor(store, stream, commitNo));
  const { commit, head, note } = shown;
  const stored = await storedOf(store, commit);
  const hashes = await inclusionProof(commit.index, head.size, index.nodes);
  return { commit, size: head.size, receipt: writeReceipt(stored, { index: commit.index, hashes, checkpoint: note }) };
}

async function storedOf(store: ProveDeps['store'], { stream, commitNo, h }: ArchivedCommit) {
  for await (const { position } of store.read(stream, commitNo - 1)) {
    const entry = { at: position.at, stream, commitNo: position.commitNo };
    const stored = position.commitNo === commitNo ? await commitAt(store, entry) : undefined;
    if (stored?.h === h) return stored;
    break;
  }
  throw new LogChanged(stream, commitNo);
}

async function reasonFor(store: ProveDeps['store'], stream: StreamId, commitNo: number | undefined): Promise<string> {
  let last = 0;
  for await (const { position } of store.read(stream)) last = position.commitNo;
  if (last === 0) return `There is no stream ${stream}.`;
  if (commitNo !== undefined && commitNo > last)
    return `${stream} has ${last} commits, so there is no commit ${commitNo}.`;
  return `Commit ${commitNo ?? last} of ${stream} is too new to be archived; try again in a minute.`;
}
