// An archive and its index in memory, for tests. They have hooks to inject faults.
import { EMPTY_ROOT, type Node } from '../infra/archive/merkle-tree.js';
import type { ArchivedCommit, ArchiveHead, ArchiveIndex, ArchiveStore, CommitPlace } from '../infra/archive/port.js';
import { the } from './the.js';

export interface MemoryArchive extends ArchiveStore {
  objects: Map<string, Buffer>;
}

/** Called before and after each write: throw to crash there, await to be slow. */
export type Hook = (what: string, when: 'before' | 'after') => void | Promise<void>;

/** Archives on the same objects act as several processes. */
export function createMemoryArchive(objects = new Map<string, Buffer>(), hook: Hook = () => {}): MemoryArchive {
  return {
    objects,
    name: 'memory',
    async create(name, content) {
      await hook(name, 'before');
      const isFree = !objects.has(name);
      if (isFree) objects.set(name, Buffer.from(content));
      await hook(name, 'after');
      return isFree;
    },
    async read(name) {
      await hook(`read ${name}`, 'before');
      return objects.get(name);
    },
    async *list(prefix) {
      yield* [...objects.keys()].filter((name) => name.startsWith(prefix)).sort();
    },
  };
}

export interface MemoryIndexData {
  head: ArchiveHead;
  commits: Map<string, ArchivedCommit>;
  nodes: Map<string, Buffer>;
}

export function emptyIndex(): MemoryIndexData {
  return { head: { segments: 0, size: 0, root: EMPTY_ROOT, upTo: 0 }, commits: new Map(), nodes: new Map() };
}

export function createMemoryIndex(data: MemoryIndexData = emptyIndex(), hook: Hook = () => {}): ArchiveIndex {
  const nameOf = ({ stream, commitNo }: CommitPlace) => `${commitNo} ${stream}`;
  const placeOf = ({ level, index }: Node) => `${level}/${index}`;
  return {
    head: async () => data.head,
    async add(head, commits, nodes) {
      await hook('index', 'before');
      const isNext = data.head.segments === head.segments - 1;
      if (isNext) {
        data.head = head;
        for (const commit of commits) data.commits.set(nameOf(commit), commit);
        for (const { node, hash } of nodes) data.nodes.set(placeOf(node), hash);
      }
      await hook('index', 'after');
      return isNext;
    },
    async lastOf(streams) {
      const last = new Map<ArchivedCommit['stream'], ArchivedCommit>();
      for (const commit of data.commits.values()) {
        const known = last.get(commit.stream);
        if (streams.includes(commit.stream) && !(known && known.commitNo > commit.commitNo))
          last.set(commit.stream, commit);
      }
      return last;
    },
    find: async (places) => places.map((place) => data.commits.get(nameOf(place))),
    nodes: async (nodes) => nodes.map((node) => the(data.nodes.get(placeOf(node)))),
  };
}
