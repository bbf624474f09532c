// The ports of the archive: a store in which each name is written once, and an index of the commits in it.
import type { Hlc } from '../../domain/kernel/clock.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Node } from './merkle-tree.js';

/** Where the archive is. What has been written cannot be changed or removed, as far as the place can enforce that. */
export interface ArchiveStore {
  /** The place, for messages. */
  readonly name: string;
  /**
   * Writes unless the name exists: of several writers, exactly one succeeds. False: the name exists. Throws `Unavailable`, and may
   * have written then.
   */
  create(name: string, content: Uint8Array): Promise<boolean>;
  /** Sees everything that has been created. Undefined if there is no such name. Throws `Unavailable`. */
  read(name: string): Promise<Buffer | undefined>;
  /** The names that begin with this text, in the order of their bytes. Throws `Unavailable`. */
  list(prefix: string): AsyncIterable<string>;
}

/** How far the archive goes. */
export interface ArchiveHead {
  /** Number of segments, and of the last one. */
  segments: number;
  /** Number of commits, and of leaves of the tree. */
  size: number;
  root: Buffer;
  /** The log up to here is archived, except for commits that became visible late. */
  upTo: Hlc;
}

export interface CommitPlace {
  stream: StreamId;
  commitNo: number;
}

export interface ArchivedCommit extends CommitPlace {
  /** Index in the archive, from 0. It never changes. */
  index: number;
  /** Hash of the commit, lower-case hex. */
  h: string;
}

/**
 * What the segments have, for look-ups. It is made from the archive alone and may be lost: the archiver then makes it again. All
 * methods throw `Unavailable`.
 */
export interface ArchiveIndex {
  head(): Promise<ArchiveHead>;
  /**
   * Adds the next segment as a whole. The nodes are the perfect subtrees that it completes, by level and index. False: another
   * process has added a segment with this number.
   */
  add(
    head: ArchiveHead,
    commits: readonly ArchivedCommit[],
    nodes: readonly { node: Node; hash: Buffer }[],
  ): Promise<boolean>;
  /** The last archived commit of each of these streams, if it has one. */
  lastOf(streams: readonly StreamId[]): Promise<Map<StreamId, ArchivedCommit>>;
  /** The archived ones among these commits, in their order. */
  find(places: readonly CommitPlace[]): Promise<(ArchivedCommit | undefined)[]>;
  /** The hashes of perfect subtrees. All of them are in the tree. */
  nodes(nodes: readonly Node[]): Promise<Buffer[]>;
}
