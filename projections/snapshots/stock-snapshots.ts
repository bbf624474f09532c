// Daily snapshots of the stock: for each location the fold of the log up to midnight UTC, written once. What is committed later
// belongs to the next day. A day starts from the snapshot before it, so it costs as much as has changed.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createGunzip, createGzip } from 'node:zlib';
import { z } from 'zod';
import { type Hlc, hlcOf, millisOf } from '../../domain/kernel/clock.js';
import { OperatorError } from '../../domain/kernel/errors.js';
import type { EventStore } from '../../domain/kernel/event-store.js';
import type { ObjectStore } from '../../domain/kernel/objects.js';
import { categoryOf, partsOf, type StreamId } from '../../domain/kernel/stream.js';
import { type StockKey, stockStream } from '../../domain/stock/stock-item.js';
import { type StockDocument, stock } from '../models/stock.js';
import { createEvolution } from '../runtime/evolution.js';

const DAY_MS = 24 * 3_600_000;

const MANIFESTS = 'stock/manifests/';
const HEADER = 'sku,location,onHand,reserved,committed,commitNo';

/** `2026-11-28`: the day that ends at the midnight of the snapshot. */
export type Day = string;

export interface StockLevel {
  sku: string;
  location: string;
  onHand: number;
  reserved: number;
  committed: number;
  /** The last commit of the item that is in it. */
  commitNo: number;
}

const manifestSchema = z.object({
  format: z.literal(1),
  day: z.iso.date(),
  /** RFC 3339: commits before this time are in the snapshot. */
  before: z.iso.datetime(),
  locations: z.array(
    z.object({
      location: z.string(),
      object: z.string(),
      rows: z.int(),
      onHand: z.int(),
      /** Of the object as stored. */
      sha256: z.string(),
    }),
  ),
});
export type StockManifest = z.output<typeof manifestSchema>;

/** An object that is not what the log or its manifest says. */
export class SnapshotDamaged extends OperatorError {
  override name = 'SnapshotDamaged';
}

export interface SnapshotDeps {
  store: Pick<EventStore, 'log' | 'read' | 'watermark'>;
  objects: ObjectStore;
}

export interface CatchUpOptions {
  /** Ends the work between two items. The next call begins the day again. */
  signal?: AbortSignal;
  onMade?: (made: StockManifest) => void;
}

export interface StockSnapshots {
  /** The last day whose snapshot can be made: nothing can be committed before its midnight any more. */
  lastDay(): Promise<Day>;
  /**
   * Makes the missing snapshots up to a day: from the last one on; if there is none, that day alone. Returns those that were made.
   * Any number of processes may do it at once.
   */
  catchUp(upTo: Day, options?: CatchUpOptions): Promise<StockManifest[]>;
  /** Makes the snapshot of one day, unless it exists. */
  make(day: Day, signal?: AbortSignal): Promise<StockManifest>;
  /** The days with a snapshot, oldest first. */
  days(): Promise<Day[]>;
  manifest(day: Day): Promise<StockManifest | undefined>;
  /** The levels of one location, by SKU. Throws `SnapshotDamaged` if the object is not the one of the manifest. */
  levels(location: StockManifest['locations'][number]): AsyncIterable<StockLevel>;
}

