// Runs the archiver in the background of the process that leads.
import type { TamperAlarm } from '../../domain/kernel/feed.js';
import type { Logger } from '../../projections/runtime/projector.js';
import { pauseUnlessAborted } from '../retry.js';
import type { ArchiveRound, Archiver } from './archiver.js';

/** A commit waits for this long at most, and for the watermark, until a checkpoint covers it. */
export const ARCHIVE_EVERY_MS = 25_000;

/** What the last round of this process has found. */
export interface ArchiveStatus {
  last?: ArchiveRound;
  show(round: ArchiveRound): void;
}

export interface RunArchiverDeps {
  archiver: Archiver;
  status: ArchiveStatus;
  alarm: TamperAlarm;
  log: Pick<Logger, 'error'>;
  everyMs?: number;
}

/**
 * Archives every 25 seconds until the signal aborts. It does not wait for a store that hangs: a round that is cut off at any
 * instant does no harm.
 */
export async function runArchiver(
  { archiver, status, alarm, log, everyMs = ARCHIVE_EVERY_MS }: RunArchiverDeps,
  signal: AbortSignal,
): Promise<void> {
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  const alarmed = new Set<string>();
  async function round(): Promise<void> {
    try {
      const before = new Set(status.last?.held.map(({ stream, commitNo }) => `${stream} ${commitNo}`));
      const found = await archiver.run({ signal });
      status.show(found);
      for (const { stream, commitNo, problem } of found.held) {
        const name = `${stream} ${commitNo}`;
        // A commit that is only late is there in the next round.
        if (!before.has(name) || alarmed.has(name)) continue;
        alarmed.add(name);
        log.error({ stream, commitNo }, `the stream cannot be archived: ${problem}`);
        alarm(stream, commitNo, /missing/.test(problem) ? 'removed' : 'modified');
      }
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'the log could not be archived; the next round tries again');
    }
  }
  while (!signal.aborted) {
    const next = Date.now() + everyMs;
    await Promise.race([round(), aborted]);
    await pauseUnlessAborted(next - Date.now(), signal);
  }
}
