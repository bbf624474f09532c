// The archive of the log: its archiver, which the process that leads runs in the background, its verification, and the alarm.
import { Gauge, type Registry } from 'prom-client';
import { millisOf } from '../../domain/kernel/clock.js';
import { archiveIn } from '../archive/archive-objects.js';
import { createArchiveQueries } from '../archive/archive-queries.js';
import { createArchiver } from '../archive/archiver.js';
import { auditSigner, loadAuditKey } from '../archive/audit-key.js';
import { createPost, postedCheckpoints } from '../archive/posted-checkpoints.js';
import { createArchiveTables, createPostgresArchiveIndex } from '../archive/postgres-archive-index.js';
import { publishing } from '../archive/publishing.js';
import type { ArchiveStatus } from '../archive/run-archiver.js';
import { noteVerifier } from '../archive/signed-note.js';
import { verifyArchive } from '../archive/verify-archive.js';
import { createWitnessClient } from '../archive/witness.js';
import { untilDone } from '../retry.js';
import { lazy, type Parts, type Recipes } from './parts.js';
import { alarmParts } from './tamper-alarm.js';

export const archiveParts = {
  auditSigner: ({ config: { dataDir, auditKey }, claimed }) =>
    lazy(async () => auditSigner(claimed.log, await loadAuditKey({ dataDir, given: auditKey }))),

  archiveStore: ({ objects }) => lazy(() => archiveIn(objects)),

  archiveIndex: ({ postgresServer, admit }) =>
    lazy(() => {
      const { pool } = postgresServer;
      const prepare = async () => {
        await admit(postgresServer);
        await createArchiveTables(pool);
      };
      return createPostgresArchiveIndex(pool, untilDone(prepare));
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

  ...alarmParts,
} satisfies Partial<Recipes>;

/** Shows what the archiver has found in the metrics. */
export function createArchiveStatus(registry: Registry): ArchiveStatus {
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
