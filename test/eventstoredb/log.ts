// What an EventStoreDB server decides: expected revisions, idempotent retries, deletions and what readers see. In memory, without
// the network. It follows `IndexWriter.CheckCommit` of the real server.

/** A revision is the number of an event in its stream: 0, 1, 2 … */
export type Expected = 'any' | 'no_stream' | 'stream_exists' | number;

export interface Proposed {
  id: string;
  type: string;
  contentType: string;
  data: Uint8Array;
  metadata: Uint8Array;
}

export interface Recorded extends Proposed {
  stream: string;
  revision: number;
  /** Place in `$all`. It grows, with gaps. */
  position: number;
  /** By the server's clock, in ms. */
  created: number;
}

export type Outcome =
  /** `revision` of the last event, -1 if there is none; `position` unless nothing was written. */
  | { kind: 'written'; revision: number; position?: number }
  /** The stream's last revision, -1 if it has none. */
  | { kind: 'wrong version'; current: number }
  | { kind: 'deleted' }
  | { kind: 'too large'; limit: number };

export interface ServerLog {
  append(stream: string, expected: Expected, events: readonly Proposed[]): Outcome;
  /** A soft deletion truncates the stream, whose revisions continue. A tombstone ends it for ever. */
  remove(stream: string, expected: Expected, how: 'softly' | 'for ever'): Outcome;
  /** The readable events of a stream, in order; undefined if there is no stream; `deleted` after a tombstone. */
  visible(stream: string): readonly Recorded[] | undefined | 'deleted';
  /** Everything in the order of its positions. Deleted events stay here until a scavenge, which this server never does. */
  readonly all: readonly Recorded[];
  /** Resolves after the next write. */
  written(): Promise<void>;
}

interface Stream {
  events: Recorded[];
  /** Revisions by event id. */
  ids: Map<string, number>;
  isEnded: boolean;
}

/** `$tb` of a soft deletion: the largest revision. As a number of JavaScript it is 2^63. */
const DELETED = '9223372036854775807';

const LIMIT_BYTES = 1024 * 1024;

export function createServerLog({ clock = Date.now, limitBytes = LIMIT_BYTES } = {}): ServerLog {
  const streams = new Map<string, Stream>();
  const all: Recorded[] = [];
  let position = 0;
  let lastCreated = 0;
  const waiting: (() => void)[] = [];

  const lastOf = (name: string) => (streams.get(name)?.events.length ?? 0) - 1;

  function append(name: string, expected: Expected, events: readonly Proposed[]): Outcome {
    const size = events.reduce((sum, { data, metadata }) => sum + data.length + metadata.length, 0);
    if (size > limitBytes) return { kind: 'too large', limit: limitBytes };
    const decision = decide(name, expected, events);
    if (decision !== 'write') return decision;
    if (isSoftlyDeleted(name)) write(metadataStreamOf(name), [metadataOf({ $tb: lastOf(name) + 1 })]);
    if (events.length > 0) write(name, events);
    return written(name);
  }

  function decide(name: string, expected: Expected, events: readonly Proposed[]): Outcome | 'write' {
    const stream = streams.get(name);
    const current = lastOf(name);
    const wrong: Outcome = { kind: 'wrong version', current };
    if (stream?.isEnded) return { kind: 'deleted' };
    if (expected === 'stream_exists') {
      if (isSoftlyDeleted(name)) return { kind: 'deleted' };
      if (current < 0 && lastOf(metadataStreamOf(name)) < 0) return wrong;
    }
    if (expected === 'any' || expected === 'stream_exists') {
      const known = events.map(({ id }) => stream?.ids.get(id));
      if (known[0] === undefined) return 'write';
      return known.includes(undefined) ? wrong : written(name, known.at(-1));
    }
    const before = expected === 'no_stream' ? -1 : expected;
    if (before === current) return 'write';
    if (before > current || !stream) return wrong;
    const isRetry = events.every(({ id }, n) => stream.events[before + 1 + n]?.id === id);
    if (isRetry && events.length > 0) return written(name, before + events.length);
    return expected === 'no_stream' && isSoftlyDeleted(name) ? 'write' : wrong;
  }

  function written(name: string, revision = lastOf(name)): Outcome {
    const event = streams.get(name)?.events[revision];
    return event ? { kind: 'written', revision, position: event.position } : { kind: 'written', revision: -1 };
  }

  function write(name: string, events: readonly Proposed[]): void {
    const stream: Stream = streams.get(name) ?? { events: [], ids: new Map(), isEnded: false };
    streams.set(name, stream);
    lastCreated = Math.max(lastCreated, clock());
    for (const event of events) {
      const revision = stream.events.length;
      const recorded = { ...event, stream: name, revision, position, created: lastCreated };
      position += 128 + event.data.length + event.metadata.length;
      stream.events.push(recorded);
      stream.ids.set(event.id, revision);
      all.push(recorded);
    }
    for (const wake of waiting.splice(0)) wake();
  }

  function limitsOf(name: string): { $tb?: unknown; $maxCount?: unknown; $maxAge?: unknown } {
    const latest = streams.get(metadataStreamOf(name))?.events.at(-1);
    return latest ? JSON.parse(Buffer.from(latest.data).toString() || '{}') : {};
  }

  const isSoftlyDeleted = (name: string) => Number(limitsOf(name).$tb) >= Number(DELETED);

  return {
    append,

    remove(name, expected, how) {
      const decision = decide(name, expected, []);
      // Without events to compare, a revision that is not the last one never counts as a retry.
      if (decision !== 'write') return decision;
      if (how === 'softly') {
        write(metadataStreamOf(name), [metadataOf({ $tb: DELETED })]);
        return { kind: 'written', revision: lastOf(name), position };
      }
      write(name, [{ ...metadataOf({}), type: '$streamDeleted' }]);
      const stream = streams.get(name);
      if (stream) stream.isEnded = true;
      return written(name);
    },

    visible(name) {
      const stream = streams.get(name);
      if (!stream) return undefined;
      if (stream.isEnded) return 'deleted';
      const { $tb, $maxCount, $maxAge } = limitsOf(name);
      const first = Math.max(
        Math.min(Number($tb ?? 0), stream.events.length),
        $maxCount === undefined ? 0 : stream.events.length - Number($maxCount),
      );
      const oldest = $maxAge === undefined ? 0 : clock() - Number($maxAge) * 1000;
      const events = stream.events.slice(first).filter(({ created }) => created >= oldest);
      return events.length > 0 ? events : undefined;
    },

    all,

    written: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
      }),
  };
}

function metadataStreamOf(name: string): string {
  return `$$${name}`;
}

/** An event that changes a stream's metadata. Large numbers are written as the server does, without quotes. */
function metadataOf(limits: object): Proposed {
  const text = JSON.stringify(limits).replace(`"${DELETED}"`, DELETED);
  return {
    id: crypto.randomUUID(),
    type: '$metadata',
    contentType: 'application/json',
    data: Buffer.from(text),
    metadata: new Uint8Array(),
  };
}