export function createStockSnapshots({ store, objects }: SnapshotDeps): StockSnapshots {
  async function lastDay(): Promise<Day> {
    return dayBefore(millisOf(await store.watermark()));
  }

  async function days(): Promise<Day[]> {
    const found: Day[] = [];
    for await (const name of objects.list(MANIFESTS)) found.push(name.slice(MANIFESTS.length, -'.json'.length));
    return found;
  }

  async function manifest(day: Day): Promise<StockManifest | undefined> {
    const name = `${MANIFESTS}${day}.json`;
    const body = await objects.get(name);
    if (!body) return undefined;
    const parsed = manifestSchema.safeParse(jsonIn(body));
    if (parsed.success && parsed.data.day === day) return parsed.data;
    throw new SnapshotDamaged(`${name} in ${objects.place} is not a manifest of ${day}.`);
  }

  async function catchUp(upTo: Day, { signal, onMade = () => {} }: CatchUpOptions = {}): Promise<StockManifest[]> {
    const known = await days();
    const last = known.filter((day) => day <= upTo).at(-1);
    if (last === undefined && !(await hasStockBefore(endOf(upTo)))) return [];
    const made: StockManifest[] = [];
    for (let day = last === undefined ? upTo : dayAfter(last); day <= upTo; day = dayAfter(day)) {
      const one = await make(day, signal);
      made.push(one);
      onMade(one);
    }
    return made;
  }

  async function hasStockBefore(end: Hlc): Promise<boolean> {
    for await (const { stream } of store.log(0, end - 1)) if (categoryOf(stream) === stock.name) return true;
    return false;
  }

  async function make(day: Day, signal?: AbortSignal): Promise<StockManifest> {
    const existing = await manifest(day);
    if (existing) return existing;
    if (day > (await lastDay()))
      throw new OperatorError(`${day} has not ended yet; its snapshot is made after midnight UTC.`);
    const end = endOf(day);
    const earlier = (await days()).filter((known) => known < day).at(-1);
    const before = earlier === undefined ? undefined : await manifest(earlier);
    const changed = await changedBetween(before ? endOf(before.day) : 0, end);
    const names = new Set([...(before?.locations ?? []).map(({ location }) => location), ...changed.keys()]);
    const locations: StockManifest['locations'] = [];
    for (const location of [...names].sort(byCharacters)) {
      const base = before?.locations.find((one) => one.location === location);
      const rows = merged(base ? levels(base) : noLevels(), changed.get(location) ?? [], location, (item, from) => {
        signal?.throwIfAborted();
        return foldStock(store, stockStream(item), end, from);
      });
      locations.push(await write(day, location, rows));
    }
    const made: StockManifest = { format: 1, day, before: new Date(millisOf(end)).toISOString(), locations };
    // The manifest comes last, so that a snapshot with one is complete.
    await objects.putOnce(`${MANIFESTS}${day}.json`, Buffer.from(`${JSON.stringify(made, null, 2)}\n`));
    return (await manifest(day)) ?? made;
  }

  /** By location: the SKUs of items with commits from `from` until before `end`, sorted. */
  async function changedBetween(from: Hlc, end: Hlc): Promise<Map<string, string[]>> {
    const skus = new Map<string, Set<string>>();
    for await (const { stream } of store.log(Math.max(0, from - 1), end - 1)) {
      if (categoryOf(stream) !== stock.name) continue;
      const [sku = '', location = ''] = partsOf(stream);
      const known = skus.get(location);
      if (known) known.add(sku);
      else skus.set(location, new Set([sku]));
    }
    return new Map([...skus].map(([location, some]) => [location, [...some].sort(byCharacters)]));
  }

  /** The base with the changed items folded on; both are sorted by SKU. */
  async function* merged(
    base: AsyncIterable<StockLevel>,
    changed: readonly string[],
    location: string,
    foldItem: (item: StockKey, from?: StockLevel) => Promise<StockLevel | undefined>,
  ): AsyncGenerator<StockLevel> {
    const fold = (sku: string, from?: StockLevel) => foldItem({ sku, location }, from);
    let next = 0;
    for await (const level of base) {
      for (let sku = changed[next]; sku !== undefined && byCharacters(sku, level.sku) < 0; sku = changed[++next]) {
        yield* present(await fold(sku));
      }
      if (changed[next] === level.sku) {
        yield* present(await fold(level.sku, level));
        next++;
      } else yield level;
    }
    for (const sku of changed.slice(next)) yield* present(await fold(sku));
  }

  async function write(day: Day, location: string, rows: AsyncIterable<StockLevel>) {
    const object = `stock/${day}/${location}.csv.gz`;
    const counts = { rows: 0, onHand: 0 };
    const body = await gzipped(linesOf(rows, counts));
    if (await objects.putOnce(object, body)) return { location, object, ...counts, sha256: sha256(body) };
    // Another process has written it, or an earlier run. Compressed bytes may differ between programs.
    const found = (await objects.get(object)) ?? new Uint8Array();
    if ((await textOf(found)) !== (await textOf(body))) {
      throw new SnapshotDamaged(
        `${object} in ${objects.place} is not what the log says; it was not made by this shop's log.`,
      );
    }
    return { location, object, ...counts, sha256: sha256(found) };
  }

  async function* levels({ location, object, rows, sha256: wanted }: StockManifest['locations'][number]) {
    const body = await objects.get(object);
    if (!body) throw new SnapshotDamaged(`${object} is missing in ${objects.place}, although its manifest names it.`);
    if (sha256(body) !== wanted)
      throw new SnapshotDamaged(`${object} in ${objects.place} is not the one of its manifest.`);
    let read = 0;
    for await (const line of linesIn(body)) {
      if (read++ === 0) continue;
      const [sku = '', place = '', ...numbers] = line.split(',');
      const [onHand = Number.NaN, reserved = Number.NaN, committed = Number.NaN, commitNo = Number.NaN] =
        numbers.map(Number);
      if (place !== location || Number.isNaN(commitNo))
        throw new SnapshotDamaged(`${object} is broken at row ${read - 1}.`);
      yield { sku, location, onHand, reserved, committed, commitNo };
    }
    if (read !== rows + 1) throw new SnapshotDamaged(`${object} has ${read - 1} rows, its manifest ${rows}.`);
  }

  return { lastDay, catchUp, make, days, manifest, levels };
}

