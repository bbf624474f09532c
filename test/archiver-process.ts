// A process of the kill test: archives a log in Postgres into a folder, and kills itself at a named point.
// Arguments: database URL, folder, name of what is written (`manifests`), `before` or `after`.
import { createHash } from 'node:crypto';
import { archiveIn } from '../infra/archive/archive-objects.js';
import { createArchiver } from '../infra/archive/archiver.js';
import type { ArchiveIndex, ArchiveStore } from '../infra/archive/port.js';
import { createArchiveTables, createPostgresArchiveIndex } from '../infra/archive/postgres-archive-index.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createPostgresEventStore } from '../infra/event-store/postgres/postgres-event-store.js';
import { createFolderObjects } from '../infra/objects/folder-objects.js';
import { createPool } from '../infra/postgres.js';
import { notes } from './contracts/notes.js';
import { testSigner } from './test-signer.js';

const [, , url = '', folder = '', what = '', when = ''] = process.argv;

/** Rounds of work before the kill, so that it does not always hit the first segment. */
let left = 2 + (createHash('sha256').update(`${what}${when}`).digest().readUInt8() % 3);

function at(point: string, moment: string): void {
  if (point === what && moment === when && --left === 0) process.kill(process.pid, 'SIGKILL');
}

const pool = createPool({ url });
await createArchiveTables(pool);
const store = createPostgresEventStore({ pool, codec: createCommitCodec(notes), watermarkLagMs: 0 });
const inFolder = archiveIn(createFolderObjects(folder).of('log'));
const archive: ArchiveStore = {
  ...inFolder,
  async create(name, content) {
    const point = name.split('/')[0] ?? '';
    at(point, 'before');
    const isNew = await inFolder.create(name, content);
    at(point, 'after');
    return isNew;
  },
};
const inPostgres = createPostgresArchiveIndex(pool);
const index: ArchiveIndex = {
  ...inPostgres,
  async add(...segment) {
    at('index', 'before');
    const isNew = await inPostgres.add(...segment);
    at('index', 'after');
    return isNew;
  },
};
await createArchiver({ store, archive, index, signer: testSigner(), clock: Date.now, maxSegmentCommits: 3 }).run();
await pool.end();
