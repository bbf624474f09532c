// Archivers that are killed at any instant, on Postgres and a folder. Two others go on at the same time: nothing is lost or forked.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Pool } from 'pg';
import { type Position, START } from '../domain/kernel/commit.js';
import { archiveIn } from '../infra/archive/archive-objects.js';
import { type ArchiveRound, createArchiver } from '../infra/archive/archiver.js';
import { createArchiveTables, createPostgresArchiveIndex } from '../infra/archive/postgres-archive-index.js';
import { noteVerifier } from '../infra/archive/signed-note.js';
import { type ArchiveProblem, verifyArchive } from '../infra/archive/verify-archive.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createEventsTable, createPostgresEventStore } from '../infra/event-store/postgres/postgres-event-store.js';
import { createFolderObjects } from '../infra/objects/folder-objects.js';
import { createPool } from '../infra/postgres.js';
import { noteCommit, notes } from './contracts/notes.js';
import { describeWith } from './engines.js';
import { everyOr } from './every-case.js';
import { eventually } from './running-shop.js';
import { testSigner } from './test-signer.js';

const POINTS = ['segments', 'manifests', 'checkpoints', 'index'].flatMap((what) => [
  { what, when: 'before' },
  { what, when: 'after' },
]);

describeWith('postgres', 'An archive whose archivers are killed', function (engines) {
  this.timeout(300_000);
  let url: string;
  let pool: Pool;
  let folder: string;
  const children: ChildProcess[] = [];

  before(async () => {
    url = await engines.freshDatabase();
    folder = await mkdtemp(join(tmpdir(), 'archive-'));
    pool = createPool({ url });
    await Promise.all([createEventsTable(pool), createArchiveTables(pool)]);
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await pool.end();
    await rm(folder, { recursive: true });
  });

  function killedAt(what: string, when: string): Promise<unknown[]> {
    const args = ['--import', 'tsx', join(import.meta.dirname, 'archiver-process.ts'), url, folder, what, when];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    children.push(child);
    return once(child, 'exit');
  }

  it('is whole and not forked after each kill', async () => {
    const store = createPostgresEventStore({ pool, codec: createCommitCodec(notes), watermarkLagMs: 0 });
    const archive = archiveIn(createFolderObjects(folder).of('log'));
    const index = createPostgresArchiveIndex(pool);
    const signer = testSigner();
    const ends = new Map<number, Position>();
    let commits = 0;
    for (const { what, when } of everyOr(POINTS, [POINTS[2]!, POINTS[5]!])) {
      for (let n = 0; n < 20; n++) {
        const id = n % 3;
        const result = await store.append(
          `note#${id}`,
          ends.get(id) ?? START,
          noteCommit(ends.get(id) ?? START, 'c', {}),
        );
        if (!result.appended) throw new Error('a conflict with nobody');
        ends.set(id, result.position);
        commits++;
      }
      const [, signal] = await killedAt(what, when);
      expect(signal, `${what} ${when}`).to.equal('SIGKILL');
      // A transaction of the killed process may hold the watermark for a moment.
      const head = await eventually('all commits are archived', async () => {
        const others = [2, 5].map((maxSegmentCommits) =>
          createArchiver({ store, archive, index, signer, clock: Date.now, maxSegmentCommits }).run(),
        );
        const [round] = (await Promise.all(others)) as [ArchiveRound, ArchiveRound];
        expect(round.head.size, `${what} ${when}`).to.equal(commits);
        return round.head;
      });
      const problems: ArchiveProblem[] = [];
      const deps = { archive, index, store, log: noteVerifier(signer.verifierKey) };
      const report = await verifyArchive(deps, { onProblem: (problem) => void problems.push(problem) });
      expect(problems).to.deep.equal([]);
      expect(report).to.include({ commits, segments: head.segments, checkpoints: head.segments, beyond: 0 });
    }
  });
});
