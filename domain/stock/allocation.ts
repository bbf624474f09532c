// Chooses the locations that send an order: as few as can cover it, then those with the most stock, then by name.
import { sum } from '../kernel/money.js';
import { type Parcel, type StockNeed, stockNeeds } from '../order/parcels.js';

/** Most sets of locations to try in the search for a smaller set than the greedy choice. Few shops have more. */
const MAX_SETS = 5_000;

/** The stock of a SKU at one location. Up to `backorderLimit` units more than that can be promised. */
export interface StockLevel {
  sku: string;
  location: string;
  available: number;
  /** Units held by running checkouts. They may become available again at any moment. */
  heldByCheckouts?: number;
  backorderLimit?: number;
}

/** By SKU: all units that can be promised, over all locations. */
export interface Shortage {
  short: Readonly<Record<string, number>>;
  /** The allocation that is possible if the running checkouts release everything. */
  ifReleased?: readonly Parcel[];
}

/** Pure: the same needs and levels give the same parcels, in any sequence. */
export function planAllocation(needed: readonly StockNeed[], levels: readonly StockLevel[]): Parcel[] | Shortage {
  const needs = stockNeeds(needed);
  const short = shortagesOf(needs, levels);
  if (short.length > 0) return { short: Object.fromEntries(short), ...planIfReleased(needs, levels) };
  const sources = sourcesOf(needs, levels);
  const greedy = greedyChoice(needs, sources);
  const chosen = smallerChoice(needs, sources, greedy.length) ?? greedy;
  return needs.flatMap((need) => parcelsOf(need, chosen));
}

function planIfReleased(needs: readonly StockNeed[], levels: readonly StockLevel[]): Pick<Shortage, 'ifReleased'> {
  if (!levels.some(({ heldByCheckouts = 0 }) => heldByCheckouts > 0)) return {};
  const ifReleased = planAllocation(
    needs,
    levels.map(({ heldByCheckouts = 0, ...level }) => ({ ...level, available: level.available + heldByCheckouts })),
  );
  return Array.isArray(ifReleased) ? { ifReleased } : {};
}

/** A location, with the promisable units of each SKU. */
interface Source {
  location: string;
  can: ReadonlyMap<string, number>;
  /** Units of the needed SKUs that are in stock. */
  stock: number;
}

function shortagesOf(needs: readonly StockNeed[], levels: readonly StockLevel[]): [sku: string, available: number][] {
  const all = new Map<string, number>();
  for (const level of levels) all.set(level.sku, (all.get(level.sku) ?? 0) + promisable(level));
  return needs.flatMap(({ sku, quantity }): [string, number][] => {
    const available = all.get(sku) ?? 0;
    return available < quantity ? [[sku, available]] : [];
  });
}

/** The locations that can promise anything, the most useful first. */
function sourcesOf(needs: readonly StockNeed[], levels: readonly StockLevel[]): Source[] {
  const needed = new Set(needs.map(({ sku }) => sku));
  const useful = levels.filter((level) => needed.has(level.sku) && promisable(level) > 0);
  const sources = new Map<string, { location: string; can: Map<string, number>; stock: number }>();
  for (const { location, sku, ...level } of useful) {
    const source = sources.get(location) ?? { location, can: new Map(), stock: 0 };
    source.can.set(sku, promisable(level));
    source.stock += Math.max(0, level.available);
    sources.set(location, source);
  }
  return byUse(needs, [...sources.values()]);
}

function byUse(needs: readonly StockNeed[], sources: readonly Source[]): Source[] {
  return sources
    .map((source) => ({ source, use: useOf(needs, source) }))
    .sort(
      (a, b) => b.use - a.use || b.source.stock - a.source.stock || (a.source.location < b.source.location ? -1 : 1),
    )
    .map(({ source }) => source);
}

/** Repeatedly picks the location that has the most of what is still missing. */
function greedyChoice(needs: readonly StockNeed[], sources: readonly Source[]): Source[] {
  const [best, ...others] = byUse(needs, sources);
  if (!best) return [];
  const missing = needs.flatMap(({ sku, quantity }) => {
    const rest = quantity - (best.can.get(sku) ?? 0);
    return rest > 0 ? [{ sku, quantity: rest }] : [];
  });
  return missing.length === 0 ? [best] : [best, ...greedyChoice(missing, others)];
}

/** The smallest set of fewer than `size` locations that covers the needs. Among several the first in order of use. */
function smallerChoice(needs: readonly StockNeed[], sources: readonly Source[], size: number): Source[] | undefined {
  let looked = 0;
  for (let few = 2; few < size; few++) {
    for (const some of setsOf(sources, few)) {
      if (covers(needs, some)) return some;
      if (++looked >= MAX_SETS) return undefined;
    }
  }
  return undefined;
}

function* setsOf<T>(from: readonly T[], size: number): Generator<T[]> {
  if (size === 0) {
    yield [];
    return;
  }
  for (const [index, first] of from.entries()) {
    for (const rest of setsOf(from.slice(index + 1), size - 1)) yield [first, ...rest];
  }
}

function covers(needs: readonly StockNeed[], sources: readonly Source[]): boolean {
  return needs.every(({ sku, quantity }) => sum(sources.map(({ can }) => can.get(sku) ?? 0)) >= quantity);
}

/** As many of these units as other locations can promise, from as few locations as possible. */
export function elsewhere({ sku, location, quantity }: Parcel, levels: readonly StockLevel[]): Parcel[] {
  const others = levels.filter((level) => level.sku === sku && level.location !== location);
  const there = sum(others.map(promisable));
  if (there === 0) return [];
  const plan = planAllocation([{ sku, quantity: Math.min(quantity, there) }], others);
  return Array.isArray(plan) ? plan : [];
}

/** Starts with the location that has most of the SKU, so that it is split as little as possible. */
function parcelsOf({ sku, quantity }: StockNeed, sources: readonly Source[]): Parcel[] {
  const most = sources.map(({ location, can }) => ({ location, can: can.get(sku) ?? 0 })).sort((a, b) => b.can - a.can);
  const parcels: Parcel[] = [];
  let missing = quantity;
  for (const { location, can } of most) {
    if (missing === 0) break;
    const taken = Math.min(missing, can);
    parcels.push({ sku, location, quantity: taken });
    missing -= taken;
  }
  return parcels;
}

function useOf(needs: readonly StockNeed[], { can }: Source): number {
  return sum(needs.map(({ sku, quantity }) => Math.min(quantity, can.get(sku) ?? 0)));
}

function promisable({ available, backorderLimit = 0 }: Pick<StockLevel, 'available' | 'backorderLimit'>): number {
  return Math.max(0, available + backorderLimit);
}
