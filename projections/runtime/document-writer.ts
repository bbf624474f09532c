// Evolves the documents that commits change and writes them under compare-and-set. Each document takes each event once and in
// stream order, even with concurrent writers.
import { millisOf } from '../../domain/kernel/clock.js';
import type { Commit } from '../../domain/kernel/commit.js';
import { Unavailable } from '../../domain/kernel/errors.js';
import type { DomainEvent, RecordedEvent } from '../../domain/kernel/event.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import type { Document, Handler, Projection } from './projection.js';
import type { DocumentWrite, Positions, SinkTable, StoredDocument, WriteOutcome } from './sink.js';

/** How often stale documents are loaded and evolved again. In each round some other writer succeeds. */
const MAX_SAVE_ROUNDS = 50;

/** A commit that cannot be processed. */
export interface Poison {
  commitNo: number;
  error: string;
}

export interface DocumentWriter {
  /**
   * Applies the commits to their documents and writes them. The commits of each stream are in order and without gaps, and start
   * with the first one that is not applied yet. Returns the streams that failed; everything else is written.
   */
  write(runs: ReadonlyMap<StreamId, readonly Commit[]>): Promise<Map<StreamId, Poison>>;
}

/** The events of one commit that the projection handles. */
interface Step {
  stream: StreamId;
  commitNo: number;
  /** Commit time in ms of the log's clock. */
  at: number;
  touches: Map<string, RecordedEvent[]>;
}

interface Draft {
  /** `undefined`: no document yet. `null`: a tombstone. */
  document: Document | null | undefined;
  positions: Positions;
}

export function createDocumentWriter(projection: Projection<never, never>, table: SinkTable): DocumentWriter {
  const handlers = new Map(Object.entries(projection.on as Record<string, Handler<Document, DomainEvent>>));

  async function write(runs: ReadonlyMap<StreamId, readonly Commit[]>): Promise<Map<StreamId, Poison>> {
    const stuck = new Map<StreamId, Poison>();
    const steps = stepsOf(runs, stuck);
    const refused = new Map<string, string>();
    let keys = new Set(steps.flatMap(({ touches }) => [...touches.keys()]));

    for (let round = 0; keys.size > 0; round++) {
      if (round === MAX_SAVE_ROUNDS) throw contention(projection.name, keys);
      const loaded = await table.load([...keys]);
      const writes = writesOf(evolve(steps, keys, loaded, stuck), loaded);
      const outcomes = await table.save(writes);
      keys = new Set();
      outcomes.forEach((outcome, index) => void sort(outcome, writes[index]!.key, keys, refused));
    }

    const [only] = steps;
    if (refused.size > 0 && steps.length === 1) {
      stuck.set(only!.stream, { commitNo: only!.commitNo, error: [...refused.values()].join('; ') });
    } else if (refused.size > 0) {
      await isolate(runs, streamsTouching(refused, steps), stuck);
    }
    return stuck;
  }

  /** A rejected document may combine several commits. Writing them one by one shows which commit causes the rejection. */
  async function isolate(
    runs: ReadonlyMap<StreamId, readonly Commit[]>,
    streams: ReadonlySet<StreamId>,
    stuck: Map<StreamId, Poison>,
  ): Promise<void> {
    for (const stream of streams) {
      for (const commit of runs.get(stream)!) {
        if (isBehind(stuck, stream, commit.position.commitNo)) break;
        for (const [found, poison] of await write(new Map([[stream, [commit]]]))) stuck.set(found, poison);
      }
    }
  }

  function stepsOf(runs: ReadonlyMap<StreamId, readonly Commit[]>, stuck: Map<StreamId, Poison>): Step[] {
    const steps: Step[] = [];
    for (const [stream, commits] of runs) {
      for (const { position, events } of commits) {
        try {
          const touches = touchesOf(events);
          if (touches.size > 0) steps.push({ stream, commitNo: position.commitNo, at: millisOf(position.at), touches });
        } catch (error) {
          stuck.set(stream, { commitNo: position.commitNo, error: messageOf(error) });
          break;
        }
      }
    }
    return steps;
  }

  function touchesOf(events: readonly RecordedEvent[]): Map<string, RecordedEvent[]> {
    const touches = new Map<string, RecordedEvent[]>();
    for (const event of events) {
      for (const key of new Set(handlers.get(event.type)?.keys(event))) {
        const earlier = touches.get(key);
        if (earlier) earlier.push(event);
        else touches.set(key, [event]);
      }
    }
    return touches;
  }

  /** The documents that change. A commit with an event that throws changes no document. */
  function evolve(
    steps: readonly Step[],
    keys: ReadonlySet<string>,
    loaded: ReadonlyMap<string, StoredDocument>,
    stuck: Map<StreamId, Poison>,
  ): Map<string, Draft> {
    const drafts = new Map<string, Draft>();
    for (const { stream, commitNo, at, touches } of steps) {
      if (isBehind(stuck, stream, commitNo)) continue;
      const changed = new Map<string, Draft>();
      try {
        for (const [key, events] of touches) {
          if (!keys.has(key)) continue;
          const before = drafts.get(key) ?? loaded.get(key) ?? { document: undefined, positions: {} };
          if (commitNo <= (before.positions[stream] ?? 0)) continue;
          const document = events.reduce((state, event) => evolveOne(state, event, key, at), before.document);
          if (document === before.document) continue;
          changed.set(key, { document, positions: { ...before.positions, [stream]: commitNo } });
        }
      } catch (error) {
        stuck.set(stream, { commitNo, error: messageOf(error) });
        continue;
      }
      for (const [key, draft] of changed) drafts.set(key, draft);
    }
    return drafts;
  }

  function evolveOne(document: Draft['document'], event: RecordedEvent, key: string, at: number): Draft['document'] {
    const evolved = handlers.get(event.type)!.evolve(document ?? undefined, event, key, at);
    return evolved === undefined ? document : evolved;
  }

  return { write };
}

function writesOf(drafts: ReadonlyMap<string, Draft>, loaded: ReadonlyMap<string, StoredDocument>): DocumentWrite[] {
  return [...drafts].map(([key, { document, positions }]) => ({
    key,
    document: document ?? null,
    positions,
    revision: loaded.get(key)?.revision,
  }));
}

function sort(outcome: WriteOutcome, key: string, stale: Set<string>, refused: Map<string, string>): void {
  if (outcome.saved) return;
  if (outcome.stale) stale.add(key);
  else refused.set(key, `document ${key} is refused: ${outcome.error}`);
}

function streamsTouching(keys: ReadonlyMap<string, unknown>, steps: readonly Step[]): Set<StreamId> {
  const touching = steps.filter(({ touches }) => [...touches.keys()].some((key) => keys.has(key)));
  return new Set(touching.map(({ stream }) => stream));
}

function isBehind(stuck: ReadonlyMap<StreamId, Poison>, stream: StreamId, commitNo: number): boolean {
  const poison = stuck.get(stream);
  return poison !== undefined && poison.commitNo <= commitNo;
}

function contention(projection: string, keys: ReadonlySet<string>): Unavailable {
  const examples = [...keys].slice(0, 3).join(', ');
  return new Unavailable(
    projection,
    `${keys.size} documents were still stale after ${MAX_SAVE_ROUNDS} rounds (${examples}); fewer workers would help.`,
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
