// Measures recommendations: models learn from one part of the data, and predict the other. They learn nothing from what they predict.
import type { Model } from './models.js';

/** Length of a list of recommendations. */
const AT = 20;

export interface Result {
  /** Share of the predictions with a right item among the first 20. */
  hr20: number;
  /** Mean of 1 / rank of the first right item; 0 if it is not among the first 20. */
  mrr20: number;
  /** Share of all items in the training data that are recommended at least once. */
  coverage: number;
}

export interface Evaluation<N extends string> {
  /** Of the test data: what was predicted from, and the number of predictions. */
  test: { sessions: number; events: number };
  models: Record<N, Result>;
}

/** One prediction: what was seen, and which items are right. */
export interface Task {
  seen: readonly string[];
  isRight(item: string): boolean;
}

export interface Protocol {
  train: AsyncIterable<readonly string[]>;
  test: AsyncIterable<readonly string[]>;
  /** The predictions for one session or basket of the test data. Without any, it is not counted. */
  tasksOf(items: readonly string[]): readonly Task[];
  onTested?(sessions: number): void;
}

export async function evaluate<N extends string>(
  models: Readonly<Record<N, Model>>,
  { train, test, tasksOf, onTested }: Protocol,
): Promise<Evaluation<N>> {
  const known = new Set<string>();
  const named = Object.entries(models) as [N, Model][];
  for await (const items of train) {
    for (const item of items) known.add(item);
    for (const [, model] of named) await model.learn(items);
  }
  const tallies = named.map(([name, model]) => ({ name, model, hits: 0, reciprocal: 0, shown: new Set<string>() }));
  const counts = { sessions: 0, events: 0 };
  for await (const items of test) {
    const tasks = tasksOf(items);
    if (tasks.length === 0) continue;
    counts.sessions++;
    counts.events += tasks.length;
    for (const tally of tallies) {
      for (const { seen, isRight } of tasks) {
        const found = await tally.model.recommend(seen, AT);
        for (const item of found) tally.shown.add(item);
        const place = found.findIndex(isRight);
        if (place < 0) continue;
        tally.hits++;
        tally.reciprocal += 1 / (place + 1);
      }
    }
    onTested?.(counts.sessions);
  }
  const results = tallies.map(({ name, hits, reciprocal, shown }) => [
    name,
    {
      hr20: share(hits, counts.events),
      mrr20: share(reciprocal, counts.events),
      coverage: share([...shown].filter((item) => known.has(item)).length, known.size),
    },
  ]);
  return { test: counts, models: Object.fromEntries(results) };
}

/** The next item of a session, from those before it. */
export function nextItem(items: readonly string[]): Task[] {
  return items.slice(1).map((next, index) => ({ seen: items.slice(0, index + 1), isRight: (item) => item === next }));
}

/** Another line of a basket, from each of its lines. */
export function otherLine(skus: readonly string[]): Task[] {
  const all = new Set(skus);
  if (all.size < 2) return [];
  return [...all].map((sku) => ({ seen: [sku], isRight: (other) => other !== sku && all.has(other) }));
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 10_000) / 10_000;
}
