// Rebuilds on Postgres whose processes are killed, while others write, feed the read models, and read them. Every answer is compared
// with the fold of the log at its position. `npm run test:rebuild` kills fifty processes.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { nextAt } from '../../domain/kernel/clock.js';
import { type Position, START } from '../../domain/kernel/commit.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { tableOf } from '../../projections/runtime/build-list.js';
import { noteCommit } from '../contracts/notes.js';
import { describeWith } from '../engines.js';
import { endPrograms, freshFolder } from '../running-shop.js';
import { openRebuildWorld, type RebuildWorld, type TextDocument } from './world.js';

const KILLS = Number(process.env.KILLS ?? 2);
const TIMEOUT_MS = 120_000 + KILLS * 30_000;

const STREAMS = Array.from({ length: 40 }, (_, n): StreamId => `note#${n}`);
const TEXTS = Array.from({ length: 30 }, (_, n) => `text ${n}`);
const FIRST_COMMITS = 400;
const WHEN = ['before', 'midway', 'after'] as const;

describeWith('postgres', 'Rebuilds that are killed', function (engines) {
  this.timeout(TIMEOUT_MS);
  let url: string;
  let folder: string;
  let world: RebuildWorld;
  before(async () => {
    url = await engines.freshDatabase();
    folder = await freshFolder();
    world = await openRebuildWorld(url, folder);
  });
  after(() => world?.close());
  after(endPrograms);

  it(`resume and end equal to the log after ${KILLS} kills, and every answer meanwhile is right`, async () => {
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
    const random = randomOf(seed);
    const log = logOf(world, random);
    await log.write(FIRST_COMMITS);
    const stop = new AbortController();
    const beside = Promise.all([
      writing(log, stop.signal),
      feeding(world, stop.signal),
      reading(world, log, stop.signal),
    ]);
    beside.catch(() => stop.abort());
    try {
      const calls = Number((await work(0, 'after')).stdout);
      expect(calls).to.be.greaterThan(30);
      for (let kills = 0; kills < KILLS; ) {
        stop.signal.throwIfAborted();
        const at = 1 + Math.floor(random() * calls);
        const when = WHEN[Math.floor(random() * WHEN.length)] as (typeof WHEN)[number];
        const { signal, stderr } = await work(at, when);
        if (signal) kills++;
        expect(stderr, `seed ${seed}, killed ${when} call ${at}`).to.equal('');
      }
      expect((await work(0, 'after')).stderr).to.equal('');
    } finally {
      stop.abort();
      await beside;
    }
    await feed(world);
    const { serving, previous, next, failure } = await world.builds.of('texts');
    expect({ next, failure }).to.deep.equal({ next: undefined, failure: undefined });
    for (const build of [serving, previous]) {
      const table = tableOf('texts', build as never);
      expect(await documentsIn(world, table), `seed ${seed}: ${table}`).to.deep.equal(log.documents());
      expect(await world.documents.count(table)).to.equal(Object.keys(log.documents()).length);
    }
    const statuses = await world.projector.status();
    expect(statuses.map(({ lag }) => lag.commits)).to.deep.equal(statuses.map(() => 0));
  });

  function work(killAt: number, when: string) {
    const args = ['--import', 'tsx', join(import.meta.dirname, 'worker.ts'), url, folder, String(killAt), when];
    return new Promise<{ stdout: string; stderr: string; signal: string | null }>((resolve) => {
      const child = execFile(process.execPath, args, (_, stdout, stderr) =>
        resolve({ stdout, stderr, signal: child.signalCode }),
      );
    });
  }
});

type Log = ReturnType<typeof logOf>;

