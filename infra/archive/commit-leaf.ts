// The leaf of a commit in the archive's tree. It names the stream and the hash, so that one proof covers the whole stream up to
// there by its chain.
import type { StoredCommit } from '../../domain/kernel/commit.js';
import { leafHash } from './merkle-tree.js';

/** The UTF-8 bytes of JSON [pk, sk, at, h] without spaces, as JSON.stringify writes it. */
export function leafOf({ pk, sk, at, h }: Pick<StoredCommit, 'pk' | 'sk' | 'at' | 'h'>): Buffer {
  return Buffer.from(JSON.stringify([pk, sk, at, h]));
}

export function commitLeafHash(commit: Pick<StoredCommit, 'pk' | 'sk' | 'at' | 'h'>): Buffer {
  return leafHash(leafOf(commit));
}
