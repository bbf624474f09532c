// Others may have write access to the snapshot store, so each snapshot has a keyed hash over its stream, fold version, position
// and state. A snapshot with a wrong hash is dropped, and its stream is read instead.
import type { Position } from '../../domain/kernel/commit.js';
import type { Snapshot, SnapshotStore } from '../../domain/kernel/event-store.js';
import type { KeyedHash } from '../../domain/kernel/seal.js';
import type { StreamId } from '../../domain/kernel/stream.js';

/** One text per stream and fold version. It may be lost at any time. */
export interface SnapshotTexts {
  load(stream: StreamId, foldVersion: number): Promise<KeptText | undefined>;
  /** Replaces only a text of an earlier commit. */
  save(stream: StreamId, foldVersion: number, kept: KeptText): Promise<void>;
  drop(stream: StreamId, foldVersion: number): Promise<void>;
}

export interface KeptText {
  commitNo: number;
  text: string;
}

export interface AuthenticSnapshotsDeps {
  texts: SnapshotTexts;
  keyedHash: KeyedHash;
  /** Called for each snapshot that is dropped. */
  onDropped(stream: StreamId, foldVersion: number): void;
}

const HASH_LENGTH = 43;

export function createAuthenticSnapshots({ texts, keyedHash, onDropped }: AuthenticSnapshotsDeps): SnapshotStore {
  const hashOf = (stream: StreamId, foldVersion: number, json: string) =>
    keyedHash('snapshot', `${stream} ${foldVersion} ${json}`);

  function read(stream: StreamId, foldVersion: number, { commitNo, text }: KeptText): Snapshot | undefined {
    const json = text.slice(HASH_LENGTH);
    if (text.slice(0, HASH_LENGTH) !== hashOf(stream, foldVersion, json)) return undefined;
    const [position, state] = JSON.parse(json) as [Position, unknown];
    // A stored commit number that is too high would block every later snapshot.
    return position.commitNo === commitNo ? { position, state } : undefined;
  }

  return {
    async load(stream, foldVersion) {
      const kept = await texts.load(stream, foldVersion);
      if (!kept) return undefined;
      const snapshot = read(stream, foldVersion, kept);
      if (snapshot) return { ...snapshot, size: kept.text.length };
      onDropped(stream, foldVersion);
      await texts.drop(stream, foldVersion);
      return undefined;
    },
    async save(stream, foldVersion, { position, state }) {
      const json = JSON.stringify([position, state]);
      const text = hashOf(stream, foldVersion, json) + json;
      await texts.save(stream, foldVersion, { commitNo: position.commitNo, text });
      return text.length;
    },
  };
}
