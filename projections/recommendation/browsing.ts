// What people look at next, from what they have looked at. Two models share one set of documents: sequential rules (after A came
// B) and nearest sessions (V-SKNN). Documents are read and written by key, and each of them is bounded.
import { addScore, aged, blended, ranked, type Scores, type Weighted, withWeights } from './scores.js';

/** One look at the page of a product. */
export interface View {
  /** Recognises a view that is delivered twice. */
  id: string;
  /** Whose view it is: one session for each customer. */
  session: string;
  product: string;
  /** Ms since 1970. */
  at: number;
}

/** The last views of one customer, the newest last. */
export interface SessionDocument {
  views: readonly { id: string; product: string; at: number }[];
}

/** What is known about the views of one product. */
export interface ViewedProductDocument {
  /** Products that were viewed soon after it. */
  next: readonly Weighted[];
  /** Sessions that viewed it, the newest last. */
  sessions: readonly string[];
}

export interface BrowsingDocuments {
  /** Missing documents are absent. */
  sessions(ids: readonly string[]): Promise<ReadonlyMap<string, SessionDocument>>;
  products(ids: readonly string[]): Promise<ReadonlyMap<string, ViewedProductDocument>>;
}

export interface BrowsingStore extends BrowsingDocuments {
  /** Writes what `change` makes of the document; nothing if that is undefined. It is called again if another writer was faster. */
  changeSession(
    id: string,
    change: (before: SessionDocument | undefined) => SessionDocument | undefined,
  ): Promise<void>;
  changeProduct(
    id: string,
    change: (before: ViewedProductDocument | undefined) => ViewedProductDocument | undefined,
  ): Promise<void>;
  deleteSession(id: string): Promise<void>;
}

/** An entry of the stream of views. `forget` names a session that is to be deleted. */
export type BrowsingEntry = View | { forget: string };

/** Most views that a session keeps. */
export const MAX_SESSION_VIEWS = 50;
/** Most successors that a product keeps. */
export const MAX_NEXT = 256;
/** Most sessions that a product keeps: the sample in which the nearest sessions are looked for. */
export const MAX_SESSIONS = 100;

/** After a longer pause a view has nothing to do with the one before. */
const MAX_PAUSE_MS = 30 * 60_000;

/** The weight of a view that comes so many views after another. Whole numbers, so that sums do not depend on their order. */
const STEP_WEIGHTS = [6, 3, 2];
const MAX_TOTAL_WEIGHT = 60_000;

/** How many of the last views say what comes next. Each counts `FADING` times as much as the one after it. */
const HISTORY = 5;
const FADING = 0.15;

/** How many of the nearest sessions are read, and the share of their scores in the result. */
const MAX_NEAREST = 60;
const NEAREST_SHARE = 0.15;
/** As `FADING`, for the likeness of sessions. */
const NEAREST_FADING = 0.5;
/** The weight of what a near session viewed before the views that both have. */
const BEFORE = 0.1;
/** A product of a near session counts this much less for each view that lies between. */
const DISTANCE = 0.6;
/** Views beyond so many others count nothing. */
const FARTHEST = 6;

/** A change of the document of one product. */
export interface ProductChange {
  product: string;
  next?: Weighted;
  session?: string;
}

/** Records entries of the stream in their order, as `recordViews` says. */
export async function recordEntries(store: BrowsingStore, entries: readonly BrowsingEntry[]): Promise<void> {
  let views: View[] = [];
  for (const entry of entries) {
    if (!('forget' in entry)) {
      views.push(entry);
      continue;
    }
    await recordViews(store, views);
    views = [];
    await forgetSession(store, entry.forget);
  }
  await recordViews(store, views);
}

/** Deletes a session, and takes it out of the lists of the products that it viewed last. */
async function forgetSession(store: BrowsingStore, session: string): Promise<void> {
  const { views = [] } = (await store.sessions([session])).get(session) ?? {};
  await Promise.all(
    [...new Set(views.map(({ product }) => product))].map((product) =>
      store.changeProduct(product, (before) =>
        before?.sessions.includes(session)
          ? { ...before, sessions: before.sessions.filter((each) => each !== session) }
          : undefined,
      ),
    ),
  );
  await store.deleteSession(session);
}

/**
 * Records views in the order in which they are given, of each session the last `MAX_SESSION_VIEWS`: its document remembers so many,
 * so a repeat of the same views changes nothing. After a crash some weights of a view may be missing.
 */
export async function recordViews(store: BrowsingStore, views: readonly View[]): Promise<void> {
  const bySession = grouped(views, ({ session }) => session);
  const changes = await Promise.all(
    [...bySession].map(async ([session, mine]) => {
      let changes: ProductChange[] = [];
      await store.changeSession(session, (before) => {
        changes = [];
        let after = before;
        for (const view of newViews(before, mine)) {
          const result = viewed(after, view);
          after = result.session;
          changes.push(...result.changes);
        }
        return after === before ? undefined : after;
      });
      return changes;
    }),
  );
  const byProduct = grouped(changes.flat(), ({ product }) => product);
  await Promise.all(
    [...byProduct].map(([product, mine]) => store.changeProduct(product, (before) => changedProduct(before, mine))),
  );
}

