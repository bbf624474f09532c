// Positions of a projection that a process remembers: bounded, and never higher than the sink's last answer.
import type { StreamId } from '../domain/kernel/stream.js';

/** Number of recently used streams whose position is remembered; about 100 bytes each. */
const MAX_STREAMS = 20_000;

export interface KnownPositions {
  /** A lower bound of the stream's position. */
  get(stream: StreamId): number | undefined;
  raise(stream: StreamId, commitNo: number): void;
  clear(): void;
}

export function createKnownPositions(maxStreams = MAX_STREAMS): KnownPositions {
  const known = new Map<StreamId, number>();
  return {
    get: (stream) => known.get(stream),
    raise(stream, commitNo) {
      const raised = Math.max(commitNo, known.get(stream) ?? 0);
      known.delete(stream);
      known.set(stream, raised);
      if (known.size > maxStreams) known.delete(known.keys().next().value!);
    },
    clear: () => known.clear(),
  };
}