/** The notes that were written, and the documents that they make. */
function logOf({ store }: RebuildWorld, random: () => number) {
  const ends = new Map<StreamId, Position>();
  const written: { stream: StreamId; commitNo: number; text: string; version: number }[] = [];

  async function write(commits: number): Promise<void> {
    const busy = new Map<StreamId, string[]>();
    for (let n = 0; n < commits; n++) {
      // Some streams and texts are much busier than others.
      const stream = STREAMS[Math.floor(random() ** 2 * STREAMS.length)] as StreamId;
      const text = random() < 0.1 ? 'idle' : (TEXTS[Math.floor(random() ** 2 * TEXTS.length)] as string);
      busy.set(stream, [...(busy.get(stream) ?? []), text]);
    }
    await Promise.all([...busy].map(([stream, some]) => writeTo(stream, some)));
  }

  async function writeTo(stream: StreamId, some: readonly string[]): Promise<void> {
    for (const text of some) {
      const after = ends.get(stream) ?? START;
      const commit = noteCommit(after, `${stream}/${after.commitNo}`, { text });
      const result = await store.append(stream, after, { ...commit, at: nextAt(Date.now(), after.at) });
      if (!result.appended) throw new Error('a note was lost');
      ends.set(stream, result.position);
      written.push({ stream, commitNo: after.commitNo + 1, text, version: after.version + 1 });
    }
  }

  /** The notes with this text up to these commits. */
  function notesOf(text: string, upTo: (stream: StreamId) => number): TextDocument['notes'] {
    const notes: TextDocument['notes'] = {};
    for (const note of written) {
      if (note.text !== text || note.commitNo > upTo(note.stream)) continue;
      notes[note.stream] = [...(notes[note.stream] ?? []), note.version];
    }
    return notes;
  }

  return {
    write,
    notesOf,
    seen: () => new Map([...ends].map(([stream, { commitNo }]) => [stream, commitNo] as const)),
    documents: () =>
      Object.fromEntries(
        [...new Set(written.map(({ text }) => text))]
          .filter((text) => text !== 'idle')
          .sort()
          .map((text) => [text, notesOf(text, () => Number.POSITIVE_INFINITY)]),
      ),
  };
}

async function writing(log: Log, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await log.write(3);
    await delay(100);
  }
}

async function feeding(world: RebuildWorld, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await feed(world);
    await delay(30);
  }
}

/** The newest commits of the log, as the change feed would bring them. */
async function feed({ store, projector }: RebuildWorld): Promise<void> {
  const tails = new Map<StreamId, number>();
  for await (const { stream, commitNo } of store.newest(0))
    tails.set(stream, Math.max(commitNo, tails.get(stream) ?? 0));
  await projector.catchUp(tails);
}

/** Reads all documents again and again, as a request with a consistency token does. */
async function reading(world: RebuildWorld, log: Log, signal: AbortSignal): Promise<void> {
  const longest = new Map<string, number>();
  while (!signal.aborted) {
    const seen = new Map([...log.seen()].slice(0, 10));
    const build = await world.served.current();
    expect(await world.served.gateOf(build).wait(seen, 10_000), 'the token is shown').to.equal(true);
    const table = tableOf('texts', build as never);
    const ids = TEXTS.map((key) => ({ table, key }));
    for (const { key, document, positions } of (await world.documents.load(ids, [])).documents) {
      const { notes } = document as unknown as TextDocument;
      expect(notes, `${table} ${key}`).to.deep.equal(log.notesOf(key, (stream) => positions[stream] ?? 0));
      const wanted = log.notesOf(key, (stream) => seen.get(stream) ?? 0);
      for (const [stream, list] of Object.entries(wanted)) {
        expect(notes[stream as StreamId]?.length, `${table} ${key} ${stream} shows the token`).to.be.at.least(
          list.length,
        );
      }
      const length = Object.values(notes).reduce((sum, list) => sum + list.length, 0);
      expect(length, `${table} ${key} does not shrink`).to.be.at.least(longest.get(key) ?? 0);
      longest.set(key, length);
    }
    await delay(50);
  }
}

async function documentsIn({ documents }: RebuildWorld, table: string): Promise<Record<string, TextDocument['notes']>> {
  const found = (
    await documents.load(
      TEXTS.map((key) => ({ table, key })),
      [],
    )
  ).documents;
  const sorted = found.sort((a, b) => (a.key < b.key ? -1 : 1));
  return Object.fromEntries(sorted.map(({ key, document }) => [key, (document as unknown as TextDocument).notes]));
}

/** Numbers from 0 to 1 that the seed decides (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
