// A log with an archive, on a clock of its own. Parts of the log can be hidden, as by an index that is behind.
import { expect } from 'chai';
import { hlcOf } from '../domain/kernel/clock.js';
import { type Position, START, type StoredCommit } from '../domain/kernel/commit.js';
import { compareLogEntries, type EventStore, entryOf, type LogEntry } from '../domain/kernel/event-store.js';
import type { StreamId } from '../domain/kernel/stream.js';
import { type ArchiverDeps, createArchiver } from '../infra/archive/archiver.js';
import { commitLeafHash } from '../infra/archive/commit-leaf.js';
import { readManifest, readSegment, segmentName } from '../infra/archive/layout.js';
import { growTree } from '../infra/archive/merkle-tree.js';
import { noteVerifier } from '../infra/archive/signed-note.js';
import { type ArchiveProblem, verifyArchive } from '../infra/archive/verify-archive.js';
import { createCommitCodec } from '../infra/event-store/codec.js';
import { createMemoryEventStore, createMemoryLog } from '../infra/event-store/memory.js';
import { noteCommit, notes } from './contracts/notes.js';
import { createMemoryArchive, createMemoryIndex, emptyIndex, type Hook } from './memory-archive.js';
import { testSigner } from './test-signer.js';

const codec = createCommitCodec(notes);
const LAG_MS = 1_000;
export const PAST_WATERMARK_MS = LAG_MS + 1;

export function createArchivedShop() {
  let now = 1_800_000_000_000;
  const clock = () => now;
  const log = createMemoryLog();
  const store = createMemoryEventStore({ codec, log, clock, watermarkLagMs: LAG_MS });
  const hidden = new Set<string>();
  function storeWithout(id?: StreamId): EventStore {
    const isShown = ({ stream, commitNo }: LogEntry) =>
      !hidden.has(`${stream} ${commitNo}`) && !hidden.has(stream) && stream !== id;
    return {
      ...store,
      async *stored(range) {
        for await (const commit of store.stored(range)) if (isShown(entryOf(commit))) yield commit;
      },
      async *log(after, upTo) {
        for await (const entry of store.log(after, upTo)) if (isShown(entry)) yield entry;
      },
    };
  }
  const objects = new Map<string, Buffer>();
  const signed: string[] = [];
  const signer = testSigner();
  const recording = {
    ...signer,
    sign(text: string) {
      signed.push(text);
      return signer.sign(text);
    },
  };
  const shop = {
    log,
    storeWithout,
    clock,
    signer,
    objects,
    /** Every text that an archiver has signed. */
    signed,
    data: emptyIndex(),
    passes(ms: number) {
      now += ms;
    },
    hides: (id: StreamId, commitNo?: number) => void hidden.add(commitNo === undefined ? id : `${id} ${commitNo}`),
    shows(id: StreamId) {
      for (const name of hidden) if (name === id || name.startsWith(`${id} `)) hidden.delete(name);
    },
    losesIndex() {
      Object.assign(shop.data, emptyIndex());
    },
    async append(id: StreamId, after: Position = START): Promise<Position> {
      const at = Math.max(hlcOf(now), after.at + 1);
      const result = await store.append(id, after, { ...noteCommit(after, 'c', {}), at });
      if (!result.appended) throw new Error('conflict');
      return result.position;
    },
    archiver: (changes: Partial<ArchiverDeps> = {}, hook?: Hook) =>
      createArchiver({
        store: storeWithout(),
        archive: createMemoryArchive(objects, hook),
        index: createMemoryIndex(shop.data, hook),
        signer: recording,
        clock,
        ...changes,
      }),
    /** The archived commits in the order of the manifests. */
    async archived(): Promise<string[]> {
      return (await shop.commits()).map(nameOf);
    },
    async commits(): Promise<StoredCommit[]> {
      const archive = createMemoryArchive(objects);
      const commits: StoredCommit[] = [];
      for (let number = 1; ; number++) {
        const manifest = await readManifest(archive, number);
        if (!manifest) return commits;
        const segment = await readSegment(archive, manifest);
        expect(segment).to.deep.equal([...segment].sort((a, b) => compareLogEntries(entryOf(a), entryOf(b))));
        expect(objects.has(segmentName(manifest))).to.equal(true);
        commits.push(...segment);
      }
    },
    /** What `verifyArchive` finds. */
    async problems(): Promise<ArchiveProblem[]> {
      const problems: ArchiveProblem[] = [];
      const archive = createMemoryArchive(objects);
      const deps = { archive, index: createMemoryIndex(shop.data), store, log: noteVerifier(signer.verifierKey) };
      await verifyArchive(deps, { onProblem: (problem) => void problems.push(problem) });
      return problems;
    },
    /** The root of each size of the tree. */
    async roots(): Promise<Map<number, Buffer>> {
      const tree = growTree();
      const roots = new Map([[0, tree.root()]]);
      for (const commit of await shop.commits()) {
        tree.append(commitLeafHash(commit));
        roots.set(tree.size, tree.root());
      }
      return roots;
    },
  };
  return shop;
}

export function nameOf({ pk, sk }: Pick<StoredCommit, 'pk' | 'sk'>): string {
  return `${pk} ${sk}`;
}
