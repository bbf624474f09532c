// Two projections of notes in one of the stores: what a rebuild, the projectors beside it and readers share, in several processes.
// The log is in Postgres.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { StreamId } from '../../domain/kernel/stream.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createEventsTable, createPostgresEventStore } from '../../infra/event-store/postgres/postgres-event-store.js';
import { createPool } from '../../infra/postgres.js';
import { createFileSpill } from '../../infra/rebuild/file-spill.js';
import { hasEnded, runnerOfThisProcess } from '../../infra/rebuild/runner.js';
import { createRebuilds, type Rebuilds } from '../../projections/rebuild/rebuilds.js';
import { createBuildList } from '../../projections/runtime/build-list.js';
import { followBuilds } from '../../projections/runtime/follow-builds.js';
import type { Projection } from '../../projections/runtime/projection.js';
import type { DocumentStore } from '../../projections/runtime/sink.js';
import { createServed } from '../../projections/served.js';
import { notes } from '../contracts/notes.js';
import { openSink, type StorePlace } from '../sinks.js';

/** Shorter than in the product, so that a rebuild takes a second. */
const WATERMARK_LAG_MS = 300;
const LOOK_EVERY_MS = 50;
const PAUSE_MS = 250;
const SIZES = { segment: 150, slice: 100 };

export interface TextDocument {
  notes: Record<StreamId, number[]>;
}

/** By text: the versions of the notes that have it, by stream. Many streams feed a document, each its own part. */
export const texts: Projection<never, never> = {
  name: 'texts',
  version: 1,
  categories: ['note'],
  fields: { text: 'keyword' },
  on: {
    NoteWritten: {
      keys: ({ data: { text } }: { data: { text: string } }) => (text === 'idle' ? [] : [text]),
      evolve(before: TextDocument | undefined, event: { version: number; commandId: string; data: { text: string } }) {
        const stream = event.commandId.split('/')[0] as StreamId;
        const known = before?.notes[stream] ?? [];
        return { text: event.data.text, notes: { ...before?.notes, [stream]: [...known, event.version] } };
      },
    },
  } as never,
};

/** By stream: the number of its notes. A rebuild of the texts leaves it alone. */
export const noteCounts: Projection<never, never> = {
  name: 'note-counts',
  version: 1,
  categories: ['note'],
  fields: {},
  on: {
    NoteWritten: {
      keys: ({ commandId }: { commandId: string }) => [commandId.split('/')[0] as string],
      evolve: (before: { notes: number } | undefined) => ({ notes: (before?.notes ?? 0) + 1 }),
    },
  } as never,
};

export type RebuildWorld = Awaited<ReturnType<typeof openRebuildWorld>>;

/** `around` may wrap the documents and the spill, to count calls or to be killed in one. */
export async function openRebuildWorld(
  url: string,
  place: StorePlace,
  folder: string,
  around: <T extends object>(target: T) => T = (target) => target,
  sizes = SIZES,
) {
  const pool: Pool = createPool({ url, max: 6 });
  await createEventsTable(pool);
  const codec = createCommitCodec(notes);
  const store = createPostgresEventStore({ pool, codec, watermarkLagMs: WATERMARK_LAG_MS });
  const projections = [texts, noteCounts];
  const { sink, close } = await openSink(place);
  const { engine } = sink;
  const documents = around<DocumentStore>(await sink.open([]));
  const builds = createBuildList({ engine, projections, documents, lookEveryMs: LOOK_EVERY_MS });
  await builds.read();
  const fed = await builds.fed();
  for (const projection of fed.projections) await documents.create(projection);
  const clock = Date.now;
  const served = createServed(documents, builds, texts);
  const projector = followBuilds({
    engine,
    documents,
    store,
    clock,
    log: silent,
    builds,
    fed,
    onAdvance: () => served.advanced(),
  });
  const rebuilds: Rebuilds = createRebuilds({
    stores: [{ engine, projections, documents, builds, projector }],
    store,
    events: codec.events,
    spillOf: (table) => around(createFileSpill(join(folder, table))),
    runner: runnerOfThisProcess(),
    hasEnded,
    clock,
    log: silent,
    rest: async () => {},
    pause: async (_, signal) => void (await delay(PAUSE_MS, undefined, { signal }).catch(() => {})),
    sizes,
  });
  return {
    store,
    documents,
    builds,
    served,
    projector,
    rebuilds,
    async close() {
      await close();
      await pool.end();
    },
  };
}

const silent = { info() {}, warn() {}, error() {} };