const evolution = createEvolution(stock);

/** The level of a stock item from its commits before `end`, or before the end of its stream. Undefined if there are none. */
export async function foldStock(
  store: Pick<EventStore, 'read'>,
  stream: StreamId,
  end: Hlc,
  from?: StockLevel,
): Promise<StockLevel | undefined> {
  const [sku = '', location = ''] = partsOf(stream);
  let level = from;
  for await (const commit of store.read(stream, from?.commitNo)) {
    if (commit.position.at >= end) break;
    const { onHand = 0, reserved = 0, committed = 0 } = level ?? {};
    const before: StockDocument = { sku, locations: [{ location, onHand, reserved, committed }] };
    const changed = evolution.evolve(commit, evolution.touches(commit), () => ({
      document: { ...before },
      positions: {},
    }));
    const after = (changed.get(sku)?.document as StockDocument | undefined) ?? before;
    const [now = { onHand: 0, reserved: 0, committed: 0 }] = after.locations;
    level = {
      sku,
      location,
      onHand: now.onHand,
      reserved: now.reserved,
      committed: now.committed,
      commitNo: commit.position.commitNo,
    };
  }
  return level;
}

export function isDay(text: string): boolean {
  return z.iso.date().safeParse(text).success;
}

/** Commits before this time belong to the day. */
export function endOf(day: Day): Hlc {
  return hlcOf(Date.parse(`${day}T00:00:00.000Z`) + DAY_MS);
}

function dayOf(ms: number): Day {
  return new Date(ms).toISOString().slice(0, 'YYYY-MM-DD'.length);
}

/** The day before the one that has this time. */
function dayBefore(ms: number): Day {
  return dayOf(ms - DAY_MS);
}

function dayAfter(day: Day): Day {
  return dayOf(Date.parse(`${day}T00:00:00.000Z`) + DAY_MS);
}

export function byCharacters(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function* noLevels(): AsyncGenerator<StockLevel> {}

function* present(level: StockLevel | undefined): Generator<StockLevel> {
  if (level) yield level;
}

async function* linesOf(levels: AsyncIterable<StockLevel>, counts: { rows: number; onHand: number }) {
  yield `${HEADER}\n`;
  for await (const { sku, location, onHand, reserved, committed, commitNo } of levels) {
    counts.rows++;
    counts.onHand += onHand;
    yield `${sku},${location},${onHand},${reserved},${committed},${commitNo}\n`;
  }
}

async function gzipped(lines: AsyncIterable<string>): Promise<Buffer> {
  const gzip = createGzip();
  const chunks: Buffer[] = [];
  gzip.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = once(gzip, 'end');
  for await (const line of lines) if (!gzip.write(line)) await once(gzip, 'drain');
  gzip.end();
  await ended;
  return Buffer.concat(chunks);
}

async function* linesIn(body: Uint8Array): AsyncGenerator<string> {
  const gunzip = createGunzip();
  gunzip.end(body);
  let rest = '';
  for await (const chunk of gunzip) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

async function textOf(body: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for await (const line of linesIn(body)) hash.update(`${line}\n`);
  return hash.digest('hex');
}

function sha256(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}

function jsonIn(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined;
  }
}