function grouped<T>(entries: readonly T[], keyOf: (entry: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const entry of entries) {
    const group = groups.get(keyOf(entry));
    if (group) group.push(entry);
    else groups.set(keyOf(entry), [entry]);
  }
  return groups;
}

/** The last of these views, each once, without those that the session has. All are compared before one of them pushes others out. */
function newViews(before: SessionDocument | undefined, views: readonly View[]): View[] {
  const known = new Set(before?.views.map(({ id }) => id));
  const last = [...new Map(views.map((view) => [view.id, view])).values()].slice(-MAX_SESSION_VIEWS);
  return last.filter(({ id }) => !known.has(id));
}

/** The session after a view, and what the view changes in the documents of products. */
function viewed(
  before: SessionDocument | undefined,
  { id, session, product, at }: View,
): { session: SessionDocument; changes: ProductChange[] } {
  const views = before?.views ?? [];
  const changes: ProductChange[] = [{ product, session }];
  for (const [gap, weight] of STEP_WEIGHTS.entries()) {
    const earlier = views.at(-1 - gap);
    if (!earlier || at - earlier.at > MAX_PAUSE_MS) break;
    changes.push({ product: earlier.product, next: [product, weight] });
  }
  return { session: { views: [...views, { id, product, at }].slice(-MAX_SESSION_VIEWS) }, changes };
}

/** The document of a product after changes to it. */
export function changedProduct(
  before: ViewedProductDocument | undefined,
  changes: readonly ProductChange[],
): ViewedProductDocument {
  const added = changes.flatMap(({ next }) => (next ? [next] : []));
  const came = [...new Set(changes.flatMap(({ session }) => session ?? []))];
  const others = came.length === 0 ? [] : (before?.sessions ?? []).filter((session) => !came.includes(session));
  return {
    next:
      added.length === 0 ? (before?.next ?? []) : aged(withWeights(before?.next, added, MAX_NEXT), MAX_TOTAL_WEIGHT),
    sessions: came.length === 0 ? (before?.sessions ?? []) : [...others, ...came].slice(-MAX_SESSIONS),
  };
}

/**
 * What somebody who viewed these products, the newest last, will probably view next: at most `limit` products, the most probable
 * first. It reads at most `HISTORY` documents of products and `MAX_NEAREST` of sessions. `self`: the caller's own session, which
 * is not a neighbour of itself.
 */
export async function nextProducts(
  documents: BrowsingDocuments,
  viewedProducts: readonly string[],
  limit: number,
  self?: string,
): Promise<string[]> {
  const weights = weightsOf(viewedProducts);
  const products = await documents.products([...weights.keys()]);
  const nearest = nearestSessions(weights, products, self);
  const sessions = await documents.sessions([...nearest.keys()]);
  const parts = [
    { scores: ruleScores(viewedProducts, products), share: 1 },
    { scores: nearestScores(weights, nearest, sessions), share: NEAREST_SHARE },
  ];
  return ranked(blended(parts), limit);
}

/** The last products with what they count, each once. */
function weightsOf(viewedProducts: readonly string[]): Map<string, number> {
  const weights = new Map<string, number>();
  let weight = 1;
  for (const product of viewedProducts.slice(-HISTORY).reverse()) {
    if (!weights.has(product)) weights.set(product, weight);
    weight *= NEAREST_FADING;
  }
  return weights;
}

function ruleScores(viewedProducts: readonly string[], products: ReadonlyMap<string, ViewedProductDocument>): Scores {
  const scores: Scores = new Map();
  let weight = 1;
  for (const product of viewedProducts.slice(-HISTORY).reverse()) {
    const next = products.get(product)?.next ?? [];
    const total = next.reduce((sum, [, each]) => sum + each, 0);
    for (const [id, each] of next) addScore(scores, id, (weight * each) / total);
    weight *= FADING;
  }
  return scores;
}

/** The sessions that share most with the last views. Among equals, the newest. */
function nearestSessions(
  weights: ReadonlyMap<string, number>,
  products: ReadonlyMap<string, ViewedProductDocument>,
  self: string | undefined,
): Map<string, number> {
  const shared: Scores = new Map();
  for (const [product, weight] of weights) {
    for (const session of [...(products.get(product)?.sessions ?? [])].reverse()) {
      if (session !== self) addScore(shared, session, weight);
    }
  }
  return new Map([...shared].sort(([, a], [, b]) => b - a).slice(0, MAX_NEAREST));
}

function nearestScores(
  weights: ReadonlyMap<string, number>,
  nearest: ReadonlyMap<string, number>,
  sessions: ReadonlyMap<string, SessionDocument>,
): Scores {
  const scores: Scores = new Map();
  for (const [id, { views }] of sessions) {
    const last = views.findLastIndex(({ product }) => weights.has(product));
    if (last < 0) continue;
    const likeness = (nearest.get(id) ?? 0) / Math.sqrt(views.length);
    for (let index = Math.max(0, last - FARTHEST); index <= last + FARTHEST; index++) {
      const view = views[index];
      if (!view) break;
      const place = index > last ? 1 : BEFORE;
      addScore(scores, view.product, likeness * place * DISTANCE ** Math.abs(index - last));
    }
  }
  return scores;
}
