// The archive of the log: its archiver, which the process that leads runs in the background, its verification, and the alarm.
import { Counter, Gauge, type Registry } from 'prom-client';
import { type Clock, millisOf } from '../../domain/kernel/clock.js';
import type { TamperAlarm } from '../../domain/kernel/feed.js';
import { createArchiveQueries } from '../archive/archive-queries.js';
import { type ArchiveRound, type Archiver, createArchiver } from '../archive/archiver.js';
import { auditSigner, loadAuditKey } from '../archive/audit-key.js';
import { createPost, postedCheckpoints } from '../archive/posted-checkpoints.js';
import { createArchiveTables, createPostgresArchiveIndex } from '../archive/postgres-archive-index.js';
import { publishing } from '../archive/publishing.js';
import { noteVerifier } from '../archive/signed-note.js';
import { verifyArchive } from '../archive/verify-archive.js';
import { createWitnessClient } from '../archive/witness.js';
import { pauseUnlessAborted } from '../retry.js';
import { lazy, type Parts, type Recipes } from './parts.js';

/** A commit waits for this long at most, and for the watermark, until a checkpoint covers it. */
export const ARCHIVE_EVERY_MS = 25_000;

export const archiveParts = {
  auditSigner: ({ config: { dataDir, auditKey }, claimed }) =>
    lazy(async () => auditSigner(claimed.log, await loadAuditKey({ dataDir, given: auditKey }))),

  archiveIndex: ({ postgres: { pool } }) =>
    lazy(async () => {
      await createArchiveTables(pool);
      return createPostgresArchiveIndex(pool);
    }),

  archiver: ({
    eventStore: store,
    archiveStore: archive,
    archiveIndex: index,
    auditSigner: signer,
    config: {
      archive: { witnesses, post },
    },
    clock,
    log,
  }) =>
    lazy(() =>
      publishing(createArchiver({ store, archive, index, signer, clock }), {
        archive,
        index,
        clock,
        log,
        witnesses: witnesses.map(createWitnessClient),
        post: post === undefined ? undefined : createPost(post),
      }),
    ),

  archiveVerification: ({
    eventStore: store,
    archiveStore: archive,
    archiveIndex: index,
    auditSigner: signer,
    config: {
      archive: { witnesses, post },
    },
  }) =>
    lazy((): Parts['archiveVerification'] => async (options, log = noteVerifier(signer.verifierKey)) => {
      const posted = post === undefined ? [] : await postedCheckpoints(post);
      const verifiers = witnesses.map(({ verifier }) => verifier);
      return verifyArchive({ archive, index, store, log, witnesses: verifiers, posted }, options);
    }),

  archiveQueries: ({
    eventStore: store,
    archiveStore: archive,
    archiveIndex: index,
    auditSigner: signer,
    config: {
      archive: { witnesses },
    },
  }) => lazy(() => createArchiveQueries({ store, archive, index, signer, witnesses })),

  archiveStatus: ({ metrics }) => lazy(() => createArchiveStatus(metrics)),

  tamperAlarm: ({ metrics, log }) => lazy(() => createTamperAlarm(metrics, log)),
} satisfies Partial<Recipes>;

/** Logs that a stored commit was changed, and counts it. */
function createTamperAlarm(registry: Registry, log: Parts['log']): TamperAlarm {
  const count = new Counter({
    name: 'commerce_log_tampering_total',
    help: 'Stored commits that were seen to be modified or removed; any value above 0 needs a person',
    labelNames: ['what'] as const,
    registers: [registry],
  });
  for (const what of ['modified', 'removed'] as const) count.inc({ what }, 0);
  return (stream, commitNo, what) => {
    count.inc({ what });
    log.error({ stream, commitNo }, `THE LOG WAS TAMPERED WITH: a stored commit was ${what}`);
  };
}

/** What the last round of this process has found. */
export interface ArchiveStatus {
  last?: ArchiveRound;
  show(round: ArchiveRound): void;
}

function createArchiveStatus(registry: Registry): ArchiveStatus {
  const registers = [registry];
  const size = new Gauge({ name: 'commerce_archive_commits', help: 'Commits in the archive', registers });
  const upTo = new Gauge({
    name: 'commerce_archive_up_to_seconds',
    help: 'Commit time up to which the log is archived, in seconds since 1970',
    registers,
  });
  const held = new Gauge({
    name: 'commerce_archive_held_streams',
    help: 'Streams that cannot be archived, because a commit is missing or was changed',
    registers,
  });
  const status: ArchiveStatus = {
    show(round) {
      status.last = round;
      size.set(round.head.size);
      upTo.set(millisOf(round.head.upTo) / 1000);
      held.set(round.held.length);
    },
  };
  return status;
}

export interface RunArchiverDeps {
  archiver: Archiver;
  status: ArchiveStatus;
  alarm: TamperAlarm;
  log: Pick<Parts['log'], 'error' | 'warn'>;
  everyMs?: number;
  clock?: Clock;
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
