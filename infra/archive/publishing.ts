// The archiver, and after each round what makes its checkpoint hard to deny: cosignatures of witnesses, or a post elsewhere. If one of
// them does not answer, the archive goes on, and the next checkpoint is offered to it.
import type { Logger } from '../../projections/runtime/projector.js';
import type { Archiver, ArchiverDeps } from './archiver.js';
import { cosignatureName, readCheckpoint } from './layout.js';
import { consistencyProof } from './merkle-tree.js';
import type { ArchiveHead } from './port.js';
import type { PostCheckpoint } from './posted-checkpoints.js';
import type { WitnessClient } from './witness.js';

export interface PublishingDeps extends Pick<ArchiverDeps, 'archive' | 'index' | 'clock'> {
  witnesses: readonly WitnessClient[];
  post?: PostCheckpoint | undefined;
  log: Pick<Logger, 'error'>;
}

/** The same archiver. The checkpoint that it returns has the lines of the witnesses. */
export function publishing(
  archiver: Archiver,
  { archive, index, clock, witnesses, post, log }: PublishingDeps,
): Archiver {
  /** The last size that each witness has cosigned, and the last that was posted, in this process. */
  const done = new Map<WitnessClient | 'post', number>();

  async function once(what: WitnessClient | 'post', { size }: ArchiveHead, work: () => Promise<void>): Promise<void> {
    if (done.get(what) === size) return;
    try {
      await work();
      done.set(what, size);
    } catch (error) {
      log.error({ err: error, size }, 'a checkpoint was not published; the next round tries again');
    }
  }

  return {
    async run(options) {
      const round = await archiver.run(options);
      const { head, checkpoint: note } = round;
      if (note === undefined) return round;
      await Promise.all([
        ...witnesses.map((witness) =>
          once(witness, head, async () => {
            const proofFrom = (size: number) => consistencyProof(size, head.size, index.nodes);
            const { keyId, line } = await witness.cosign(note, head.size, proofFrom);
            await archive.create(cosignatureName(head.segments, keyId), Buffer.from(line));
          }),
        ),
        post && once('post', head, () => post(note, clock())),
      ]);
      return { ...round, checkpoint: await readCheckpoint(archive, head.segments) };
    },
  };
}
