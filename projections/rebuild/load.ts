// Fills a new build. First the log is read in parallel segments, and each commit is put aside for the documents that it changes;
// then the documents are folded, slice by slice, and written in bulk. So a document that many streams feed is written once, and
// only the segments and slices at work are in memory.
import type { Hlc } from '../../domain/kernel/clock.js';
import { FORMAT, type StoredCommit } from '../../domain/kernel/commit.js';
import type { RecordedEvent } from '../../domain/kernel/event.js';
import { afterTime, type EventStore } from '../../domain/kernel/event-store.js';
import { categoryOf, type StreamId } from '../../domain/kernel/stream.js';
import { createEvolution, type Draft, type Evolution, type IsSkipped } from '../runtime/evolution.js';
import type { Projection } from '../runtime/projection.js';
import type { NewDocument } from '../runtime/sink.js';
import type { Spill, SpillPlan } from './spill.js';

/** Commits of one segment, and of one slice of documents. Those at work are in memory. */
export const LOAD_SIZES = { segment: 5_000, slice: 20_000 };

/** Commits or documents that are processed without a break, so that the process can do other work. */
const COMMITS_AT_ONCE = 50;

/** Documents of one bulk write. */
const DOCUMENTS_AT_ONCE = 2_000;

/** Streams of a sample: at least half of them, if the log has so many commits. */
const SAMPLE = 200;

