// Delays a query until its read model shows the commits that the caller has seen, and gives it the build that does.
import type { SeenCommits } from '../domain/kernel/consistency.js';
import { categoryOf, type StreamId } from '../domain/kernel/stream.js';
import { createKnownPositions } from './known-positions.js';
import { type Projection, physicalName } from './runtime/projection.js';
import { type DocumentStore, positionFor } from './runtime/sink.js';

/** First and longest interval between polls of the sink for progress of other processes. */
const FIRST_POLL_MS = 20;
const SLOWEST_POLL_MS = 250;

export interface Visibility {
  /** True once the read model shows every seen commit of the streams that it follows; false if `waitMs` ends first. */
  wait(seen: SeenCommits, waitMs: number): Promise<boolean>;
}

/** A read model, whose builds replace each other. One answer takes its queries once, so that it does not mix builds. */
export interface ReadModel<Q> {
  /** The queries of the build that serves now. */
  current(): Promise<Q>;
  /** The same, once that build shows every seen commit of the streams that it follows; undefined if `waitMs` ends first. */
  showing(seen: SeenCommits, waitMs: number): Promise<Q | undefined>;
}

export interface VisibilityGate extends Visibility {
  /** This process's projector has moved positions. Waiting queries check again at once. */
  advanced(): void;
  /** Behind another connection may be a store that shows less. */
  doubted(): void;
}

export function createVisibility(
  store: Pick<DocumentStore, 'load' | 'refresh'>,
  projection: Projection<never, never>,
): VisibilityGate {
  const followed = new Set(projection.categories);
  const name = physicalName(projection);
  const shown = createKnownPositions();
  const refresh = store.refresh && sharedRefresh(() => store.refresh!(name));
  let advance = signalOnce();

  async function wait(seen: SeenCommits, waitMs: number): Promise<boolean> {
    const deadline = performance.now() + waitMs;
    for (let poll = FIRST_POLL_MS; ; poll = Math.min(poll * 2, SLOWEST_POLL_MS)) {
      const { promise } = advance;
      if (await shows(seen)) return true;
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await raceTimeout(promise, Math.min(poll, left));
    }
  }

  async function shows(seen: SeenCommits): Promise<boolean> {
    const open = [...seen].filter(
      ([stream, commitNo]) => followed.has(categoryOf(stream)) && commitNo > (shown.get(stream) ?? 0),
    );
    if (open.length === 0) return true;
    const { positions } = await store.load(
      [],
      open.map(([stream]) => stream),
    );
    const positionOf = (stream: StreamId) => positionFor(name, positions.get(stream));
    if (open.some(([stream, commitNo]) => commitNo > positionOf(stream))) return false;
    await refresh?.();
    for (const [stream] of open) shown.raise(stream, positionOf(stream));
    return true;
  }

  return {
    wait,
    doubted: shown.clear,
    advanced() {
      advance.fire();
      advance = signalOnce();
    },
  };
}

/**
 * One refresh serves all callers that ask before it starts. A running refresh may miss newer data, so later callers share the
 * next.
 */
function sharedRefresh(refresh: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        running = refresh();
        return running;
      });
    return next;
  };
}

function signalOnce(): { promise: Promise<void>; fire: () => void } {
  let fire = () => {};
  const promise = new Promise<void>((resolve) => {
    fire = resolve;
  });
  return { promise, fire };
}

async function raceTimeout(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}
