// A log that a seed decides, so that each of several processes has it without an engine, and what the shards of a change feed
// deliver of it: with duplicates, out of order, and to more than one consumer.
import { nextAt } from '../../domain/kernel/clock.js';
import { type Commit, type Position, START } from '../../domain/kernel/commit.js';
import { isProblem } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { StreamId } from '../../domain/kernel/stream.js';
import { createCommitCodec } from '../../infra/event-store/codec.js';
import { createMemoryEventStore } from '../../infra/event-store/memory.js';
import { createProjector } from '../../projections/runtime/projector.js';
import { randomOf } from '../../scripts/random.js';
import { noteCommit, notes } from '../contracts/notes.js';
import { below, oneOf } from '../exported-log.js';
import { noteCounts, texts } from '../rebuild/world.js';
import { openSink, type StorePlace } from '../sinks.js';
import { the } from '../the.js';

export const CONSUMERS = 4;
const SHARDS = 4;

export const PROJECTIONS = [texts, noteCounts];

/** Few, so that every batch of every consumer touches the same documents. `idle` notes are in no document of the texts. */
const TEXTS = ['idle', ...Array.from({ length: 8 }, (_, n) => `text ${n}`)];

/** A record comes at most this many places too early, and its duplicate at most this many later. */
const DISORDER = 6;
const DUPLICATES_LATER = 40;
const LARGEST_BATCH = 25;

/** A batch that loses to the other writers this often would never be written. */
const MAX_REFUSALS = 20;

export interface Scenario {
  seed: number;
  streams: number;
  commits: number;
}

interface Log {
  store: EventStore;
  commits: readonly Commit[];
}

export async function logOf({ seed, streams, commits }: Scenario): Promise<Log> {
  const random = randomOf(seed);
  const clock = () => Date.parse('2026-01-01T00:00:00Z');
  const store = createMemoryEventStore({ codec: createCommitCodec(notes), clock, watermarkLagMs: 0 });
  const ends = new Map<StreamId, Position>();
  const written: Commit[] = [];
  while (written.length < commits) {
    const stream: StreamId = `note#${below(random, streams)}`;
    const after = ends.get(stream) ?? START;
    const words = Array.from({ length: 1 + below(random, 3) }, () => ({ text: oneOf(random, TEXTS) }));
    const commit = noteCommit(after, `${stream}/${after.commitNo + 1}`, ...words);
    const result = await store.append(stream, after, { ...commit, at: nextAt(clock(), after.at) });
    if (!result.appended) throw new Error(`${stream} has another writer.`);
    ends.set(stream, result.position);
    for await (const read of store.read(stream, after.commitNo)) written.push(read);
  }
  return { store, commits: written };
}

/**
 * The batches of one consumer. It reads its own shard and that of the next consumer, so that two consumers get each record. The
 * commits of one stream lie in any shard, as the Kinesis destination of DynamoDB spreads them. One batch in five comes again.
 */
function batchesOf({ commits }: Log, { seed }: Scenario, consumer: number): Commit[][] {
  const placing = randomOf(seed + 1);
  const shards = Array.from({ length: SHARDS }, (): Commit[] => []);
  for (const commit of commits) the(shards[below(placing, SHARDS)]).push(commit);

  const random = randomOf(seed + 2 + consumer);
  const read = [consumer, consumer + 1].map((n) => delivered(the(shards[n % SHARDS]), random));
  const batches: Commit[][] = [];
  while (read.some((shard) => shard.length > 0)) {
    const shard = oneOf(
      random,
      read.filter((left) => left.length > 0),
    );
    const batch = shard.splice(0, 1 + below(random, LARGEST_BATCH));
    batches.push(batch);
    if (below(random, 5) === 0) batches.push(batch);
  }
  return batches;
}

/** The records in an order that is not that of the log, a fourth of them twice. */
function delivered(shard: readonly Commit[], random: () => number): Commit[] {
  const placed = shard.flatMap((commit, n) => {
    const once = { commit, place: n + below(random, DISORDER) };
    if (below(random, 4) > 0) return [once];
    return [once, { commit, place: n + below(random, DUPLICATES_LATER) }];
  });
  return placed.sort((a, b) => a.place - b.place).map(({ commit }) => commit);
}

/** Applies all batches. One that the store could not take, because of too many other writers, is delivered again. */
export async function openConsumer(place: StorePlace, scenario: Scenario, consumer: number) {
  const log = await logOf(scenario);
  const { sink, close } = await openSink(place);
  const documents = await sink.open(PROJECTIONS);
  const silent = { info() {}, warn() {}, error() {} };
  const projector = createProjector({
    engine: sink.engine,
    projections: PROJECTIONS,
    documents,
    store: log.store,
    clock: Date.now,
    log: silent,
  });
  return {
    documents,
    async consume(): Promise<void> {
      for (const batch of batchesOf(log, scenario, consumer)) {
        for (let refusals = 0; !(await projector.apply(batch).then(() => true, isRefused)); refusals++) {
          if (refusals === MAX_REFUSALS) throw new Error(`A batch was refused ${refusals} times.`);
        }
      }
    },
    close,
  };
}

function isRefused(error: unknown): false {
  if (!isProblem(error, 'unavailable')) throw error;
  return false;
}