/** The definition cannot process a commit. */
export class Indigestible extends Error {
  override name = 'Indigestible';
  constructor(
    readonly stream: StreamId,
    readonly commitNo: number,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

export interface LoadDeps {
  /** The build. */
  projection: Projection<never, never>;
  store: Pick<EventStore, 'log' | 'stored'>;
  /** The events of a stored commit. Their data is checked, unless `isChecked` is false. */
  events(stored: Pick<StoredCommit, 'f' | 'pk' | 'sk' | 'ev'>, options?: { isChecked: boolean }): RecordedEvent[];
  spill: Spill;
  /** Called with the time that a piece of work took, in ms. */
  rest(ms: number): Promise<void>;
  /** Commits that operators skip. They may be unreadable. */
  isSkipped: IsSkipped;
  sizes: typeof LOAD_SIZES;
}

/** Divides the log up to this time. Entries of one time are in one segment. */
export async function planLoad({ projection, store, sizes }: LoadDeps, upTo: Hlc): Promise<SpillPlan> {
  const segments: Hlc[] = [];
  let sample: StreamId[] = [];
  let every = 1;
  let commits = 0;
  let inSegment = 0;
  let last: Hlc = 0;
  for await (const { stream, at } of store.log(0, upTo)) {
    if (!projection.categories.includes(categoryOf(stream))) continue;
    if (inSegment >= sizes.segment && at > last) {
      segments.push(last);
      inSegment = 0;
    }
    if (commits % every === 0 && sample.push(stream) === SAMPLE) {
      sample = sample.filter((_, index) => index % 2 === 0);
      every *= 2;
    }
    inSegment++;
    commits++;
    last = at;
  }
  const slices = Math.ceil(commits / sizes.slice) || 1;
  return { segments: [...segments, upTo], slices, commits, sample: [...new Set(sample)] };
}

/** Puts the commits of one segment aside. `onCommits` is called with the number of commits, now and then. */
export async function readSegment(
  { projection, store, events, spill, rest, isSkipped }: LoadDeps,
  plan: SpillPlan,
  segment: number,
  onCommits: (commits: number) => void,
): Promise<void> {
  const evolution = createEvolution(projection);
  const slices = Array.from({ length: plan.slices }, (): string[] => []);
  const range = { after: afterTime(plan.segments[segment - 1] ?? 0), upTo: plan.segments[segment] as Hlc };
  let piece: StoredCommit[] = [];
  const process = async () => {
    const began = performance.now();
    for (const stored of piece) {
      const { pk: stream, sk: commitNo, at } = stored;
      try {
        for (const [key, text] of textsOf(stored, evolution, events)) {
          slices[sliceOf(key, slices.length)]?.push(lineOf({ key, stream, commitNo, at }, text));
        }
      } catch (error) {
        throw new Indigestible(stream, commitNo, error);
      }
    }
    onCommits(piece.length);
    piece = [];
    await rest(performance.now() - began);
  };
  for await (const stored of store.stored(range)) {
    if (!projection.categories.includes(categoryOf(stored.pk))) continue;
    if (isSkipped(projection.name, stored.pk, stored.sk)) continue;
    if (piece.push(stored) === COMMITS_AT_ONCE) await process();
  }
  await process();
  await spill.write(segment, slices);
}

/**
 * The events that change each document, as text. Usually a commit changes one document, and its stored text is put aside as it is:
 * then it is checked when the document is folded. So the data of each commit is checked once.
 */
function textsOf(
  stored: StoredCommit,
  evolution: Evolution,
  events: LoadDeps['events'],
): [key: string, text: string][] {
  const { pk: stream, sk: commitNo, at, ev } = stored;
  const touchesOf = (isChecked: boolean) =>
    evolution.touches({ stream, position: { commitNo, at }, events: events(stored, { isChecked }) });
  const [first, ...more] = touchesOf(false).keys();
  if (first !== undefined && more.length === 0 && !ev.includes('\n')) return [[first, ev]];
  return [...touchesOf(true)].map(([key, some]) => [key, JSON.stringify(some)]);
}

/** Folds the documents of one slice and writes them. Returns their number. */
export async function loadSlice(
  { projection, events, spill, rest }: Pick<LoadDeps, 'projection' | 'events' | 'spill' | 'rest'>,
  slice: number,
  insert: (documents: readonly NewDocument[]) => Promise<void>,
): Promise<number> {
  const evolution = createEvolution(projection);
  const drafts = new Map<string, Draft>();
  let began = performance.now();
  let records = 0;
  for await (const lines of spill.read(slice)) {
    for (const line of lines) {
      const { key, stream, commitNo, at, ev } = recordIn(line);
      try {
        const commit = { stream, position: { commitNo, at } };
        const touches = evolution.touches({ ...commit, events: events({ f: FORMAT, pk: stream, sk: commitNo, ev }) });
        const mine = new Map([[key, touches.get(key) ?? []]]);
        const [changed] = evolution.evolve(commit, mine, (one) => drafts.get(one)).values();
        if (changed) drafts.set(key, changed);
      } catch (error) {
        throw new Indigestible(stream, commitNo, error);
      }
      if (++records % COMMITS_AT_ONCE > 0) continue;
      await rest(performance.now() - began);
      began = performance.now();
    }
  }
  let some: NewDocument[] = [];
  for (const [key, { document, positions }] of drafts) {
    if (some.push({ key, document: document ?? null, positions }) < DOCUMENTS_AT_ONCE) continue;
    await insert(some);
    some = [];
  }
  if (some.length > 0) await insert(some);
  return drafts.size;
}

/** The document, and the place of the commit in the log. */
interface RecordHead {
  key: string;
  stream: StreamId;
  commitNo: number;
  at: Hlc;
}

/** The head as JSON, a tab, and the events as JSON. JSON has no tab of its own. */
function lineOf({ key, stream, commitNo, at }: RecordHead, ev: string): string {
  return `${JSON.stringify([key, stream, commitNo, at])}\t${ev}`;
}

function recordIn(line: string): RecordHead & { ev: string } {
  const end = line.indexOf('\t');
  const [key, stream, commitNo, at] = JSON.parse(line.slice(0, end)) as [string, StreamId, number, Hlc];
  return { key, stream, commitNo, at, ev: line.slice(end + 1) };
}

/** FNV-1a. The same key is in the same slice, in every process. */
function sliceOf(key: string, slices: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % slices;
}
